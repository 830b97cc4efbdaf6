"""What is written: every value names its place and its operation, so that whoever reads it knows whose it is.

A place is one string: a state key, or `group/item` of a stream. A place holds either the value of its last operation
(`value_of`), or a number that many writers count up (`number_of`).
"""

from __future__ import annotations

import hashlib
from typing import Any

SCOPE = "crash"
# Values so large that the log soon asks for a checkpoint; nobody lists or watches them.
BULK_SCOPE = "bulk"
STREAM = "crash"
GROUPS = ("g0", "g1")
# An answer with the old and the new value stays below the 1 MiB that the SDKs take in one message.
BULK_BYTES = 400_000
# Other values are at most this long; one in `LARGE_EVERY` comes near it.
SMALL_BYTES = 600
LARGE_BYTES = 100_000
LARGE_EVERY = 40
# Asks a write to be on disk, and to say where in the store's log.
SYNCED = {"ack": True, "require": "synced"}
# Of the operations of a place, every so many deletes.
DELETE_EVERY = 7
# What no operation wrote. No oracle allows it.
TORN = -1


def value_of(place: str, sequence: int) -> dict[str, Any]:
    """The value that the operation `sequence` of `place` writes: known to everybody, and of any length."""
    digest = hashlib.sha256(f"{place}/{sequence}".encode()).hexdigest()
    if place.startswith(BULK_SCOPE):
        # Nothing that a store could pack.
        padding = hashlib.shake_256(digest.encode()).hexdigest(BULK_BYTES // 2)
    else:
        length = int(digest[:8], 16) % (LARGE_BYTES if sequence % LARGE_EVERY == 0 else SMALL_BYTES)
        padding = (digest * (length // 64 + 1))[:length]
    return {"key": place, "sequence": sequence, "padding": padding}


def sequence_of(place: str, value: Any) -> int | None:
    """Whose value this is; None for no value; TORN for nobody's."""
    if value is None:
        return None
    sequence = value.get("sequence") if isinstance(value, dict) else None
    return sequence if type(sequence) is int and value == value_of(place, sequence) else TORN


def is_number(place: str) -> bool:
    """Whether the place holds a number: a counter, or a pair of two that one update counts up together."""
    return "counter" in place or is_pair(place)


def is_pair(place: str) -> bool:
    return "pair" in place


def increments(place: str) -> list[dict[str, Any]]:
    """The operations of one `update` that count the place up by one."""
    if not is_pair(place):
        return [{"type": "increment", "path": "", "by": 1}]
    return [
        {"type": "increment", "path": "left", "by": 1},
        {"type": "merge", "path": "", "value": {"key": place}},
        {"type": "increment", "path": "right", "by": 1},
    ]


def number_of(place: str, value: Any) -> int | None:
    """The number that a place holds; None for no value; TORN when its parts don't agree."""
    if value is None or not is_pair(place):
        return value if value is None or type(value) is int else TORN
    left = value.get("left") if isinstance(value, dict) else None
    return left if type(left) is int and value == {"key": place, "left": left, "right": left} else TORN


def mark_of(place: str, value: Any) -> int | None:
    """The sequence or the number that a value tells."""
    return number_of(place, value) if is_number(place) else sequence_of(place, value)


def marks_of(values: list[Any]) -> tuple[dict[str, int], list[str]]:
    """Place to mark of a list of values, in its order, and the places that stand in it twice.

    Plain numbers name no place.
    """
    marks: dict[str, int] = {}
    twice: list[str] = []
    for value in values:
        if not isinstance(value, dict):
            continue
        place = str(value.get("key"))
        if place in marks:
            twice.append(place)
        marks[place] = mark_of(place, value)
    return marks, twice
