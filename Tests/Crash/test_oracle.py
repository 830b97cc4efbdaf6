"""The oracle hears journals as the processes write them; each kind of lie in them or in the store is found."""

from __future__ import annotations

from typing import Any

import pytest

from oracle import STATE, Oracle
from values import value_of

K, A = "load0-0", "g0/load0-0"
SUBSCRIBED = [["join", "s"], ["sync", "s", "g0", None, {}]]


def write(place: str, sequence: int, old: int | None, deletes: bool = False) -> list[list[Any]]:
    return [["intend", place, sequence, deletes], ["done", place, sequence, old]]


def judged(*entries: list[Any], **content: int | None) -> Oracle:
    """Hears, then settles on a store that holds these marks of K (`k`) and A (`a`)."""
    oracle = Oracle()
    for entry in entries:
        oracle.hear(entry)
    marks = {K: content.get("k"), A: content.get("a")}
    numbers = content.get("number")
    oracle.settle(lambda place: numbers if "counter" in place else marks[place] and value_of(place, marks[place]))
    return oracle


@pytest.mark.parametrize(
    "entries",
    [
        write(K, 1, None),
        [["intend", K, 1, False], ["saw", K, 1]],
        [["intend", K, 1, False], ["event", "o", K, "state:created", None, 1]],
        [["listing", "r", "x"], ["intend", K, 1, False], ["listed", "r", {K: 1}, []]],
    ],
)
def test_what_was_told_or_shown_must_be_there(entries):
    assert not judged(*entries, k=1).violations
    assert judged(*entries, k=None).violations


@pytest.mark.parametrize(
    "entries",
    [
        [["intend", A, 1, False], ["streamed", A, "create", 1]],
        [["intend", A, 1, False], ["listing", "r", "x"], ["listed", "r", {A: 1}, []]],
        [*SUBSCRIBED, ["intend", A, 1, False], ["told", "s", A, "create", 1]],
        [["intend", A, 1, False], ["join", "s"], ["sync", "s", "g0", None, {A: 1}]],
    ],
)
def test_what_a_stream_told_must_be_there(entries):
    assert not judged(*entries, a=1).violations
    assert judged(*entries, a=None).violations


@pytest.mark.parametrize(
    "told",
    [["event", "o", K, "state:deleted", 1, None], ["streamed", K, "delete", 1]],
)
def test_what_was_told_to_be_deleted_must_be_gone(told):
    entries = [*write(K, 1, None), ["intend", K, 2, True], told]
    assert not judged(*entries, k=None).violations
    assert judged(*entries, k=1).violations


def test_numbers():
    entries = [["count", "counter"], ["counted", "counter", "w", 1], ["count", "counter"], ["saw", "counter", 2]]
    assert not judged(*entries, number=2).violations
    assert judged(*entries, number=1).violations and judged(*entries, number=3).violations


def test_a_list_that_shows_less_than_was_acknowledged_before():
    entries = [*write(K, 1, None), ["listing", "r", "load0-"], *write(K, 2, 1)]
    for shown, is_fine in (({K: 1}, True), ({K: 2}, True), ({}, False)):
        assert (not judged(*entries, ["listed", "r", shown, []], k=2).violations) == is_fine
    assert judged(*entries, ["listed", "r", {K: 1}, [K]], k=2).violations


def test_a_subscription_that_was_not_told_everything():
    entries = [*SUBSCRIBED, *write(A, 1, None), ["told", "s", A, "create", 1], *write(A, 2, 1), *write(A, 3, 2)]
    rest = ["told", "s", A, "update", 2], ["told", "s", A, "update", 3]
    assert not judged(*entries, *rest, a=3).violations
    assert judged(*entries, rest[1], a=3).violations
    assert judged(*entries, rest[0], a=3).violations
    # Its connection was lost: what came after is no gap, what came before is.
    assert not judged(*entries, rest[0], ["lost", "s", False], a=3).violations
    assert judged(*entries, rest[1], ["lost", "s", False], a=3).violations
    # It resumes: everything is still owed.
    assert judged(*entries, rest[0], ["lost", "s", True], a=3).violations
    assert not judged(*entries, rest[0], ["lost", "s", True], ["resumed", "s", 1], rest[1], a=3).violations


def test_sends_that_others_heard_are_owed_to_who_resumes():
    heard = [["heard", "s", "g0", "w", 1], ["lost", "s", True], ["send", "g0", "w", 1], ["send", "g0", "w", 2]]
    assert not judged(*SUBSCRIBED, *heard).violations
    for told in (["sent", "g0", "w", 2], ["ticked", "g0", "w", 2]):
        assert judged(*SUBSCRIBED, *heard, told).violations
        assert not judged(*SUBSCRIBED, *heard, told, ["resumed", "s", 1], ["heard", "s", "g0", "w", 2]).violations


def checked(where: str, place: str, shown: dict[str, int], model: list[list[Any]] | None = None) -> list[str]:
    entries = [*write(place, 1, None)]
    if model is not None:
        entries = [["join", "s"], ["sync", "s", "g0", None, {place: 1}], *entries, ["marker", "s", "t", model]]
    oracle = judged(*entries, k=1, a=1)
    oracle.check_list(where, shown, [])
    return oracle.violations


def test_a_list_that_differs_from_single_reads():
    assert not checked(STATE, K, {K: 1})
    assert checked(STATE, K, {}) and checked(STATE, K, {K: 2}) and checked(STATE, K, {K: 1, "ghost": 1})


def test_a_subscriber_that_does_not_converge():
    assert not checked("g0", A, {A: 1}, [[A, 1]])
    assert checked("g0", A, {A: 1}, []) and checked("g0", A, {A: 1}, [[A, 2]])
    assert checked("g0", A, {A: 1}, [[A, 1], ["g0/ghost", 1]])


def test_markers_are_awaited():
    oracle = judged(*SUBSCRIBED)
    assert oracle.subscriptions_before("t") == ["s"]
    oracle.wait_for_marker("t", 0)
    oracle.hear(["marker", "s", "t", []])
    assert oracle.subscriptions_before("t") == []


def test_joins_that_a_kill_cut_off_are_counted():
    oracle = judged(*SUBSCRIBED, ["lost", "s", False], ["join", "s"], ["lost", "s", False], ["lost", "s", False])
    assert oracle.counts["cut joins"] == 1 and oracle.counts["join"] == 2


def test_what_a_process_found_wrong_and_what_cannot_be_judged():
    assert judged(["wrong", "a frame"]).violations == ["a frame"]
    assert judged(["told", "nobody", A, "create", 1]).violations


def test_a_log_that_ends_before_what_was_called_synced():
    oracle = judged(*(["synced", "state", {"lsn": lsn, "mode": "synced"}] for lsn in (8, 7)))
    oracle.recover("state", 8)
    oracle.recover("streams", 1)
    assert not oracle.violations
    oracle.recover("state", 7)
    assert oracle.violations


def test_an_acknowledgement_that_is_not_what_was_required():
    assert judged(["synced", "state", {"lsn": None, "mode": "memory"}]).violations
