"""A kill at a failpoint counts for what it hit, and for nothing more."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from failpoints import Failpoints
from openings import Opening


AFTER = {"after a checkpoint's commit": 1}


def judged(hit: str | None, *openings: Opening) -> Counter[str]:
    failpoints = Failpoints(None, random.Random(1))
    failpoints.judge([Opening("state", 5, 3), Opening("streams", 5, 3)])
    failpoints.hit = hit
    failpoints.judge(list(openings))
    assert failpoints.hit is None
    return failpoints.hits


@pytest.mark.parametrize(
    ("hit", "openings", "expected"),
    [
        (None, [Opening("state", 9, 9)], {}),
        ("checkpoint.beforeApply", [Opening("state", 9, 3), Opening("streams", 9, 3)], {"during a checkpoint": 1}),
        ("checkpoint.beforeApply", [Opening("state", 9, 3), Opening("streams", 9, 8)], AFTER),
        ("checkpoint.afterCommit", [Opening("state", 9, 9)], AFTER),
        # Another process, killed as well, wrote one in between.
        ("checkpoint.beforeApply", [Opening("state", 9, 3), Opening("state", 9, 9)], {"during a checkpoint": 1}),
        ("rotation.afterActivation", [Opening("state", 9, 9)], {"during a rotation": 1}),
    ],
)
def test_what_a_kill_hit(hit, openings, expected):
    assert judged(hit, *openings) == expected


def test_checkpoints_are_compared_with_the_last_opening():
    failpoints = Failpoints(None, random.Random(1))
    for checkpoint in (3, 7):
        failpoints.judge([Opening("state", 9, checkpoint)])
    failpoints.hit = "checkpoint.beforeApply"
    failpoints.judge([Opening("state", 9, 7)])
    assert failpoints.hits["during a checkpoint"] == 1
