"""What the store may hold after a crash, given what was intended and what was acknowledged.

Each key has one writer that has at most one operation under way, so the operations of a key have an order. After a
crash its value must be the effect of the last acknowledged operation or of a later one that was under way: nothing
older (a lost write), nothing else (a torn one), nothing in between (another order).
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any

ABSENT = None
# Values are at most this long; one in `LARGE_EVERY` comes near it.
LARGE_BYTES = 100_000
LARGE_EVERY = 40


class Violation(AssertionError):
    """The engine broke its promise."""


def value_of(key: str, sequence: int) -> dict[str, Any]:
    """The value that the operation `sequence` of `key` writes: known to everybody, and of any length."""
    digest = hashlib.sha256(f"{key}/{sequence}".encode()).hexdigest()
    length = int(digest[:8], 16) % (LARGE_BYTES if sequence % LARGE_EVERY == 0 else 600)
    return {"key": key, "sequence": sequence, "padding": (digest * (length // 64 + 1))[:length]}


@dataclass
class Operation:
    sequence: int
    deletes: bool
    acknowledged: bool = False

    def effect(self, key: str) -> dict[str, Any] | None:
        return ABSENT if self.deletes else value_of(key, self.sequence)


@dataclass
class KeyHistory:
    """The operations of one key since its value was last known for certain."""

    key: str
    base: dict[str, Any] | None = ABSENT
    operations: list[Operation] = field(default_factory=list)

    def intend(self, sequence: int, deletes: bool) -> None:
        self.operations.append(Operation(sequence, deletes))

    def acknowledge(self, sequence: int, old_sequence: int | None) -> None:
        """`old_sequence`: whose value the operation replaced, as the engine told it; None for no value."""
        index = next(i for i, operation in enumerate(self.operations) if operation.sequence == sequence)
        allowed = [value and value["sequence"] for value in self.candidates(self.operations[:index])]
        if old_sequence not in allowed:
            raise Violation(f"{self.key}: operation {sequence} replaced {old_sequence}, possible were {allowed}")
        self.operations[index].acknowledged = True

    def candidates(self, operations: list[Operation]) -> list[dict[str, Any] | None]:
        last = max((i for i, operation in enumerate(operations) if operation.acknowledged), default=-1)
        effects = [operation.effect(self.key) for operation in operations[max(last, 0) :]]
        return effects if last >= 0 else [self.base, *effects]

    def settle(self, observed: Any) -> None:
        """Checks what was read after a restart, when nothing is under way, and takes it as certain."""
        allowed = self.candidates(self.operations)
        if observed not in allowed:
            names = [value and value["sequence"] for value in allowed]
            found = observed and (observed.get("sequence") if isinstance(observed, dict) else observed)
            state = "torn or foreign" if found in names else "lost or out of order"
            raise Violation(f"{self.key}: holds {found} ({state}), possible were {names}")
        self.base, self.operations = observed, []


@dataclass
class CounterHistory:
    """A counter that many writers increment by one."""

    key: str
    base: int = 0
    intended: int = 0
    acknowledged: int = 0
    last_seen: dict[str, int] = field(default_factory=dict)

    def acknowledge(self, writer: str, value: int) -> None:
        # Each writer sees it rise. The other writers' intentions may not have been read yet, so that the greatest
        # possible value is only known when everything is settled.
        before = self.last_seen.get(writer, self.base)
        if value <= before:
            raise Violation(f"{self.key}: {writer} was told {value}, after {before}")
        self.last_seen[writer] = value
        self.acknowledged += 1

    def settle(self, observed: Any) -> None:
        least, most = self.base + self.acknowledged, self.base + self.intended
        value = observed or 0
        if not isinstance(value, int) or not least <= value <= most or value < max(self.last_seen.values(), default=0):
            raise Violation(f"{self.key}: is {observed}, must be in {least}...{most}")
        self.base, self.intended, self.acknowledged, self.last_seen = value, 0, 0, {}


class Oracle:
    """Everything that was intended and acknowledged. Safe to use from many threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keys: dict[str, KeyHistory] = {}
        self.counters: dict[str, CounterHistory] = {}
        self.intended = 0
        self.acknowledged = 0
        self.violations: list[str] = []

    def intend_write(self, key: str, sequence: int, deletes: bool) -> None:
        with self.lock:
            self.intended += 1
            self.keys.setdefault(key, KeyHistory(key)).intend(sequence, deletes)

    def acknowledge_write(self, key: str, sequence: int, old_sequence: int | None) -> None:
        with self.lock:
            self.acknowledged += 1
            self._judge(lambda: self.keys[key].acknowledge(sequence, old_sequence))

    def intend_increment(self, key: str) -> None:
        with self.lock:
            self.intended += 1
            self.counters.setdefault(key, CounterHistory(key)).intended += 1

    def acknowledge_increment(self, key: str, writer: str, value: int) -> None:
        with self.lock:
            self.acknowledged += 1
            self._judge(lambda: self.counters[key].acknowledge(writer, value))

    def settle(self, read) -> None:
        """Checks every key; `read` gives the value of one."""
        with self.lock:
            for history in [*self.keys.values(), *self.counters.values()]:
                self._judge(lambda: history.settle(read(history.key)))

    def _judge(self, check) -> None:
        try:
            check()
        except Violation as violation:
            self.violations.append(str(violation))
