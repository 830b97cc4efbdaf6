"""Kills the engine while it imports an upstream volume at its first start, and checks that it starts over cleanly.

Each round has fresh directories with made volumes, one for the state and one for the streams. Whatever the kills hit,
at the end every value must be there once, in its order, the original files must be what they were, and a later start
must not import again.
"""

from __future__ import annotations

import hashlib
import pathlib
import random
import shutil
import signal
import time
from collections import Counter
from typing import Any

from failpoints import DELAYS, arm, disarm
from support import make_upstream_volume as upstream
from support.engine import JSON_LOG, Engine
from support.rawsocket import RawWorker

# Large indexes, so that an import takes a while: about 10 MB each of state and streams.
LARGE_INDEXES = 24
LARGE_ENTRIES = 1000
VALUE_BYTES = 400
# Kills before the start that may finish.
KILLS = (1, 5)
# What the engine's log says of an import: it is complete, it finds that the one before it was cut short.
DONE, CUT_SHORT = "upstream volume adopted", "was cut short"
KINDS = ("state", "streams")
NAMES = {"state": "state", "streams": "stream"}
VALUES = {"state": "value", "streams": "data"}
# Of the kills, those at the failpoint.
FAILPOINT_CHANCE = 0.25
# The engine with failpoints is a debug build: an import takes so many times as long.
DEBUG_SLOWNESS = 6

Volume = dict[str, list[tuple[str, Any]]]


def state_volume() -> Volume:
    """Every shape of an index, and large ones."""
    small = {name: list(entries) for name, entries in upstream.sound_indexes().items()}
    small = {name: entries for name, entries in small.items() if not name.startswith(("stream:", "queue:"))}
    return small | {f"large-{number}": large_entries(f"large-{number}") for number in range(LARGE_INDEXES)}


def stream_volume() -> Volume:
    return {f"stream:chat:large-{number}": large_entries(f"chat-{number}") for number in range(LARGE_INDEXES)}


def large_entries(name: str) -> list[tuple[str, Any]]:
    return [(f"key-{number}", large_value(f"{name}/{number}")) for number in range(LARGE_ENTRIES)]


def large_value(place: str) -> dict[str, Any]:
    """A value that names its place, and that no store packs."""
    return {"place": place, "text": hashlib.shake_256(place.encode()).hexdigest(VALUE_BYTES // 2)}


def write(volume: Volume, directory: pathlib.Path) -> None:
    directory.mkdir(parents=True)
    for index, entries in volume.items():
        (directory / upstream.encode_name(index)).write_bytes(upstream.archive(upstream.index_text(entries)))


def digests(directory: pathlib.Path) -> dict[str, str]:
    files = sorted(path for path in directory.iterdir() if path.name.endswith(".bin"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def differences(wanted: Volume, found: Volume) -> list[str]:
    """What of a volume is missing, foreign, twice or in another order; at most one line per index."""
    result = [f"{index!r} is foreign" for index in sorted(found.keys() - wanted.keys())]
    for index, entries in wanted.items():
        values = [value for _, value in entries]
        shown = found.get(index, [])
        if values == shown:
            continue
        missing = sum(value not in shown for value in values)
        result.append(f"{index!r} has {len(shown)} values, not {len(values)}; {missing} are missing")
    return result


class ImportRound:
    """One fresh copy of the volumes, state and streams in directories of their own or in a shared one."""

    def __init__(self, test: ImportTest, directory: pathlib.Path, is_shared: bool) -> None:
        self.test = test
        self.volumes = {kind: {index: list(entries) for index, entries in test.volumes[kind].items()} for kind in KINDS}
        self.stores = {kind: directory / "data" / ("shared" if is_shared else kind) for kind in KINDS}
        for kind in KINDS:
            shutil.copytree(test.originals / kind, self.stores[kind], dirs_exist_ok=True)
        self.digests = {kind: digests(self.stores[kind]) for kind in KINDS}
        streams = f"store_method: file_based\nfile_path: {self.stores['streams']}"
        self.engine = Engine(directory, store=self.stores["state"], stream="", stream_kv=streams, extra=JSON_LOG)

    def run(self) -> None:
        for _ in range(self.test.chance.randint(*KILLS)):
            self.kill_first_start()
        self.engine.start()
        self.test.counts["kills during an import"] += self.said(CUT_SHORT)
        self.check("after the kills")
        self.change()
        self.engine.restart()
        self.check("after a change and one more kill")
        # Whoever was killed behind the import didn't say so any more.
        assert self.said(DONE) <= len(KINDS), f"imported more than once:\n{self.engine.log()[-4000:]}"

    def kill_first_start(self) -> None:
        """At any moment, or in the midst of the checkpoint that an import ends with."""
        chance, counts = self.test.chance, self.test.counts
        counts["kills"] += 1
        if chance.random() < FAILPOINT_CHANCE:
            arm(self.engine, f"checkpoint.beforeApply:1:{chance.choice(DELAYS)}")
            process = self.engine.spawn()
            deadline = time.monotonic() + self.test.whole_start * 2 * DEBUG_SLOWNESS
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            counts["kills at the failpoint"] += process.poll() is not None
            disarm(self.engine)
        else:
            process = self.engine.spawn()
            time.sleep(chance.uniform(0, self.test.whole_start))
        assert process.poll() in (None, -signal.SIGKILL), f"the engine ended by itself:\n{self.engine.log()[-4000:]}"
        self.engine.dispose()

    def said(self, message: str) -> int:
        return sum(message in line for line in self.engine.log().splitlines())

    def change(self) -> None:
        """What a second import would undo."""
        worker = RawWorker(self.engine.worker_port)
        for kind, volume in self.volumes.items():
            index = next(name for name in volume if name.endswith("large-3"))
            entries = volume[index]
            (first, _), (second, _) = entries[:2]
            worker.call(f"{NAMES[kind]}::set", address(kind, index, first) | {VALUES[kind]: "changed"})
            worker.call(f"{NAMES[kind]}::delete", address(kind, index, second))
            entries[:2] = [(first, "changed")]
        worker.close()

    def check(self, when: str) -> None:
        worker = RawWorker(self.engine.worker_port)
        found = {"state": read_state(worker), "streams": read_streams(worker)}
        worker.close()
        for kind in KINDS:
            wanted = {index: entries for index, entries in self.volumes[kind].items() if entries}
            wrong = differences(wanted, found[kind])
            assert not wrong, f"{kind}, {when}: {'; '.join(wrong[:5])} ({len(wrong)} in all)"
            assert digests(self.stores[kind]) == self.digests[kind], f"{kind}, {when}: upstream's files have changed"


def address(kind: str, index: str, key: str) -> dict[str, str]:
    if kind == "state":
        return {"scope": index, "key": key}
    stream, group = index.removeprefix("stream:").split(":", 1)
    return {"stream_name": stream, "group_id": group, "item_id": key}


def read_state(worker: RawWorker) -> dict[str, list[Any]]:
    groups = worker.call("state::list_groups", {})["groups"]
    return {group: worker.call("state::list", {"scope": group}) for group in groups}


def read_streams(worker: RawWorker) -> dict[str, list[Any]]:
    streams = worker.call("stream::list_all", {})["stream"]
    names = [(stream["id"], group) for stream in streams for group in stream["groups"]]
    lists = (worker.call("stream::list", {"stream_name": stream, "group_id": group}) for stream, group in names)
    return {f"stream:{stream}:{group}": values for (stream, group), values in zip(names, lists)}


class ImportTest:
    def __init__(self, directory: pathlib.Path, chance: random.Random) -> None:
        self.directory, self.chance = directory, chance
        self.volumes = {"state": state_volume(), "streams": stream_volume()}
        self.originals = directory / "originals"
        for kind, volume in self.volumes.items():
            write(volume, self.originals / kind)
        self.counts: Counter[str] = Counter()
        # From the start of the process until it serves, when nobody kills it: how long an import may take, seconds.
        self.whole_start = 0.0

    def measure(self) -> None:
        round = ImportRound(self, self.directory / "measure", is_shared=False)
        try:
            before = time.monotonic()
            round.engine.start()
            self.whole_start = time.monotonic() - before
            round.check("without a kill")
        finally:
            round.engine.dispose()

    def round(self, number: int) -> None:
        round = ImportRound(self, self.directory / f"import-{number}", is_shared=number % 2 == 0)
        try:
            round.run()
        finally:
            round.engine.dispose()
        shutil.rmtree(round.engine.directory)
        self.counts["rounds"] += 1

    def unproven(self) -> list[str]:
        return [] if self.counts["kills during an import"] else ["a kill during an import"]

    def summary(self) -> str:
        counts = self.counts
        return (
            f"{counts['rounds']} imports with {counts['kills']} kills, {counts['kills during an import']} of them "
            f"during the import and {counts['kills at the failpoint']} at the failpoint; a whole start takes {self.whole_start:.2f} s"
        )
