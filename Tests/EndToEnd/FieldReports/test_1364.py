"""iii-hq/iii#1364: garbage stood at the end of a scope's file after a rewrite that was cut short; the file was half read, and
the next save wrote what had been read over 2,643 keys.

Here a torn write at the log's end is noticed by its checksum, set aside and kept. Damage anywhere else is refused with its
place, and nothing is written: the inspection tool shows it, and saves what is certain.
"""

from __future__ import annotations

import hashlib
import pathlib
import random

import pytest

from support.engine import Engine
from support.entries import STATE, Entries
from support.flood import fill
from support.inspect import DAMAGED, TORN_TAIL, inspect, inspect_json
from support.rawsocket import RawWorker
from support.sdk import Worker

KEYS = 2643
GROUP = "sessions"


def write_keys(engine: Engine, entries: Entries) -> None:
    assert fill(engine.worker_port, (entries.set(GROUP, f"k{n}", {"n": n}) for n in range(KEYS))) == KEYS


def numbers(worker: Worker | RawWorker, entries: Entries) -> list[int]:
    call = worker.trigger if isinstance(worker, Worker) else worker.call
    return [value["n"] for value in call(*entries.list(GROUP))]



def fingerprints(store: pathlib.Path) -> dict[str, str]:
    """Of every file but the locks, which say who has it open, and the reserve, which is room and not content."""
    files = [file for file in sorted(store.rglob("*")) if file.is_file()]
    files = [file for file in files if file.name not in ("LOCK", "lock.mdb", "reserve.tmp")]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def segment(store: pathlib.Path, number: int) -> pathlib.Path:
    return store / "wal" / f"{number:020}.wal"


def overwrite(file: pathlib.Path, offset: int, content: bytes) -> bytes:
    """Returns what stood there."""
    with file.open("r+b") as handle:
        handle.seek(offset)
        before = handle.read(len(content))
        handle.seek(offset)
        handle.write(content)
    return before


@pytest.mark.parametrize("length", [137, 20_000])
def test_1364_garbage_at_the_end(engine, entries, connect, length):
    """What was never acknowledged is set aside; not one of the keys is touched, and writing goes on."""
    engine.start()
    write_keys(engine, entries)
    engine.kill()
    store = entries.store(engine)
    tail = inspect_json("batches", store)[-1]
    assert tail["type"] == "tail"
    log, offset = segment(store, tail["segment"]), tail["offset"]
    garbage = random.Random(length).randbytes(length)
    overwrite(log, offset, garbage)
    assert "torn" in inspect("verify", store, status=TORN_TAIL)

    engine.start()
    facts = engine.opened(entries.worker)
    assert facts["store.condition"] == "tornTail" and int(facts["quarantined.bytes"]) >= length
    kept = [file.read_bytes() for file in (store / "quarantine").iterdir()]
    assert any(garbage in content for content in kept), "it can be looked at"
    worker = connect(engine)
    assert numbers(worker, entries) == list(range(KEYS))
    for n in (0, KEYS):
        worker.trigger(*entries.set(GROUP, f"k{n}", {"n": n}))
    engine.restart()
    assert engine.opened(entries.worker)["store.condition"] == "unclean", "what was set aside isn't found again"
    assert numbers(RawWorker(engine.worker_port), entries) == list(range(KEYS + 1))
    engine.stop()
    inspect("verify", store, "--deep")


def test_1364_damage_elsewhere(engine, engine_factory, entries, directory):
    """One bit in the middle: each boot is refused with segment, offset and batch, and nothing of the store changes."""
    engine.start()
    write_keys(engine, entries)
    engine.kill()
    store = entries.store(engine)
    batches = [row for row in inspect_json("batches", store) if row["type"] == "batch" and row["records"]]
    batch = batches[len(batches) // 2]
    log, offset = segment(store, batch["segment"]), batch["offset"] + 100
    before = overwrite(log, offset, b"\0")
    overwrite(log, offset, bytes([before[0] ^ 1]))

    place = [f"[segment {batch['segment']}]", f"[offset {batch['offset']}]", f"[batch {batch['batch']}]"]
    untouched = fingerprints(store)
    for _ in range(3):
        assert engine.run_to_exit() == 1
        last = engine.log().splitlines()[-1]
        assert all(text in last for text in [*place, str(store), "acknowledged data is damaged"]), last
        assert fingerprints(store) == untouched, "never overwritten"

    # Shown, and saved into a new store.
    shown = inspect("verify", store, status=DAMAGED)
    assert f"segment {batch['segment']}, offset {batch['offset']}" in shown
    saved = directory / "saved"
    (report,) = inspect_json("salvage", store, "--to", saved, status=DAMAGED)
    assert not report["complete"] and len(report["gaps"]) == 1
    assert fingerprints(store) == untouched
    check_saved(engine_factory, entries, saved, batch["records"])

    # The disk is repaired: nothing was lost by any of it.
    overwrite(log, offset, before)
    engine.start()
    assert numbers(RawWorker(engine.worker_port), entries) == list(range(KEYS))
    engine.stop()


def check_saved(engine_factory, entries: Entries, saved: pathlib.Path, lost_records: int) -> None:
    """An engine serves it: everything but what stood in the damaged batch."""
    if entries == STATE:
        engine = engine_factory("saved", store=saved).start()
    else:
        engine = engine_factory("saved", stream="", stream_kv=f"store_method: file_based\nfile_path: {saved}").start()
    found = set(numbers(RawWorker(engine.worker_port), entries))
    missing = set(range(KEYS)) - found
    assert found < set(range(KEYS)) and 0 < len(missing) <= lost_records // 2
    assert missing == set(range(min(missing), max(missing) + 1)), "neighbours: one batch"
    engine.stop()
