"""Checks docs/openapi.json: that it is OpenAPI, and that every example is what its schema says."""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

METHODS = {"get", "put", "post", "delete", "patch"}


def contents(operation):
    """Each media type with an example in it: where it stands, and what it holds."""
    yield "request", operation.get("requestBody", {})
    for status, response in operation["responses"].items():
        yield status, response


def main(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    validate(document)
    components = {"components": document["components"]}
    wrong, checked = [], 0
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            for place, holder in contents(operation):
                for media in holder.get("content", {}).values():
                    if "example" not in media:
                        continue
                    checked += 1
                    validator = Draft202012Validator(media["schema"] | components)
                    for error in validator.iter_errors(media["example"]):
                        wrong.append(f"{method} {address} {place}: {error.message}")
    print("\n".join(wrong) or f"{checked} examples are what their schemas say")
    return 1 if wrong or not checked else 0


sys.exit(main(sys.argv[1]))
