"""The histories catch what they're for: a test that can't fail proves nothing."""

from __future__ import annotations

import copy

import pytest

from histories import CounterHistory, KeyHistory, Violation
from values import BULK_SCOPE, TORN, increments, mark_of, marks_of, number_of, value_of

SET, DELETE = False, True


def history(*operations: tuple[int, bool, bool]) -> KeyHistory:
    """(sequence, deletes, acknowledged), as a well-behaved engine would have acknowledged them."""
    result = KeyHistory("k")
    for sequence, deletes, _ in operations:
        result.intend(sequence, deletes)
    for index, (_, _, acknowledged) in enumerate(operations):
        result.operations[index].acknowledged = acknowledged
    return result


def allows(subject: KeyHistory, sequence: int | None) -> bool:
    try:
        copy.deepcopy(subject).settle(sequence and value_of("k", sequence))
    except Violation:
        return False
    return True


def allowed(subject: KeyHistory, marks=(None, 1, 2, 3, 4, 5)) -> set[int | None]:
    return {mark for mark in marks if allows(subject, mark)}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], {None}),
        ([(1, SET, True)], {1}),
        ([(1, SET, False)], {None, 1}),
        ([(1, SET, True), (2, SET, False)], {1, 2}),
        ([(1, SET, True), (2, SET, True)], {2}),
        ([(1, SET, True), (2, DELETE, True)], {None}),
        ([(1, SET, True), (2, DELETE, False)], {1, None}),
        ([(1, SET, False), (2, SET, True)], {2}),
        ([(1, SET, True), (2, DELETE, False), (3, SET, False)], {1, None, 3}),
    ],
)
def test_every_observation_is_judged(operations, expected):
    assert allowed(history(*operations)) == expected


def test_what_was_settled_is_certain():
    subject = history((1, SET, True), (2, SET, False))
    subject.settle(value_of("k", 2))
    assert allowed(subject) == {2}


@pytest.mark.parametrize(
    ("operations", "seen", "expected"),
    [
        ([(1, SET, False)], [1], {1}),
        ([(1, SET, True), (2, SET, False), (3, SET, False)], [2], {2, 3}),
        ([(1, SET, False), (2, DELETE, False), (3, SET, False)], [1], {1, None, 3}),
        ([(1, SET, True), (2, SET, True)], [1], {2}),
    ],
)
def test_what_was_seen_is_as_certain_as_what_was_acknowledged(operations, seen, expected):
    subject = history(*operations)
    for sequence in seen:
        subject.see(sequence)
    assert allowed(subject) == expected


@pytest.mark.parametrize(
    ("operations", "gone", "expected"),
    [
        ([(1, SET, True), (2, DELETE, False)], 1, {None}),
        ([(1, SET, True), (2, DELETE, False), (3, SET, False)], 1, {None, 3}),
        ([(1, SET, True), (2, SET, False), (3, DELETE, False), (4, SET, False)], 1, {None, 4}),
        # An old one says nothing about the last operations.
        ([(1, SET, True), (2, DELETE, True), (3, SET, True), (4, DELETE, False)], 1, {None, 3}),
    ],
)
def test_what_was_seen_deleted_does_not_come_back(operations, gone, expected):
    subject = history(*operations)
    subject.see_deleted(gone)
    assert allowed(subject) == expected


def test_what_was_seen_and_nobody_wrote_is_caught():
    subject = history((1, SET, True))
    subject.see(2)
    assert allowed(subject) == set()


def test_what_was_seen_and_lost_by_the_crash_before_is_caught():
    subject = history((1, SET, True), (2, SET, False))
    subject.settle(value_of("k", 1))
    # Its journal is read only now.
    subject.see(2)
    assert allowed(subject) == set()


def test_what_was_seen_deleted_and_nobody_deleted_is_caught():
    subject = history((1, SET, True), (2, SET, True))
    subject.see_deleted(2)
    assert allowed(subject) == set()


def test_late_news_of_what_is_settled_is_fine():
    subject = history((1, SET, True), (2, DELETE, False), (3, SET, False))
    subject.settle(value_of("k", 3))
    subject.see(1)
    subject.see(3)
    subject.see_deleted(1)
    assert allowed(subject) == {3}


def test_a_journal_that_runs_ahead_is_fine():
    subject = history((1, SET, True))
    subject.see(3)
    subject.see_deleted(3)
    subject.intend(2, SET)
    subject.acknowledge(2, 1)
    subject.intend(3, SET)
    subject.intend(4, DELETE)
    assert allowed(subject) == {None}


@pytest.mark.parametrize("see", [KeyHistory.see, KeyHistory.see_deleted])
def test_torn_sight_is_caught(see):
    with pytest.raises(Violation, match="torn"):
        see(history((1, SET, True)), TORN)


def test_torn_value_is_caught():
    value = copy.deepcopy(value_of("k", 1))
    value["padding"] = value["padding"][:-1] + "?"
    with pytest.raises(Violation, match="torn"):
        history((1, SET, True)).settle(value)


def test_value_of_another_key_is_caught():
    with pytest.raises(Violation):
        history((1, SET, True)).settle(value_of("other", 1))


def test_old_value_tells_of_a_lost_write():
    subject = history((1, SET, True), (2, SET, False))
    with pytest.raises(Violation):
        subject.acknowledge(2, None)
    subject.acknowledge(2, 1)


def test_next_operation_may_replace_the_one_that_was_under_way():
    for old in (1, 2):
        history((1, SET, True), (2, SET, False), (3, SET, False)).acknowledge(3, old)


@pytest.mark.parametrize(
    ("mark", "floor", "is_fine"),
    [(1, None, True), (None, None, True), (1, 1, True), (2, 1, True), (None, 1, True), (4, 1, True)]
    + [(1, 2, False), (None, 4, False), (3, 1, False), (5, 1, False), (None, 2, True), (4, 4, True)],
)
def test_a_list_shows_nothing_older_than_what_was_acknowledged_before(mark, floor, is_fine):
    subject = history((1, SET, True), (2, SET, True), (3, DELETE, False), (4, SET, False))
    if is_fine:
        subject.check_shown(mark, floor)
    else:
        with pytest.raises(Violation, match="shows"):
            subject.check_shown(mark, floor)


@pytest.mark.parametrize("observed", range(-1, 8))
def test_counter(observed):
    subject = CounterHistory("counter", base=2, intended=4)
    subject.acknowledge("a", 3)
    subject.acknowledge("b", 4)
    if 4 <= observed <= 6:
        subject.settle(observed)
        assert subject.base == observed
    else:
        with pytest.raises(Violation):
            subject.settle(observed)


def test_counter_that_tells_the_same_value_twice():
    subject = CounterHistory("counter", intended=4)
    subject.acknowledge("a", 1)
    with pytest.raises(Violation):
        subject.acknowledge("a", 1)


def test_counter_that_counts_more_than_was_asked():
    subject = CounterHistory("counter", intended=1)
    subject.acknowledge("a", 2)
    with pytest.raises(Violation):
        subject.settle(2)


def test_counter_that_forgets_what_it_told():
    subject = CounterHistory("counter", intended=4)
    subject.acknowledge("a", 3)
    with pytest.raises(Violation):
        subject.settle(2)


def test_counter_that_forgets_what_was_seen():
    subject = CounterHistory("counter", intended=4)
    subject.see(3)
    with pytest.raises(Violation):
        subject.settle(2)
    subject.settle(3)


def pair(left: int, right: int, key: str = "pair") -> dict:
    return {"key": key, "left": left, "right": right}


@pytest.mark.parametrize("half", [pair(1, 2), pair(2, 1), pair(2, 2, "other"), {"left": 2, "right": 2}, {"left": 2}, 2])
def test_half_an_update_is_caught(half):
    assert number_of("pair", half) == TORN
    with pytest.raises(Violation, match="half"):
        CounterHistory("pair", intended=9).settle(half)
    with pytest.raises(Violation, match="half"):
        CounterHistory("pair", intended=9).see(mark_of("pair", half))


def test_a_whole_update_is_fine():
    subject = CounterHistory("pair", intended=2)
    subject.settle(pair(2, 2))
    assert subject.base == 2 and len(increments("pair")) > 1


def test_marks_of_a_list():
    values = [value_of("a", 1), 7, "text", pair(2, 2), pair(1, 2, "pair-2"), value_of("a", 2)]
    values.append(value_of("b", 1) | {"x": 1})
    assert marks_of(values) == ({"a": 2, "pair": 2, "pair-2": TORN, "b": TORN}, ["a"])


def test_bulk_values_are_whole_too():
    value = value_of(f"{BULK_SCOPE}-1", 3)
    assert mark_of(f"{BULK_SCOPE}-1", value) == 3
    value["padding"] = value["padding"][:-1]
    assert mark_of(f"{BULK_SCOPE}-1", value) == TORN
