"""What the store may hold after a crash, given what was intended, what was acknowledged and what was seen.

Each place (values.py) of one kind has one writer that has at most one operation under way, so its operations have an
order. An operation is certain once it was acknowledged or once anybody saw its effect: a read, a list, an event. After
a crash the value must be the effect of the last certain operation or of a later one that was under way: nothing older
(a lost write, or something seen that is gone), nothing else (a torn one), nothing in between (another order).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from values import TORN, mark_of, number_of

ABSENT = None


class Violation(AssertionError):
    """The engine broke its promise."""


@dataclass
class Operation:
    sequence: int
    deletes: bool
    acknowledged: bool = False
    # Whose value it replaced, as its acknowledgement told.
    old: int | None = None

    @property
    def mark(self) -> int | None:
        """What a reader finds after it: a sequence, or None for nothing."""
        return ABSENT if self.deletes else self.sequence


@dataclass
class KeyHistory:
    """The operations of one place since its value was last known for certain."""

    key: str
    # What the place held then, and the last operation that may have made it so.
    base: int | None = ABSENT
    settled: int = 0
    last_intended: int = 0
    operations: list[Operation] = field(default_factory=list)
    # The values that anybody saw since then. Their operations may not be known yet: the journals of many processes are
    # read side by side.
    seen: set[int] = field(default_factory=set)
    # The last value of which anybody was told that it has been deleted; -1: none.
    gone: int = -1

    def intend(self, sequence: int, deletes: bool) -> None:
        self.operations.append(Operation(sequence, deletes))
        self.last_intended = sequence

    def acknowledge(self, sequence: int, old: int | None) -> None:
        """`old`: whose value the operation replaced, as the engine told it; None for no value."""
        indexes = range(len(self.operations) - 1, -1, -1)
        index = next(i for i in indexes if self.operations[i].sequence == sequence)
        allowed = self.candidates(self.operations[:index])
        if old not in allowed:
            raise Violation(f"{self.key}: operation {sequence} replaced {old}, possible were {allowed}")
        self.operations[index].acknowledged = True
        self.operations[index].old = old

    def see(self, sequence: int) -> None:
        """Somebody was shown this value. What was settled in the meantime is old news."""
        if sequence == TORN:
            raise Violation(f"{self.key}: a torn or foreign value was shown")
        if sequence > self.settled:
            self.seen.add(sequence)

    def see_deleted(self, sequence: int) -> None:
        """Somebody was told that this value has been deleted."""
        if sequence == TORN:
            raise Violation(f"{self.key}: a torn or foreign value was deleted")
        if sequence >= self.settled:
            self.gone = max(self.gone, sequence)

    @property
    def last_acknowledged(self) -> int | None:
        return next((operation.sequence for operation in reversed(self.operations) if operation.acknowledged), None)

    def is_certain(self, operation: Operation) -> bool:
        return operation.acknowledged or operation.sequence in self.seen

    def first_candidate(self, operations: list[Operation]) -> int:
        """The index of the oldest operation whose effect may still stand; -1: none need have happened."""
        certain = (i for i in range(len(operations) - 1, -1, -1) if self.is_certain(operations[i]))
        first = next(certain, -1)
        if self.gone < 0:
            return first
        # What was seen deleted was so by the first delete that follows, at the earliest. That may be one to come.
        later = range(bisect_right(operations, self.gone, key=lambda operation: operation.sequence), len(operations))
        return max(first, next((i for i in later if operations[i].deletes), -1))

    def candidates(self, operations: list[Operation]) -> list[int | None]:
        first = self.first_candidate(operations)
        marks = [operation.mark for operation in operations[max(first, 0) :]]
        return marks if first >= 0 else [self.base, *marks]

    def check_shown(self, mark: int | None, floor: int | None) -> None:
        """A list began when `floor` was acknowledged, and showed `mark` (None: nothing) of this place."""
        later = [operation.mark for operation in self.operations if floor is None or operation.sequence >= floor]
        allowed = later if floor is not None else [self.base, *later]
        if mark not in allowed:
            raise Violation(f"{self.key}: a list shows {mark}, possible were {allowed}")

    def _latest(self) -> str:
        """The last operations and what is known of them."""
        facts = []
        for operation in self.operations[-4:]:
            known = "acknowledged" if operation.acknowledged else "seen" if self.is_certain(operation) else "unknown"
            facts.append(f"{'delete' if operation.deletes else 'set'} {operation.sequence} {known}")
        return f"the last operations: {', '.join(facts)}; last seen deleted: {self.gone}"

    def settle(self, observed: Any) -> None:
        """Checks what was read after a restart, when nothing is under way, and takes it as certain."""
        known = {operation.sequence for operation in self.operations if not operation.deletes}
        for sequence in sorted(self.seen - known):
            raise Violation(f"{self.key}: {sequence} was seen and is nobody's, or had been lost before")
        if self.gone >= 0 and not any(o.deletes and o.sequence > self.gone for o in self.operations):
            raise Violation(f"{self.key}: {self.gone} was seen deleted, and nobody deleted it")
        allowed = self.candidates(self.operations)
        mark = mark_of(self.key, observed)
        if mark not in allowed:
            found = observed.get("sequence") if isinstance(observed, dict) else observed
            state = "torn or foreign" if mark == TORN else "lost or out of order"
            raise Violation(f"{self.key}: holds {found} ({state}), possible were {allowed}; {self._latest()}")
        matching = [operation.sequence for operation in self.operations if operation.mark == mark]
        self.base, self.settled = mark, max([self.settled, *matching])
        self.operations, self.seen, self.gone = [], set(), -1

@dataclass
class CounterHistory:
    """A counter, or a pair of them that is counted up together, that many writers increment by one."""

    key: str
    base: int = 0
    intended: int = 0
    acknowledged: int = 0
    seen: int = 0
    last_told: dict[str, int] = field(default_factory=dict)

    def acknowledge(self, writer: str, value: int) -> None:
        # Each writer sees it rise. The other writers' intentions may not have been read yet, so that the greatest
        # possible value is only known when everything is settled.
        before = self.last_told.get(writer, self.base)
        if value <= before:
            raise Violation(f"{self.key}: {writer} was told {value}, after {before}")
        self.last_told[writer] = value
        self.acknowledged += 1

    def see(self, value: int) -> None:
        if value == TORN:
            raise Violation(f"{self.key}: half of an update was shown")
        self.seen = max(self.seen, value)

    def settle(self, observed: Any) -> None:
        value = number_of(self.key, observed) or 0
        if value == TORN:
            raise Violation(f"{self.key}: is {observed}, half of an update")
        least = max(self.base + self.acknowledged, self.seen, *self.last_told.values(), 0)
        most = self.base + self.intended
        if not least <= value <= most:
            raise Violation(f"{self.key}: is {observed}, must be in {least}...{most}")
        self.base, self.intended, self.acknowledged, self.last_told = value, 0, 0, {}
