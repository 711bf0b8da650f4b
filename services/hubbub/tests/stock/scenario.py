"""What can be done in /chat and in the lobby, by the stock Python client (python-socketio).

Its handlers take as many arguments as the events have: one more (an offset) would be an error.
"""

import json
import os
import sys
import threading
import time

import socketio

SETTINGS = json.loads(os.environ["STOCK"])
URL, TOKENS, TRANSPORTS = SETTINGS["url"], SETTINGS["tokens"], SETTINGS["transports"]
PATIENCE = 30


class Listener:
    """A client that writes down what it hears in one namespace."""

    def __init__(self, namespace, **options):
        self.heard = []
        self.changed = threading.Condition()
        self.namespace = namespace
        self.client = socketio.Client(reconnection_delay=0.1)

        def note(name, count):
            # As an app has them: with exactly the arguments of the reference.
            names = ", ".join(f"a{number}" for number in range(count))
            scope = {"heard": self.hear, "name": name}
            exec(f"def handler({names}): heard(name, [{names}])", scope)
            self.client.on(name, scope["handler"], namespace=namespace)

        for name, count in EVENTS[namespace].items():
            note(name, count)
        self.client.connect(URL, namespaces=[namespace], transports=TRANSPORTS, wait_timeout=PATIENCE, **options)

    def hear(self, name, args):
        with self.changed:
            self.heard.append((name, args))
            self.changed.notify_all()

    def hears(self, name, fits=lambda *args: True):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for heard, args in self.heard:
                    if heard == name and fits(*args):
                        return args
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"waited in vain for {name}; last heard: {self.heard[-5:]}")

    def ask(self, name, *args):
        return self.client.call(name, args if len(args) != 1 else args[0], namespace=self.namespace, timeout=PATIENCE)

    def emit(self, name, *args):
        self.client.emit(name, args if len(args) != 1 else args[0], namespace=self.namespace)


EVENTS = {
    "/chat": {"chatMessage": 1, "history": 1, "typing": 2, "error": 2, "messageEdited": 1, "entered": 1},
    "/": {
        "initUser": 1,
        "sys message": 1,
        "loginSuccess": 1,
        "repeat": 1,
        "system": 1,
        "message from server": 1,
        "chat": 1,
        "receive-message": 1,
        "private message": 1,
        "error": 2,
    },
}


def refused():
    client, refusals = socketio.Client(reconnection=False), []
    client.on("connect_error", lambda data: refusals.append(data), namespace="/chat")
    try:
        client.connect(URL, namespaces=["/chat"], transports=TRANSPORTS, auth={"token": "wrong"}, wait_timeout=5)
        raise AssertionError("a wrong token was let in")
    except socketio.exceptions.ConnectionError:
        pass
    finally:
        client.disconnect()
    assert refusals and refusals[0]["data"]["code"] == "unauthenticated", refusals


def chat():
    alice, bob = (Listener("/chat", auth={"token": TOKENS[user]}) for user in ("alice", "bob"))
    room = alice.ask("openRoom", {"receiver": "bob"})["roomId"]
    assert bob.ask("openRoom", {"receiver": "alice"})["roomId"] == room
    for listener in (alice, bob):
        assert listener.ask("join-room", room)["ok"] is True
    text = f"hello from Python \U0001f40d {time.time()}"
    stored = alice.ask("chatMessage", {"message": text, "clientId": text, "sender": "mallory"})
    for listener in (alice, bob):
        (message,) = listener.hears("chatMessage", lambda it: it["_id"] == stored["_id"])
        assert message["sender"] == "alice" and message["message"] == text and message["seq"] == stored["seq"]
    assert alice.ask("chatMessage", {"message": text, "clientId": text})["seq"] == stored["seq"]
    page = bob.ask("history", {"limit": 1})
    assert [it["message"] for it in page] == [text]
    assert bob.hears("history") == [page]
    record = [it for it in bob.ask("chatRecord") if it["roomId"] == room][0]
    assert record["receiver"] == "alice" and record["message"]["message"] == text
    assert bob.ask("read", {"room": room, "seq": stored["seq"]})["unread"] == 0
    assert bob.ask("shout", 1)["error"]["code"] == "bad_request"
    assert bob.hears("error")[1]["event"] == "shout"
    if SETTINGS["typing"]:
        alice.emit("typing", True)
        assert bob.hears("typing")[1] == {"room": room, "user": "alice"}
    assert bob.ask("leaveRoom", room)["ok"] is True
    for listener in (alice, bob):
        listener.client.disconnect()


def lobby():
    ann, ben = Listener("/"), Listener("/")
    for guest in (ann, ben):
        assert guest.hears("initUser")[0]["name"].startswith("guest-")
    name = f"Py-{os.getpid()}"
    ann.emit("login", name)
    assert ann.hears("loginSuccess") == [name]
    ben.emit("login", name.lower())
    assert ben.hears("repeat") == [name.lower()]
    picture = bytes(range(256)) * 8
    ann.emit("chat message", {"description": "a picture", "picture": picture})
    (said,) = ben.hears("message from server")
    assert said["picture"] == picture and said["nickName"] == name
    assert ben.ask("join-room", "py") == "Joined py"
    ann.emit("send-message", "in the room", "py")
    assert ben.hears("receive-message") == ["in the room"]
    ben.emit("chat", "hi")
    assert ann.hears("chat")[0].startswith("hi-用户:")
    ben.emit("private message", {"to": name, "message": "psst"})
    assert ann.hears("private message")[0]["message"] == "psst"
    for guest in (ann, ben):
        guest.client.disconnect()


try:
    refused()
    chat()
    lobby()
    print("passed", flush=True)
    status = 0
except BaseException as error:
    import traceback

    traceback.print_exception(error)
    status = 1
# Threads of clients that failed midway must not hold the process.
sys.stdout.flush()
os._exit(status)
