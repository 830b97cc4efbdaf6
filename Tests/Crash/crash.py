#!/usr/bin/env python3
"""Kills a loaded engine at random moments and checks after each restart that it kept its promises.

    python3 Tests/Crash/crash.py [--rounds 100] [--seed N]

Real SDK workers in processes of their own write and read state and streams over WebSocket, this process writes through
HTTP, and raw subscribers follow the streams. After each SIGKILL and restart the workers and subscribers reconnect by
themselves, everything is read back, and `oracle.py` judges it. In every fifth round the engine is killed in the midst of a
checkpoint (failpoints.py). In every tenth it is killed as well while it imports an upstream volume (imports.py).
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback
import uuid
from functools import partial
from typing import Callable

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from children import PATIENCE_SECONDS, Child, HTTPWriter  # noqa: E402
from failpoints import Failpoints  # noqa: E402
from imports import ImportTest  # noqa: E402
from openings import Openings  # noqa: E402
from oracle import STATE, Oracle, where_of  # noqa: E402
from stream_work import address  # noqa: E402
from subscribers import CONNECTIONS  # noqa: E402
from support.engine import JSON_LOG, Engine, free_port  # noqa: E402
from support.rawsocket import RawWorker  # noqa: E402
from values import BULK_SCOPE, GROUPS, SCOPE, STREAM, marks_of  # noqa: E402

# The SDK versions of the worker processes.
VERSIONS = ("0.22.1", "0.25.0", "0.20.0")
SUBSCRIBERS_VERSION = VERSIONS[0]
HTTP_WRITERS = 3
# The longest and shortest time from the start of the load to the kill, seconds.
LOAD_SECONDS = (0.02, 1.2)
# How often the engine is killed once more while it recovers.
KILL_DURING_RECOVERY = 0.25
# Every so many rounds the kill comes at a failpoint, under large values.
FAILPOINT_EVERY = 5
# Who is told of the markers: groups, and single items.
MARKED = {(group, item) for _, subscriptions in CONNECTIONS for group, item in subscriptions}
IMPORT_EVERY = 10
# A marker that a subscriber didn't get went to a connection that was lost.
MARKER_SECONDS = 0.5
STREAM_BLOCK = """\
  - name: iii-stream
    config:
      host: 127.0.0.1
      port: {port}
      adapter: {{name: kv, config: {{store_method: file_based, file_path: {path}}}}}
"""


class CrashTest:
    def __init__(self, directory: pathlib.Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.oracle = Oracle()
        self.stream_port = free_port()
        data = directory / "data"
        block = STREAM_BLOCK.format(port=self.stream_port, path=data / "streams")
        self.engine = Engine(directory, store=data / "state", extra=JSON_LOG + block)
        self.openings = Openings(self.engine)
        self.failpoints = Failpoints(self.engine, self.chance)
        self.kills = 0
        self.slowest_start = 0.0
        self.start_engine()
        self.loads = [self.load(version, f"load{number}") for number, version in enumerate(VERSIONS)]
        seeds = str(self.stream_port), str(self.chance.randrange(1 << 32))
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
        if self.failpoints.armed is None or not self.failpoints.wait_for_hit():
            self.engine.kill()
        self.kills += 1
        self.end_load()
        while self.chance.random() < KILL_DURING_RECOVERY:
            self.engine.spawn()
            time.sleep(self.chance.uniform(0, 0.15))
            self.engine.kill()
            self.kills += 1
        self.start_engine(arms=number % FAILPOINT_EVERY == FAILPOINT_EVERY - 1)
        self.settle()

    def graceful_round(self) -> None:
        """A stop in the midst of the load instead of a kill."""
        self.begin_load("run")
        time.sleep(0.3)
        self.engine.stop()
        self.end_load()
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
            self.oracle.recover(opening.store, opening.recovered)

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

    # The summary

    def unproven(self) -> list[str]:
        """What this run never did, and so proves nothing about."""
        counts, hits = self.oracle.counts, self.failpoints.hits
        done = {
            "a write through HTTP": sum(writer.acknowledged for writer in self.writers),
            "a write to the state": counts["done"],
            "an update": counts["counted"],
            "a list": counts["listed"],
            "an event of a state trigger": counts["event"],
            "an event of a stream trigger": counts["streamed"],
            "a sync": counts["sync"],
            "a resume": counts["resumed"],
            "an event that was missed and resumed": counts["missed"],
            "a kill during a checkpoint": hits["during a checkpoint"],
        }
        return [what for what, count in done.items() if count == 0]

    def summary(self) -> str:
        counts = self.oracle.counts
        through_http = sum(writer.acknowledged for writer in self.writers)
        hits = ", ".join(f"{count} {what}" for what, count in sorted(self.failpoints.hits.items())) or "none"
        return "\n".join([
            f"{self.kills} kills; at failpoints: {hits}",
            f"{counts['intend'] + counts['count'] + counts['send']} writes intended, "
            f"{counts['done'] + counts['counted'] + counts['sent']} acknowledged ({through_http} of them through HTTP)",
            f"seen: {counts['saw']} reads, {counts['listed']} lists, {counts['event']} events of state triggers, "
            f"{counts['streamed'] + counts['ticked']} of stream triggers, {counts['told'] + counts['heard']} by subscribers",
            f"{counts['join']} joins ({counts['cut joins']} cut off by a kill), {counts['sync']} syncs, "
            f"{counts['resumed']} resumes of {counts['missed']} missed events",
            f"slowest start {self.slowest_start:.2f} s",
        ])


def steps_of(test: CrashTest, imports: ImportTest, rounds: int) -> list[tuple[str, Callable[[], None]]]:
    """Every step by name, in order."""
    steps = [("the preparation", test.prepare), ("the first import", imports.measure)]
    for number in range(1, rounds + 1):
        steps.append((f"round {number}", partial(test.round, number)))
        if number % IMPORT_EVERY == 0:
            steps.append((f"import {number // IMPORT_EVERY}", partial(imports.round, number // IMPORT_EVERY)))
    return [*steps, ("the graceful stop", test.graceful_round)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"crash test: {options.rounds} rounds, seed {options.seed}", flush=True)

    directory = pathlib.Path(tempfile.mkdtemp(prefix="iii-crash-"))
    test = CrashTest(directory / "load", options.seed)
    imports = ImportTest(directory / "imports", random.Random(options.seed))
    began, passed = time.monotonic(), 0
    steps = steps_of(test, imports, options.rounds)
    try:
        for name, step in steps:
            step()
            passed += 1
            if name.startswith("import "):
                print(f"  {name}, {time.monotonic() - began:.0f} s: nothing lost", flush=True)
    except Exception:
        traceback.print_exc()
        print(f"{name} failed; seed {options.seed}; stores and logs are kept in {directory}")
        print(test.engine.log()[-4000:])
    finally:
        test.end()
    print(test.summary())
    print(imports.summary())
    print(f"{time.monotonic() - began:.0f} s")
    if passed == len(steps) and (unproven := test.unproven() + imports.unproven()):
        print(f"this run proves less than it should: there never was {', '.join(unproven)}")
        passed = 0
    failed = len(steps) - passed
    print(f"{passed} passed, {failed} failed")
    if failed == 0:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
