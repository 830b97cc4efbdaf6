"""The rounds: load, kill, restart, judgement."""

from __future__ import annotations

import pathlib
import random
import signal
import time
import uuid

import state_work
import stream_work
from children import PATIENCE_SECONDS, Child, HTTPWriter
from failpoints import Failpoints
from openings import Openings
from oracle import STATE, Oracle, where_of
from stream_work import address
from subscribers import CONNECTIONS
from support.engine import JSON_LOG, Engine
from support.rawsocket import RawWorker
from values import BULK_SCOPE, GROUPS, SCOPE, STREAM, marks_of

# The SDK versions of the worker processes.
VERSIONS = ("0.22.1", "0.25.0", "0.20.0")
SUBSCRIBERS_VERSION = VERSIONS[0]
HTTP_WRITERS = 3
# The longest and shortest time from the start of the load to the kill, seconds.
LOAD_SECONDS = (0.02, 1.2)
# How often the engine is killed once more while it recovers, and how long after its start, seconds.
KILL_DURING_RECOVERY = 0.25
RECOVERY_SECONDS = (0, 0.15)
# Every so many rounds the kill comes at a failpoint, under large values.
FAILPOINT_EVERY = 5
# Directories of the stores.
SHARED, STATE_STORE, STREAM_STORE = "shared", state_work.STORE, stream_work.STORE
# Who is told of the markers: groups, and single items.
MARKED = {(group, item) for _, subscriptions in CONNECTIONS for group, item in subscriptions}
# A marker that a subscriber didn't get went to a connection that was lost.
MARKER_SECONDS = 0.5


class CrashTest:
    def __init__(self, directory: pathlib.Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.oracle = Oracle()
        # State and streams in one store, or in one each.
        self.is_shared = self.chance.random() < 0.5
        state, streams = (SHARED, SHARED) if self.is_shared else (STATE_STORE, STREAM_STORE)
        adapter = f"store_method: file_based\nfile_path: ./data/{streams}"
        store = directory / "data" / state
        self.engine = Engine(directory, store=store, stream="", stream_kv=adapter, extra=JSON_LOG)
        self.openings = Openings(self.engine)
        self.failpoints = Failpoints(self.engine, self.chance)
        self.kills = 0
        self.slowest_start = 0.0
        self.start_engine()
        self.loads = [self.load(version, f"load{number}") for number, version in enumerate(VERSIONS)]
        seeds = str(self.engine.stream_port), str(self.chance.randrange(1 << 32))
        subscribers = ("subscribers", "subscribers.py", *seeds)
        self.subscribers = Child(self.engine, self.oracle, SUBSCRIBERS_VERSION, *subscribers)
        self.writers = [
            HTTPWriter(self.engine, self.oracle, f"load{number % len(VERSIONS)}", number)
            for number in range(HTTP_WRITERS)
        ]

    def load(self, version: str, name: str) -> Child:
        return Child(self.engine, self.oracle, version, name, "load.py", self.engine.url, name, "state", "stream")

    def prepare(self) -> None:
        for load in self.loads:
            load.wait_for("ready")
            load.command("pause")
        self.subscribers.command("settle")
        for writer in self.writers:
            writer.start()
        self.settle()

    # Rounds

    def round(self, number: int) -> None:
        """The load, a kill, perhaps more of them during the recovery, and the judgement."""
        self.begin_load("run bulk" if self.failpoints.armed else "run")
        if self.failpoints.armed is None:
            time.sleep(self.chance.uniform(*LOAD_SECONDS))
        if self.failpoints.armed and self.failpoints.wait_for_hit():
            self.kills += 1
        else:
            self.kill()
        self.end_load()
        while self.chance.random() < KILL_DURING_RECOVERY:
            self.engine.spawn()
            time.sleep(self.chance.uniform(*RECOVERY_SECONDS))
            self.kill()
        self.start_engine(arms=number % FAILPOINT_EVERY == FAILPOINT_EVERY - 1)
        self.settle()

    def kill(self) -> None:
        if (code := self.engine.process.poll()) is not None:
            raise AssertionError(f"the engine ended by itself with {code}:\n{self.engine.log()[-4000:]}")
        self.engine.kill()
        self.kills += 1

    def graceful_round(self) -> None:
        """A stop in the midst of the load instead of a kill.

        The load ends soon after: workers that write on make the engine wait until its deadline, and in so many seconds a quiet
        machine writes more events than are kept for the subscribers, which were told to go at the beginning.
        """
        self.begin_load("run")
        time.sleep(0.3)
        self.engine.signal(signal.SIGTERM)
        time.sleep(0.3)
        self.end_load()
        if (code := self.engine.wait()) != 0:
            raise AssertionError(f"SIGTERM ended the engine with {code}:\n{self.engine.log()[-4000:]}")
        self.start_engine()
        self.settle()

    def start_engine(self, arms: bool = False) -> None:
        if arms:
            self.failpoints.arm()
        before = time.monotonic()
        try:
            self.engine.start()
        except RuntimeError:
            if not arms:
                raise
            # At the checkpoint that an opening with many segments begins with.
            self.failpoints.ended()
            self.kills += 1
            self.failpoints.disarm()
            self.engine.start()
        self.slowest_start = max(self.slowest_start, time.monotonic() - before)
        openings = self.openings.new()
        self.failpoints.judge(openings)
        for opening in openings:
            for store in (STATE_STORE, STREAM_STORE) if opening.store == SHARED else (opening.store,):
                self.oracle.recover(store, opening.recovered)

    def begin_load(self, command: str) -> None:
        self.subscribers.command("run")
        for load in self.loads:
            load.command(command)
        for writer in self.writers:
            writer.may_run.set()

    def end_load(self) -> None:
        """The engine is gone."""
        self.oracle.interrupt()
        self.failpoints.disarm()
        for writer in self.writers:
            writer.may_run.clear()
        for load in self.loads:
            load.command("pause")
        self.subscribers.command("settle")

    # Judgement

    def settle(self) -> None:
        """Waits until nothing is under way and everybody is connected and up to date; then reads everything back."""
        for writer in self.writers:
            writer.wait_for_pause()
        for load in self.loads:
            load.wait_for("paused")
        # Asked now: an engine that was killed while it recovered may have answered joins too.
        self.subscribers.command("calm?")
        self.subscribers.wait_for("calm")
        reader = RawWorker(self.engine.worker_port)
        self.wait_for_subscribers(reader)
        self.oracle.settle(lambda place: self.read(reader, place))
        self.check_lists(reader)
        reader.close()
        if self.oracle.violations:
            raise AssertionError("; ".join(self.oracle.violations))

    def wait_for_subscribers(self, reader: RawWorker) -> None:
        """Sends markers behind everything else until every subscription has had one."""
        token = str(uuid.uuid4())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := self.oracle.subscriptions_before(token):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{missing} never got the marker")
            for group, item in MARKED:
                event = {"type": "marker", "data": token} | ({} if item is None else {"id": item})
                reader.call("stream::send", {"stream_name": STREAM, "group_id": group, **event})
            self.oracle.wait_for_marker(token, MARKER_SECONDS)

    @staticmethod
    def read(reader: RawWorker, place: str) -> object:
        where = where_of(place)
        if where in GROUPS:
            return reader.call("stream::get", address(place))
        return reader.call("state::get", {"scope": SCOPE if where == STATE else BULK_SCOPE, "key": place})

    def check_lists(self, reader: RawWorker) -> None:
        self.oracle.check_list(STATE, *marks_of(reader.call("state::list", {"scope": SCOPE})))
        for group in GROUPS:
            values = reader.call("stream::list", {"stream_name": STREAM, "group_id": group})
            self.oracle.check_list(group, *marks_of(values))

    def end(self) -> None:
        for child in [*self.loads, self.subscribers]:
            child.end()
        self.engine.dispose()
