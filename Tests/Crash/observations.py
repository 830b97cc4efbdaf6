"""What observers were told in a row: nothing twice, nothing left out, nothing in another order.

Single observations are the business of `histories.py`: whatever was seen is certain. Here it's about sequences: the
events of a `state` trigger (each tells what it replaced), and the frames of a stream subscription from its sync on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from histories import KeyHistory, Operation, Violation
from values import is_number


class EventChains:
    """The events of `state` triggers, by observer and place. Across a restart some may be missing, otherwise none."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], int | None] = {}
        self.newest: dict[tuple[str, str], int] = {}
        # Between a kill and the moment when everybody is connected again, events may be missing.
        self.is_whole = False

    def add(self, observer: str, place: str, kind: str, old: int | None, new: int | None) -> None:
        self._check_kind(place, kind, old, new)
        chain = (observer, place)
        if self.is_whole:
            if chain in self.last and self.last[chain] != old:
                raise Violation(f"{place}: {observer} was told of {old} -> {new}, after {self.last[chain]}")
            self.last[chain] = new
        if new is not None:
            if new <= self.newest.get(chain, 0):
                raise Violation(f"{place}: {observer} was told of {new} after {self.newest[chain]}")
            self.newest[chain] = new

    def _check_kind(self, place: str, kind: str, old: int | None, new: int | None) -> None:
        shape = (old is not None, new is not None)
        allowed = {
            "state:created": [(False, True)],
            "state:updated": [(True, True)],
            "state:deleted": [(True, False), (False, False)],
        }
        if shape not in allowed.get(kind, []):
            raise Violation(f"{place}: {kind} with {old} -> {new}")
        if is_number(place) and new != (old or 0) + 1:
            raise Violation(f"{place}: counted from {old} to {new}")

    def interrupt(self) -> None:
        """The engine was killed."""
        self.is_whole = False
        self.last.clear()

    def resume(self) -> None:
        """Everybody is connected, nothing is under way."""
        self.is_whole = True


@dataclass
class Sends:
    """What one writer sent to one group; nothing of it is stored."""

    intended: int = 0
    certain: set[int] = field(default_factory=set)


@dataclass
class Window:
    """What one subscription was told without a break: from a sync on, across resumes, to the loss of its connection."""

    # (observer, group): how messages name it.
    name: str
    group: str
    # The only item of a subscription to one.
    place: str | None = None
    # The place's or writer's last operation that happened before the window; not known: from the first event on.
    start: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    deleted: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    is_over: bool = False

    def tell(self, source: str, number: int) -> None:
        self.start.setdefault(source, number)
        self.told[source].append(number)

    def tell_deleted(self, place: str, number: int) -> None:
        self.deleted[place].append(number)

    def covers(self, place: str) -> bool:
        return place == self.place if self.place else place.startswith(self.group + "/")

    def check_key(self, history: KeyHistory) -> None:
        """Everything certain between the window's start and its end was told."""
        start = self.start.get(history.key)
        if start is None or not self.covers(history.key):
            return
        told, deleted = self.told[history.key], self.deleted[history.key]
        end = max([start, *told, *deleted])
        for operation in history.operations:
            if operation.sequence <= start or not history.is_certain(operation):
                continue
            if self.is_over and operation.sequence > end:
                break
            if not self._was_told(operation, told, deleted):
                what = f"the deletion of {operation.old}" if operation.deletes else str(operation.sequence)
                raise Violation(f"{self.name}: {history.key}: {what} was never told (told: {told[-5:]})")

    @staticmethod
    def _was_told(operation: Operation, told: list[int], deleted: list[int]) -> bool:
        if not operation.deletes:
            return operation.sequence in told
        # Deleting nothing is no event; neither is it known what an operation replaced that nobody acknowledged.
        return operation.old is None or operation.old in deleted

    def check_sends(self, source: str, sends: Sends) -> None:
        start = self.start.get(source)
        if start is None or self.place is not None:
            return
        told = set(self.told[source])
        end = max([start, *told])
        missing = sorted(n for n in sends.certain - told if n > start and not (self.is_over and n > end))
        if missing:
            raise Violation(f"{self.name}: what {source} sent was never told: {missing[:5]}")

    def advance(self, sources: dict[str, int]) -> None:
        """Everything so far is settled: the next round is judged from here."""
        self.start.update(sources)
        self.told.clear()
        self.deleted.clear()
