"""A service of yours that calls hubbub over gRPC (docs/grpc.md): it opens the room of two people, says
something there under an id of its own, and reads it back.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python -m grpc_tools.protoc -I ../../../proto --python_out=. --grpc_python_out=. \
        hubbub/room/v1/room.proto hubbub/history/v1/history.proto hubbub/history/v1/message.proto
    HUBBUB_ROOM=127.0.0.1:7102 HUBBUB_HISTORY=127.0.0.1:7103 HUBBUB_GRPC_TOKEN=… .venv/bin/python call.py
"""

import os

import grpc
from google.rpc import error_details_pb2, status_pb2

from hubbub.history.v1 import history_pb2, history_pb2_grpc, message_pb2
from hubbub.room.v1 import room_pb2, room_pb2_grpc

# A caller that waits for ever holds its own callers up for ever.
DEADLINE_SECONDS = 5
METADATA = [("authorization", f"Bearer {os.environ.get('HUBBUB_GRPC_TOKEN', '')}")]


def reason(error: grpc.RpcError) -> str:
    """The code of docs/protocol.md behind a status: `not_found`, `too_large`, ..."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == "hubbub":
                    return info.reason
    return error.code().name.lower()


def main() -> None:
    room_channel = grpc.insecure_channel(os.environ.get("HUBBUB_ROOM", "127.0.0.1:7102"))
    history_channel = grpc.insecure_channel(os.environ.get("HUBBUB_HISTORY", "127.0.0.1:7103"))
    rooms = room_pb2_grpc.RoomServiceStub(room_channel)
    history = history_pb2_grpc.HistoryServiceStub(history_channel)
    how = {"timeout": DEADLINE_SECONDS, "metadata": METADATA}

    opened = rooms.OpenDirect(room_pb2.OpenDirectRequest(actor_id="alice", peer_id="bob"), **how)
    room_id = opened.room.room_id

    message = history_pb2.NewMessage(
        room_id=room_id,
        sender_id="alice",
        # Derived from what happened, so that a repetition is the same message.
        client_id="parcel-4712-left",
        body=message_pb2.Body(text="the parcel has left"),
    )
    append = history_pb2.AppendRequest(messages=[message])
    first = history.Append(append, **how).results[0].appended
    again = history.Append(append, **how).results[0].appended
    assert again.duplicate and (again.seq, again.rev) == (first.seq, first.rev)

    page = history.GetPage(history_pb2.GetPageRequest(room_id=room_id, limit=1), **how)
    print(f"seq {first.seq} rev {first.rev}: {page.messages[-1].body.text}")

    try:
        rooms.GetMembership(room_pb2.GetMembershipRequest(user_id="mallory", room_id=room_id), **how)
    except grpc.RpcError as error:
        print(f"a stranger is told: {reason(error)}")


if __name__ == "__main__":
    main()
