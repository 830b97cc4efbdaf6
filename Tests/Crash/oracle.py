"""Hears what every process intended, was told and saw, and judges it. Safe to use from many threads.

The entries are those of the journals (load.py, subscribers.py), by name.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Any, Callable

from histories import CounterHistory, KeyHistory, Violation
from observations import EventChains, Sends, Window
from values import BULK_SCOPE, GROUPS, is_number, is_pair

STATE = "state"
# More of them say nothing new.
MAXIMUM_VIOLATIONS = 10


class Oracle:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.marked = threading.Condition(self.lock)
        self.keys: dict[str, KeyHistory] = {}
        self.counters: dict[str, CounterHistory] = {}
        self.chains = EventChains()
        # By group and writer.
        self.sends: dict[tuple[str, str], Sends] = defaultdict(Sends)
        # By subscription; `past`: of connections that were lost since everything was settled last.
        self.windows: dict[str, Window] = {}
        self.past: list[Window] = []
        # What was acknowledged of the reader's own places when its list began.
        self.floors: dict[str, dict[str, int | None]] = {}
        # By subscription: the last marker it was sent, and its content then, in its order.
        self.models: dict[str, tuple[str, list[tuple[str, int]]]] = {}
        # By store: the last position in its log that an acknowledgement called synced.
        self.synced: Counter[str] = Counter()
        self.waiting_joins: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []

    def hear(self, entry: list[Any]) -> None:
        """One entry of a journal."""
        name, *arguments = entry
        with self.lock:
            self.counts[name] += 1
            self._judge(lambda: getattr(self, f"_hear_{name}")(*arguments))
            if name == "marker":
                self.marked.notify_all()

    def _judge(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Violation as violation:
            self._violated(str(violation))
        except Exception as error:
            self._violated(f"can't be judged: {error!r}")

    def _violated(self, what: str) -> None:
        if len(self.violations) < MAXIMUM_VIOLATIONS:
            self.violations.append(what)

    # Writers

    def _hear_intend(self, place: str, sequence: int, deletes: bool) -> None:
        self._key(place).intend(sequence, deletes)

    def _hear_done(self, place: str, sequence: int, old: int | None) -> None:
        self._key(place).acknowledge(sequence, old)

    def _hear_count(self, place: str) -> None:
        self._counter(place).intended += 1

    def _hear_counted(self, place: str, writer: str, value: int) -> None:
        self._counter(place).acknowledge(writer, value)

    def _hear_send(self, group: str, writer: str, number: int) -> None:
        self.sends[group, writer].intended = number

    def _hear_sent(self, group: str, writer: str, number: int) -> None:
        self.sends[group, writer].certain.add(number)

    def _hear_synced(self, store: str, durable: dict[str, Any]) -> None:
        """What an acknowledgement said of itself."""
        if durable.get("mode") != "synced":
            raise Violation(f"{store}: acknowledged with {durable}")
        self.synced[store] = max(self.synced[store], durable["lsn"])

    # Observers

    def _hear_saw(self, place: str, mark: int | None) -> None:
        self._see(place, mark)

    def _hear_event(self, observer: str, place: str, kind: str, old: int | None, new: int | None) -> None:
        """A `state` trigger's."""
        self._see(place, old)
        self._see(place, new)
        if new is None and old is not None:
            self._key(place).see_deleted(old)
        self.chains.add(observer, place, kind, old, new)

    def _hear_streamed(self, place: str, kind: str, mark: int) -> None:
        """A `stream` trigger's."""
        self._see_change(place, kind, mark)

    def _hear_ticked(self, group: str, writer: str, number: int) -> None:
        """A `stream` trigger's, of a send."""
        self.sends[group, writer].certain.add(number)

    def _hear_listing(self, reader: str, own: str) -> None:
        """`own`: what the places begin with whose journal this is."""
        places = (key for key in self.keys if key.startswith(own))
        self.floors[reader] = {key: self.keys[key].last_acknowledged for key in places}

    def _hear_listed(self, reader: str, marks: dict[str, int], twice: list[str]) -> None:
        if twice:
            raise Violation(f"{reader}: a list names {twice} twice")
        for place, mark in marks.items():
            self._see(place, mark)
        for place, floor in self.floors.pop(reader).items():
            self.keys[place].check_shown(marks.get(place), floor)

    def _hear_guarded(self, subscription: str) -> None:
        """A join was let in: only counted."""

    # Subscribers

    def _hear_join(self, subscription: str) -> None:
        self.waiting_joins.add(subscription)

    def _hear_sync(self, subscription: str, group: str, place: str | None, marks: dict[str, int]) -> None:
        self.waiting_joins.discard(subscription)
        self._close_window(subscription)
        for source, mark in marks.items():
            self._see(source, mark)
        self.windows[subscription] = Window(subscription, group, place, start=dict(marks))

    def _hear_resumed(self, subscription: str, missed: int) -> None:
        self.waiting_joins.discard(subscription)
        self.counts["missed"] += missed

    def _hear_told(self, subscription: str, place: str, kind: str, mark: int) -> None:
        self._see_change(place, kind, mark)
        window = self.windows[subscription]
        (window.tell_deleted if kind == "delete" else window.tell)(place, mark)

    def _hear_heard(self, subscription: str, group: str, writer: str, number: int) -> None:
        self.sends[group, writer].certain.add(number)
        self.windows[subscription].tell(writer, number)

    def _hear_lost(self, subscription: str, resumes: bool) -> None:
        """The connection is over; a subscription that resumes goes on with its window."""
        if subscription in self.waiting_joins:
            self.waiting_joins.discard(subscription)
            self.counts["cut joins"] += 1
        if not resumes:
            self._close_window(subscription)

    def _hear_marker(self, subscription: str, token: str, model: list[list[Any]]) -> None:
        self.models[subscription] = (token, [(place, mark) for place, mark in model])

    def _hear_wrong(self, what: str) -> None:
        raise Violation(what)

    # The crash and after

    def interrupt(self) -> None:
        """The engine was killed or stopped."""
        with self.lock:
            self.chains.interrupt()

    def recover(self, store: str, lsn: int) -> None:
        """A store was opened again, with its log up to `lsn`."""
        with self.lock:
            if lsn < self.synced[store]:
                self._violated(f"{store}: opened up to {lsn}, acknowledged up to {self.synced[store]}")

    def settle(self, read: Callable[[str], Any]) -> None:
        """Nothing is under way, everybody is connected and up to date: checks every place; `read` gives its value."""
        with self.lock:
            self._check_windows()
            for history in [*self.keys.values(), *self.counters.values()]:
                self._judge(lambda history=history: history.settle(read(history.key)))
            self._advance()

    def subscriptions_before(self, token: str) -> list[str]:
        """Who has not been sent this marker."""
        with self.lock:
            return self._before(token)

    def _before(self, token: str) -> list[str]:
        return [name for name in self.windows if self.models.get(name, ("", []))[0] != token]

    def wait_for_marker(self, token: str, seconds: float) -> None:
        """Until every subscription has had it, or for so long."""
        with self.lock:
            self.marked.wait_for(lambda: not self._before(token), seconds)

    def check_list(self, where: str, marks: dict[str, int], twice: list[str]) -> None:
        """What `state::list` or a group's `stream::list` shows now that everything is settled, in its order."""
        with self.lock:
            self._judge(lambda: self._check_list(where, marks, twice))

    def _check_list(self, where: str, marks: dict[str, int], twice: list[str]) -> None:
        stored = self._content(where)
        if twice or stored != marks:
            differing = dict(stored.items() ^ marks.items())
            raise Violation(f"{where}: the list and single reads differ in {differing}; twice in the list: {twice}")
        for subscription, window in self.windows.items():
            if window.group != where or subscription not in self.models:
                continue
            wanted = [entry for entry in marks.items() if window.covers(entry[0])]
            if self.models[subscription][1] != wanted:
                raise Violation(f"{subscription}: holds {self.models[subscription][1]}, the store {wanted}")

    def _content(self, where: str) -> dict[str, int]:
        """The values of a list that name their places, as they were settled."""
        marks = {key: history.base for key, history in self.keys.items()}
        marks |= {key: history.base or None for key, history in self.counters.items() if is_pair(key)}
        return {place: mark for place, mark in marks.items() if mark is not None and where_of(place) == where}

    def _check_windows(self) -> None:
        for window in [*self.windows.values(), *self.past]:
            for history in self.keys.values():
                self._judge(lambda: window.check_key(history))
            for (group, writer), sends in self.sends.items():
                if group == window.group:
                    self._judge(lambda: window.check_sends(writer, sends))

    def _advance(self) -> None:
        self.past.clear()
        for window in self.windows.values():
            sources = {key: history.last_intended for key, history in self.keys.items() if window.covers(key)}
            senders = ((writer, sends) for (group, writer), sends in self.sends.items() if group == window.group)
            sources |= {writer: sends.intended for writer, sends in senders}
            window.advance(sources)
        for sends in self.sends.values():
            sends.certain.clear()
        self.chains.resume()

    # Parts

    def _key(self, place: str) -> KeyHistory:
        return self.keys.setdefault(place, KeyHistory(place))

    def _counter(self, place: str) -> CounterHistory:
        return self.counters.setdefault(place, CounterHistory(place))

    def _see(self, place: str, mark: int | None) -> None:
        if mark is not None:
            (self._counter(place) if is_number(place) else self._key(place)).see(mark)

    def _see_change(self, place: str, kind: str, mark: int) -> None:
        self._see(place, mark)
        if kind == "delete":
            self._key(place).see_deleted(mark)

    def _close_window(self, subscription: str) -> None:
        window = self.windows.pop(subscription, None)
        if window is not None:
            window.is_over = True
            self.past.append(window)


def where_of(place: str) -> str:
    """Which list shows a place."""
    if place.startswith(BULK_SCOPE):
        return BULK_SCOPE
    group = place.split("/", 1)[0]
    return group if group in GROUPS else STATE
