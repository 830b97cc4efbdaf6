"""A worker that writes to a stream group without pause, and knows what every subscriber has to be told."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass
from typing import Any, Iterator

from .rawsocket import Dropped, RawWorker
from .waiting import eventually

ITEM_COUNT = 12
# Between two writes, so that the machine's other processes have a chance.
PAUSE_SECONDS = 0.002

# What a subscriber is told: the kind of the event, and the number of the write that made its data. A number is used
# once, so an event that comes twice or at the wrong place is found out.
Told = tuple[str, int]


@dataclass(frozen=True)
class Expected:
    """One event. A write whose answer was lost may have happened or not, and there may be several ways to tell it."""

    ways: frozenset[Told]
    is_certain: bool


class StreamWriter:
    """Numbers its writes. Items are `{"id", "seq"}` (and what updates add), sent events `{"seq"}`."""

    def __init__(self, port: int, stream: str, group: str, seed: int, pad: str = "") -> None:
        self.port = port
        self.group = {"stream_name": stream, "group_id": group}
        self.random = random.Random(seed)
        self.pad = pad
        self.seq = 0
        self.expected: list[Expected] = []
        self.acknowledged = 0
        # The numbers that an item may hold, None for no such item: one of them, unless an answer was lost.
        self.held: dict[str, set[int | None]] = {}
        self.worker: RawWorker | None = None
        self.failure: BaseException | None = None
        self.is_ending = False
        # Held during a write.
        self.turn = threading.Lock()
        self.thread = threading.Thread(target=self.write_for_ever, daemon=True)

    # The thread

    def write_for_ever(self) -> None:
        try:
            while not self.is_ending:
                with self.turn:
                    self.write()
                time.sleep(PAUSE_SECONDS)
        except BaseException as error:
            self.failure = error

    def start(self) -> "StreamWriter":
        self.thread.start()
        return self

    def stop(self) -> None:
        self.is_ending = True
        if self.thread.ident is not None:
            self.thread.join()
        assert self.failure is None, f"the writer failed: {self.failure!r}"

    def close(self) -> None:
        """Whatever became of it."""
        self.is_ending = True
        if self.worker is not None:
            self.worker.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Between two writes."""
        with self.turn:
            assert self.failure is None, f"the writer failed: {self.failure!r}"
            yield

    def wait_for_writes(self, count: int) -> None:
        """Until that many more were acknowledged."""
        wanted = self.acknowledged + count
        eventually(lambda: self.acknowledged >= wanted or self.failure, f"{count} more writes")
        assert self.failure is None, f"the writer failed: {self.failure!r}"

    # Calls, one at a time

    def call(self, function_id: str, **payload: Any) -> Any:
        """Raises Dropped when there's no answer; the next call connects anew."""
        if self.worker is None:
            self.worker = eventually(self.connect, "the writer is connected")
        try:
            return self.worker.call(function_id, {**self.group, **payload})
        except (Dropped, OSError) as error:
            self.worker.close()
            self.worker = None
            raise Dropped(None, str(error)) from None

    def connect(self) -> RawWorker:
        if self.is_ending:
            raise SystemExit
        return RawWorker(self.port)

    def list(self) -> list[dict[str, Any]]:
        return self.call("stream::list")

    # Writes

    def write(self) -> None:
        item_id = f"item-{self.random.randrange(ITEM_COUNT)}"
        choice = self.random.random()
        if choice < 0.45:
            self.set(item_id)
        elif choice < 0.65:
            self.update(item_id)
        elif choice < 0.8:
            self.delete(item_id)
        else:
            self.send(item_id if choice < 0.9 else None)

    def set(self, item_id: str) -> None:
        self.seq += 1
        data = {"id": item_id, "seq": self.seq, "pad": self.pad}
        self.put(item_id, "stream::set", data=data)

    def update(self, item_id: str) -> None:
        self.seq += 1
        merge = {"type": "merge", "value": {"id": item_id, "seq": self.seq}}
        self.put(item_id, "stream::update", ops=[merge, {"type": "increment", "path": "updates", "by": 1}])

    def put(self, item_id: str, function_id: str, **payload: Any) -> None:
        try:
            old = self.call(function_id, item_id=item_id, **payload)["old_value"]
        except Dropped:
            self.expect({("create", self.seq), ("update", self.seq)}, is_certain=False)
            self.hold(item_id, self.seq, is_certain=False)
            return
        self.check_old(item_id, old)
        self.expect({("create" if old is None else "update", self.seq)})
        self.hold(item_id, self.seq)

    def delete(self, item_id: str) -> None:
        try:
            old = self.call("stream::delete", item_id=item_id)["old_value"]
        except Dropped:
            held = self.held.get(item_id, {None})
            self.expect({("delete", seq) for seq in held if seq is not None}, is_certain=False)
            self.hold(item_id, None, is_certain=False)
            return
        self.check_old(item_id, old)
        self.hold(item_id, None)
        if old is not None:
            self.expect({("delete", old["seq"])})

    def send(self, item_id: str | None = None) -> int:
        """The event's number."""
        self.seq += 1
        address = {} if item_id is None else {"id": item_id}
        try:
            self.call("stream::send", type="note", data={"seq": self.seq}, **address)
        except Dropped:
            self.expect({("event", self.seq)}, is_certain=False)
        else:
            self.expect({("event", self.seq)})
        return self.seq

    def expect(self, ways: set[Told], is_certain: bool = True) -> None:
        self.expected.append(Expected(frozenset(ways), is_certain))
        self.acknowledged += is_certain

    def hold(self, item_id: str, seq: int | None, is_certain: bool = True) -> None:
        before = self.held.get(item_id, {None})
        self.held[item_id] = {seq} if is_certain else before | {seq}

    def check_old(self, item_id: str, old: dict[str, Any] | None) -> None:
        """Nothing that was acknowledged is lost: what the item held is one of what it can have held."""
        held = self.held.get(item_id, {None})
        assert (old["seq"] if old else None) in held, f"{item_id} held {old}, not one of {held}"


class Follower:
    """Compares what one subscriber is told with what it has to be told."""

    def __init__(self, writer: StreamWriter) -> None:
        self.expected = writer.expected
        self.next = 0

    def told(self, what: Told) -> None:
        while self.next < len(self.expected) and what not in self.expected[self.next].ways:
            expected = self.expected[self.next]
            assert not expected.is_certain, f"event {self.next} is {what}, not {set(expected.ways)}"
            self.next += 1
        assert self.next < len(self.expected), f"{what} came again, or was never written"
        self.next += 1

    def skip_to_now(self) -> None:
        """After a full sync: what was before is lost to the subscriber, which knows that."""
        self.next = len(self.expected)

    def check_end(self) -> None:
        rest = [expected for expected in self.expected[self.next :] if expected.is_certain]
        assert not rest, f"{len(rest)} events never came; the first is {set(rest[0].ways)}"
