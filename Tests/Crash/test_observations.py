"""Chains and windows catch what is told twice, left out or told in another order."""

from __future__ import annotations

import pytest

from histories import KeyHistory, Violation
from observations import EventChains, Sends, Window

CREATED, UPDATED, DELETED = "state:created", "state:updated", "state:deleted"


def chains(*events: tuple[str, int | None, int | None], place: str = "k", whole: bool = True) -> EventChains:
    result = EventChains()
    if whole:
        result.resume()
    for event in events:
        result.add("observer", place, *event)
    return result


def test_events_that_follow_each_other_are_fine():
    chains((CREATED, None, 1), (UPDATED, 1, 2), (DELETED, 2, None), (DELETED, None, None), (CREATED, None, 8))
    chains((CREATED, None, 1), (UPDATED, 1, 2), place="counter")


@pytest.mark.parametrize(
    "events",
    [
        [(CREATED, None, 1), (UPDATED, 2, 3)],
        [(CREATED, None, 1), (CREATED, None, 2)],
        [(CREATED, None, 1), (CREATED, None, 1)],
        [(UPDATED, 1, 2), (DELETED, 1, None)],
        [(DELETED, 1, None), (UPDATED, 1, 2)],
        [(CREATED, None, 2), (UPDATED, 2, 1)],
        [(CREATED, 1, 2)],
        [(UPDATED, None, 2)],
        [(DELETED, 1, 2)],
        [("state:other", 1, 2)],
    ],
)
def test_events_that_do_not_follow_are_caught(events):
    with pytest.raises(Violation):
        chains(*events)


@pytest.mark.parametrize("event", [(UPDATED, 1, 3), (UPDATED, 2, 2), (CREATED, None, 2), (DELETED, 1, None)])
def test_numbers_that_are_not_counted_up_are_caught(event):
    with pytest.raises(Violation):
        chains(event, place="counter")


def test_a_restart_may_lose_events_and_not_repeat_them():
    subject = chains((CREATED, None, 1), (UPDATED, 1, 2))
    subject.interrupt()
    subject.add("observer", "k", UPDATED, 4, 5)
    with pytest.raises(Violation, match="after"):
        subject.add("observer", "k", UPDATED, 4, 5)
    subject.resume()
    subject.add("observer", "k", UPDATED, 8, 9)
    with pytest.raises(Violation):
        subject.add("observer", "k", UPDATED, 10, 11)


def window(*told: int, deleted: tuple[int, ...] = (), start: int | None = 1, place: str | None = None) -> Window:
    result = Window("subscription", "g0", place, start={} if start is None else {"g0/k": start})
    for number in told:
        result.tell("g0/k", number)
    for number in deleted:
        result.tell_deleted("g0/k", number)
    return result


def written(*operations: tuple[int, bool, bool], old: dict[int, int] | None = None) -> KeyHistory:
    """(sequence, deletes, acknowledged); `old`: what a delete replaced."""
    history = KeyHistory("g0/k")
    for sequence, deletes, acknowledged in operations:
        history.intend(sequence, deletes)
        history.operations[-1].acknowledged = acknowledged
        history.operations[-1].old = (old or {}).get(sequence)
    return history


SET, DELETE = False, True
THREE = ((2, SET, True), (3, SET, True), (4, SET, True))


@pytest.mark.parametrize(
    ("subject", "history"),
    [
        (window(2, 3, 4), written(*THREE)),
        # Not acknowledged, and nobody saw it: it need not have happened.
        (window(2, 4), written((2, SET, True), (3, SET, False), (4, SET, True))),
        # Before the sync.
        (window(4, start=3), written(*THREE)),
        # The sync showed nothing: where the window begins is known from the first event on.
        (window(3, 4, start=None), written(*THREE)),
        (window(start=None), written(*THREE)),
        (window(2, 4, deleted=(2,)), written((2, SET, True), (3, DELETE, True), (4, SET, True), old={3: 2})),
        # Deletes nothing.
        (window(4), written((3, DELETE, True), (4, SET, True))),
        # Another item.
        (window(place="g0/other"), written(*THREE)),
    ],
)
def test_a_whole_window_is_fine(subject, history):
    subject.check_key(history)


@pytest.mark.parametrize(
    ("subject", "history"),
    [
        (window(2, 4), written(*THREE)),
        (window(3, 4), written(*THREE)),
        (window(2, 3), written(*THREE)),
        (window(3, start=None), written(*THREE)),
        (window(2, 4), written((2, SET, True), (3, DELETE, True), (4, SET, True), old={3: 2})),
        (window(place="g0/k"), written(*THREE)),
    ],
)
def test_a_window_with_a_gap_is_caught(subject, history):
    with pytest.raises(Violation, match="never told"):
        subject.check_key(history)


def test_what_others_saw_must_be_told_as_well():
    history = written((2, SET, False), (3, SET, False))
    window(3).check_key(history)
    history.see(2)
    with pytest.raises(Violation, match="never told"):
        window(3).check_key(history)


def test_a_lost_connection_ends_a_window():
    subject = window(2, 3)
    subject.is_over = True
    subject.check_key(written(*THREE))
    subject = window(3)
    subject.is_over = True
    with pytest.raises(Violation):
        subject.check_key(written(*THREE))


def test_the_next_round_is_judged_from_where_this_one_ended():
    subject = window(2, 3, 4)
    subject.advance({"g0/k": 4})
    subject.check_key(written(*THREE))
    with pytest.raises(Violation):
        subject.check_key(written((5, SET, True)))


@pytest.mark.parametrize(
    ("told", "certain", "is_over", "is_fine"),
    [
        ((1, 2, 3), {1, 2, 3}, False, True),
        ((2, 3), {1, 2, 3}, False, True),
        ((), {1, 2}, False, True),
        ((1, 3), {1, 3}, False, True),
        ((1, 2), {1, 2, 3}, True, True),
        ((1, 3), {1, 2, 3}, True, False),
        ((1, 3), {1, 2, 3}, False, False),
        ((1, 2), {1, 2, 3}, False, False),
    ],
)
def test_sends(told, certain, is_over, is_fine):
    subject = Window("subscription", "g0")
    for number in told:
        subject.tell("writer", number)
    subject.is_over = is_over
    if is_fine:
        subject.check_sends("writer", Sends(3, certain))
    else:
        with pytest.raises(Violation, match="never told"):
            subject.check_sends("writer", Sends(3, certain))
