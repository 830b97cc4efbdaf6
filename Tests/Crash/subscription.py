"""One subscription's view of a stream: its model, checked frame by frame. Pure: frames in, journal entries out.

What a single frame can show to be wrong is found here (`wrong`); what needs the writers' side is the oracle's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from values import STREAM, TORN, is_number, mark_of


@dataclass
class Subscription:
    name: str
    group: str
    # One item only.
    item: str | None
    # Asks for positions, and goes on from the last one after a loss.
    resumes: bool
    journal: Callable[..., None]
    # Place to mark, in the order of `stream::list`.
    model: dict[str, int] = field(default_factory=dict)
    # The last number of each sender.
    heard: dict[str, int] = field(default_factory=dict)
    position: str | None = None
    # The position that stood when the frame in hand came.
    asked: str | None = None
    # Whether this connection's join has been answered.
    is_current: bool = False
    # Events still to come of those that were missed.
    outstanding: int = 0

    @property
    def place(self) -> str | None:
        return None if self.item is None else f"{self.group}/{self.item}"

    def join(self) -> dict[str, Any]:
        """The frame to send; from now on answers are awaited."""
        data: dict[str, Any] = {"subscriptionId": self.name, "streamName": STREAM, "groupId": self.group}
        if self.item is not None:
            data["id"] = self.item
        if self.resumes:
            data["resume"] = self.position
        self.journal("join", self.name)
        return {"type": "join", "data": data}

    def lose(self) -> None:
        """The connection is over."""
        self.is_current = False
        self.outstanding = 0
        self.journal("lost", self.name, self.resumes)

    def receive(self, message: dict[str, Any]) -> None:
        event = message["event"]
        if message["streamName"] != STREAM or self.item not in (None, message["id"]):
            return self._wrong(f"got what is for {message['streamName']}/{message['groupId']}/{message['id']}")
        self._keep_position(message, event["type"])
        match event["type"]:
            case "sync":
                self._sync(event)
            case "resumed":
                self._resume(event)
            case _ if not self.is_current:
                self._wrong(f"a {event['type']} before the answer to the join")
            case "create" | "update" | "delete" as kind:
                self.outstanding -= 1
                self._change(kind, f"{self.group}/{message['id']}", event["data"])
            case "event":
                self.outstanding -= 1
                self._event(message["id"], event["event"])
            case other:
                self._wrong(f"an event {other}")

    def _wrong(self, what: str) -> None:
        self.journal("wrong", f"{self.name}: {what}")

    def _keep_position(self, message: dict[str, Any], kind: str) -> None:
        position = message.get("position")
        if isinstance(position, str) != self.resumes:
            self._wrong(f"a {kind} with the position {position!r}")
        if position == self.position and self.resumes and kind not in ("sync", "resumed"):
            self._wrong(f"a {kind} with the position of the frame before it")
        self.asked, self.position = self.position, position

    # Answers to a join

    def _sync(self, event: dict[str, Any]) -> None:
        data = event["data"] if self.item is None else [value for value in [event["data"]] if value is not None]
        marks: dict[str, int] = {}
        for value in data:
            place = self.place or (value.get("key") if isinstance(value, dict) else None)
            mark = mark_of(str(place), value)
            if place in marks or mark == TORN or not str(place).startswith(self.group + "/"):
                return self._wrong(f"a sync with {value}")
            marks[place] = mark
        self._check_reason(event, [place.split("/", 1)[1] for place in marks])
        self.model, self.heard, self.is_current = marks, {}, True
        self.journal("sync", self.name, self.group, self.place, marks)

    def _check_reason(self, event: dict[str, Any], items: list[str]) -> None:
        extra = {key: value for key, value in event.items() if key not in ("type", "data")}
        wanted: dict[str, Any] = {}
        if self.resumes:
            # A position survives every crash, and what is kept reaches back much further than a round.
            wanted = {"resumed": False, "reason": "new" if self.asked is None else "none: it had a position"}
            if self.item is None:
                wanted["ids"] = items
        if extra != wanted:
            self._wrong(f"a sync with {extra}, not {wanted}")

    def _resume(self, event: dict[str, Any]) -> None:
        if self.asked is None or self.is_current:
            return self._wrong("resumed, without having asked")
        self.is_current, self.outstanding = True, event["missed"]
        self.journal("resumed", self.name, event["missed"])

    # Events

    def _change(self, kind: str, place: str, value: Any) -> None:
        mark, before = mark_of(place, value), self.model.get(place)
        if mark is None or mark == TORN:
            return self._wrong(f"{kind} of {place} tells a torn or foreign value")
        if not self._follows(kind, place, before, mark):
            return self._wrong(f"{kind} of {place} tells {mark}, after {before}")
        if kind == "delete":
            del self.model[place]
        else:
            self.model[place] = mark
        self.journal("told", self.name, place, kind, mark)

    @staticmethod
    def _follows(kind: str, place: str, before: int | None, mark: int) -> bool:
        if kind == "delete":
            return mark == before
        if (kind == "create") != (before is None):
            return False
        return mark == (before or 0) + 1 if is_number(place) else mark > (before or 0)

    def _event(self, id: str | None, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"] == "marker":
            self._mark(id, data)
        elif data["number"] <= self.heard.get(data["writer"], 0):
            self._wrong(f"heard {data}, after {self.heard}")
        else:
            self.heard[data["writer"]] = data["number"]
            self.journal("heard", self.name, self.group, data["writer"], data["number"])

    def _mark(self, id: str | None, token: str) -> None:
        """Everything of before has arrived. Markers with an id are for who subscribed to that item."""
        if id != self.item:
            return
        if self.outstanding > 0:
            self._wrong(f"{self.outstanding} of the missed events never came")
        self.journal("marker", self.name, token, list(self.model.items()))
