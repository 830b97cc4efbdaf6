"""Kills the engine while it imports an upstream volume at its first start, and checks that it starts over cleanly.

Each round has fresh directories with made volumes, one for the state and one for the streams. Whatever the kills hit, at
the end every value must be there once, in its order, the original files must be what they were, and a later start must
not import again.
"""

from __future__ import annotations

import hashlib
import pathlib
import random
import shutil
import time
from collections import Counter
from typing import Any

from support import make_upstream_volume as upstream
from support.engine import JSON_LOG, Engine, free_port
from support.rawsocket import RawWorker

# Large indexes, so that an import takes a while: about 10 MB each of state and streams.
LARGE_INDEXES = 24
LARGE_ENTRIES = 1000
VALUE_BYTES = 400
# Kills before the start that may finish, and the span of their moments as a part of a whole start.
KILLS = (1, 4)
SPAN = 1.1
# What the engine says of an import that is complete.
IMPORTED = b"imported"

Volume = dict[str, list[tuple[str, Any]]]


def state_volume() -> Volume:
    """Every shape of an index, and large ones."""
    small = {name: list(entries) for name, entries in upstream.sound_indexes().items()}
    small = {name: entries for name, entries in small.items() if not name.startswith(("stream:", "queue:"))}
    return small | {f"large-{number}": large_entries(f"large-{number}") for number in range(LARGE_INDEXES)}


def stream_volume() -> Volume:
    return {f"stream:chat:room-{number}": large_entries(f"room-{number}") for number in range(LARGE_INDEXES)}


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


class ImportTest:
    def __init__(self, directory: pathlib.Path, chance: random.Random) -> None:
        self.directory, self.chance = directory, chance
        self.volumes = {"state": state_volume(), "streams": stream_volume()}
        self.originals: dict[str, dict[str, str]] = {}
        for name, volume in self.volumes.items():
            write(volume, directory / "originals" / name)
            self.originals[name] = digests(directory / "originals" / name)
        self.counts: Counter[str] = Counter()
        # From the start of the process until it serves; known after a start that nobody kills.
        self.whole_start = 0.0
