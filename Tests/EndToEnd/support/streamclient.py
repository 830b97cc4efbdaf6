"""A client of port 3112, as a browser is one: joins, leaves, and messages in the order of their arrival."""

from __future__ import annotations

import time
from typing import Any

from .rawsocket import CLOSE, RawSocket

# What `join` leaves out of the frame.
ABSENT: Any = object()


def subscription(name: str, stream: str, group: str, item: Any = ABSENT, **fields: Any) -> dict[str, Any]:
    data = {"subscriptionId": name, "streamName": stream, "groupId": group, **fields}
    return data if item is ABSENT else {**data, "id": item}


class StreamClient(RawSocket):
    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(port, **options)
        self.marks = 0

    def join(self, stream: str, group: str, item: Any = ABSENT, *, name: str = "s", **fields: Any) -> None:
        """`fields` are further members of `data`, such as `resume`."""
        self.send({"type": "join", "data": subscription(name, stream, group, item, **fields)})

    def leave(self, stream: str, group: str, item: Any = ABSENT, *, name: str = "s") -> None:
        self.send({"type": "leave", "data": subscription(name, stream, group, item)})

    def joined(self, stream: str, group: str, item: Any = ABSENT, **fields: Any) -> dict[str, Any]:
        """Joins; the first message that comes."""
        self.join(stream, group, item, **fields)
        return self.receive()

    def take(self, count: int) -> list[dict[str, Any]]:
        return [self.receive() for _ in range(count)]

    def arrived(self) -> list[dict[str, Any]]:
        """Everything that was sent to this client before now: the sync of a mark comes behind it."""
        self.marks += 1
        group = f"mark-{self.marks}"
        self.join("test:mark", group, name="test:mark")
        messages = []
        while (message := self.receive())["groupId"] != group or message["streamName"] != "test:mark":
            messages.append(message)
        return messages

    def close_with(self, code: int | None = 1000) -> float:
        """The close handshake; how long the answer took, seconds."""
        begin = time.monotonic()
        self.send_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big"))
        self.drop_code()
        return time.monotonic() - begin


def brief(message: dict[str, Any]) -> tuple[Any, ...]:
    """An event's id, type and data; of a custom one the data is its body."""
    event = message["event"]
    return (message["id"], event["type"], event["event"] if event["type"] == "event" else event.get("data"))


def briefs(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [brief(message) for message in messages]
