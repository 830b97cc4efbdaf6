"""The oracle catches what it's for: a test that can't fail proves nothing."""

from __future__ import annotations

import copy

import pytest

from oracle import CounterHistory, KeyHistory, Violation, value_of


def history(*operations: tuple[int, bool, bool]) -> KeyHistory:
    """(sequence, deletes, acknowledged), as a well-behaved engine would have acknowledged them."""
    result = KeyHistory("k")
    for sequence, deletes, _ in operations:
        result.intend(sequence, deletes)
    for index, (_, _, acknowledged) in enumerate(operations):
        result.operations[index].acknowledged = acknowledged
    return result


SET, DELETE = False, True


@pytest.mark.parametrize(
    ("operations", "allowed"),
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
def test_every_observation_is_judged(operations, allowed):
    for observed in (None, 1, 2, 3, 4):
        value = observed and value_of("k", observed)
        subject = history(*operations)
        if observed in allowed:
            subject.settle(value)
            assert subject.base == value and subject.operations == []
        else:
            with pytest.raises(Violation):
                subject.settle(value)


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


@pytest.mark.parametrize("observed", range(-1, 8))
def test_counter(observed):
    subject = CounterHistory("c", base=2, intended=4)
    subject.acknowledge("a", 3)
    subject.acknowledge("b", 4)
    if 4 <= observed <= 6:
        subject.settle(observed)
        assert subject.base == observed
    else:
        with pytest.raises(Violation):
            subject.settle(observed)


def test_counter_that_tells_the_same_value_twice():
    subject = CounterHistory("c", intended=4)
    subject.acknowledge("a", 1)
    with pytest.raises(Violation):
        subject.acknowledge("a", 1)


def test_counter_that_counts_more_than_was_asked():
    subject = CounterHistory("c", intended=1)
    subject.acknowledge("a", 2)
    with pytest.raises(Violation):
        subject.settle(2)


def test_counter_that_forgets_what_it_told():
    subject = CounterHistory("c", intended=4)
    subject.acknowledge("a", 3)
    with pytest.raises(Violation):
        subject.settle(2)
