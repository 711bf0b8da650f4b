"""Checks messages that a server sent against docs/asyncapi.yaml.

The second file is a list of {"message": key of the document, "payload": what was sent}.
"""

import json
import sys

import yaml
from jsonschema import Draft7Validator


def main(document_path, frames_path):
    with open(document_path, encoding="utf-8") as file:
        components = yaml.safe_load(file)["components"]
    with open(frames_path, encoding="utf-8") as file:
        frames = json.load(file)
    wrong = []
    for frame in frames:
        message = components["messages"].get(frame["message"])
        if message is None:
            wrong.append(f"{frame['message']} is not in the document: {frame['payload']}")
            continue
        schema = message["payload"] | {"components": {"schemas": components["schemas"]}}
        for error in Draft7Validator(schema).iter_errors(frame["payload"]):
            wrong.append(f"{frame['message']}: {error.message} in {frame['payload']}")
    print("\n".join(wrong) or f"{len(frames)} messages are what the document says")
    return 1 if wrong or not frames else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
