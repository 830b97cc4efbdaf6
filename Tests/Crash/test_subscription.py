"""A subscription's model follows its frames, and whatever can't be is said to be wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from subscription import Subscription
from values import STREAM, value_of

A, B, PAIR = "g0/a", "g0/b", "g0/pair"


def pair(number: int, right: int | None = None) -> dict[str, Any]:
    return {"key": PAIR, "left": number, "right": number if right is None else right}


def frame(event: dict[str, Any], place: str | None = None, position: str | None = None) -> dict[str, Any]:
    wrapper = {"type": "stream", "timestamp": 1, "streamName": STREAM, "groupId": "g0"}
    wrapper |= {"id": place and place.split("/")[1], "event": event}
    return wrapper if position is None else wrapper | {"position": position}


def sync(*values: Any, **extra: Any) -> dict[str, Any]:
    return frame({"type": "sync", "data": list(values), **extra})


def change(kind: str, place: str, value: Any) -> dict[str, Any]:
    return frame({"type": kind, "data": value}, place)


def sequence(kind: str, number: int, place: str = A) -> dict[str, Any]:
    return change(kind, place, value_of(place, number))


def sent(kind: str, data: Any, place: str | None = None) -> dict[str, Any]:
    return frame({"type": "event", "event": {"type": kind, "data": data}}, place)


def tick(number: int, writer: str = "w") -> dict[str, Any]:
    return sent("tick", {"writer": writer, "number": number})


def positioned(frames: list[dict[str, Any]], first: int = 1) -> list[dict[str, Any]]:
    return [frame | {"position": f"p{number}"} for number, frame in enumerate(frames, first)]


class Run:
    """A subscription that has received frames, and its journal."""

    def __init__(self, *frames: dict[str, Any], item: str | None = None, resumes: bool = False) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.subscription = Subscription("s", "g0", item, resumes, self.journal)
        self.subscription.join()
        self.receive(*frames)

    def journal(self, *entry: Any) -> None:
        self.entries.append(copy.deepcopy(entry))

    def receive(self, *frames: dict[str, Any]) -> Run:
        for message in frames:
            self.subscription.receive(message)
        return self

    def reconnect(self) -> Run:
        self.subscription.lose()
        self.subscription.join()
        return self

    @property
    def wrong(self) -> list[str]:
        return [entry[1] for entry in self.entries if entry[0] == "wrong"]

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [entry[1:] for entry in self.entries if entry[0] == name]


def test_the_model_follows_in_the_order_of_the_list():
    run = Run(sync(value_of(A, 1), value_of(B, 4)), sequence("update", 2), sequence("delete", 2), sequence("create", 3))
    assert not run.wrong and list(run.subscription.model.items()) == [(B, 4), (A, 3)]
    assert run.named("sync") == [("s", "g0", None, {A: 1, B: 4})]
    assert run.named("told") == [("s", A, "update", 2), ("s", A, "delete", 2), ("s", A, "create", 3)]


@pytest.mark.parametrize(
    "frames",
    [
        [sequence("create", 1)],
        [tick(1)],
        [sync(value_of(A, 1), value_of(A, 2))],
        [sync(value_of("g1/a", 1))],
        [sync(value_of(A, 1) | {"padding": "?"})],
        [sync("text")],
        [sync(value_of(A, 1), resumed=False)],
        [sync(value_of(A, 1), ids=["a"])],
        [sync() | {"position": "p"}],
        [sync() | {"streamName": "other"}],
        [sync(), frame({"type": "resumed", "missed": 0})],
        [sync(), frame({"type": "surprise"})],
        [sync(), sequence("update", 1)],
        [sync(value_of(A, 1)), sequence("create", 2)],
        [sync(value_of(A, 1)), sequence("update", 1)],
        [sync(value_of(A, 2)), sequence("update", 1)],
        [sync(value_of(A, 2)), sequence("delete", 1)],
        [sync(value_of(A, 2)), sequence("delete", 3)],
        [sync(), sequence("delete", 1)],
        [sync(), change("create", A, value_of(B, 1))],
        [sync(), change("create", A, None)],
        [sync(), sequence("create", 1) | {"position": "p"}],
        [sync(), change("create", PAIR, pair(1, 2))],
        [sync(), change("create", PAIR, pair(2))],
        [sync(pair(3)), change("update", PAIR, pair(5))],
        [sync(pair(3)), change("update", PAIR, pair(3))],
        [sync(), tick(1), tick(1)],
        [sync(), tick(2), tick(1)],
    ],
)
def test_what_cannot_be_is_wrong(frames):
    assert Run(*frames).wrong


def test_frames_for_other_items_are_wrong():
    one = frame({"type": "sync", "data": value_of(A, 1)}, A)
    run = Run(one, item="a")
    assert not run.wrong and run.subscription.model == {A: 1}
    assert run.receive(sequence("create", 1, B)).wrong
    assert Run(frame({"type": "sync", "data": None}, A), item="a").subscription.model == {}


NEW = [sync(value_of(A, 1), resumed=False, reason="new", ids=["a"]), sequence("update", 2)]


def resumed(missed: int) -> dict[str, Any]:
    return frame({"type": "resumed", "missed": missed})


def test_a_resume_goes_on_from_the_last_position():
    run = Run(*positioned(NEW), resumes=True).reconnect()
    assert not run.subscription.is_current
    run.receive(*positioned([resumed(2)], 2), *positioned([sequence("update", 3), tick(1), sent("marker", "t")], 3))
    assert not run.wrong and run.subscription.model == {A: 3}
    assert run.named("resumed") == [("s", 2)] and run.named("marker") == [("s", "t", [(A, 3)])]
    assert run.named("lost") == [("s", True)]


def test_a_join_names_what_it_wants():
    run = Run(*positioned(NEW), resumes=True)
    run.subscription.lose()
    assert run.subscription.join()["data"]["resume"] == "p2"
    assert Run(resumes=True).subscription.join()["data"]["resume"] is None
    assert "resume" not in Run().subscription.join()["data"]
    assert Run(item="a").subscription.join()["data"]["id"] == "a"


@pytest.mark.parametrize(
    "answer",
    [
        # A position that isn't known any more, whatever the reason.
        positioned([sync(value_of(A, 2), resumed=False, reason="unknown", ids=["a"])]),
        positioned([sync(value_of(A, 2), resumed=False, reason="too_old", ids=["a"])]),
        positioned([sync(value_of(A, 2), resumed=False, reason="new", ids=["a"])]),
        [sync(value_of(A, 2))],
        [resumed(0)],
        # An event that was handled already; one that is left out; fewer than were said.
        positioned([resumed(1), sequence("update", 2)], 2),
        positioned([resumed(1), change("update", PAIR, pair(2))], 2),
        positioned([resumed(3)], 2) + positioned([sequence("update", 3), sent("marker", "t")], 3),
        # The same position twice.
        positioned([resumed(1)], 2) + positioned([sequence("update", 3)], 2),
    ],
)
def test_a_resume_that_is_not_exact_is_wrong(answer):
    assert Run(*positioned(NEW), resumes=True).reconnect().receive(*answer).wrong


@pytest.mark.parametrize(
    "answer",
    [
        sync(value_of(A, 1)),
        sync(value_of(A, 1), resumed=False, reason="new"),
        sync(value_of(A, 1), resumed=False, reason="new", ids=["b"]),
        sync(value_of(A, 1), resumed=True, reason="new", ids=["a"]),
    ],
)
def test_the_first_sync_says_what_it_is(answer):
    assert Run(*positioned([answer]), resumes=True).wrong
    assert not Run(*positioned(NEW), resumes=True).wrong


def test_a_marker_is_for_who_subscribed():
    one = frame({"type": "sync", "data": None}, A)
    assert Run(one, sent("marker", "t", A), item="a").named("marker") == [("s", "t", [])]
    assert not Run(sync(), sent("marker", "t", A)).named("marker")
