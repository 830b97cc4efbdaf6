"""iii-hq/iii#1153, #1374: resident memory was 2.5 to 4.4 times the store (a 586 MB store took 2.57 GB), with a spike at every
save, until the kernel killed the engine every minute.

Here memory follows what is being changed: a store is written, checkpointed, stopped, opened and read in a fraction of its size.
"""

from __future__ import annotations

from support.engine import STOP_PATIENCE_SECONDS, Engine
from support.entries import STREAMS, Entries
from support.flood import fill, text_source
from support.rawsocket import RawWorker
from support.resources import PeakWatch, forget_peak, own_bytes, peak_resident_bytes, resident_bytes
from support.waiting import eventually

MEBIBYTE = 1 << 20
VALUE_BYTES = 20_000
VALUES = 30_000
GROUPS = 300
STORE_BYTES = VALUES * VALUE_BYTES
# Of the engine as a whole, whatever the store's size: what is on its way to the disk at full speed, and what is left when
# the engine only serves. Streams keep their latest events too (`history` in docs/streams.md).
WRITING_BYTES = 300 * MEBIBYTE
SERVING_BYTES = 160 * MEBIBYTE
HISTORY_BYTES = 64 * MEBIBYTE
SOURCE = text_source(seed=1153)


def value(n: int) -> str:
    """No two are the same."""
    start = n * 31 % (len(SOURCE) - VALUE_BYTES)
    return f"{n}-{SOURCE[start : start + VALUE_BYTES]}"


def status(worker: RawWorker, entries: Entries) -> dict:
    stores = worker.call("engine::health", {})["stores"]
    return next(store for store in stores if entries.worker in store["workers"])


def check(entries: Entries, peak: int, limit: int, what: str) -> None:
    limit += HISTORY_BYTES * (entries == STREAMS)
    print(f"{entries.kind}: {peak >> 20} MiB at most {what}; the store has {STORE_BYTES >> 20} MiB")
    assert 0 < peak < limit, f"{peak >> 20} MiB {what}, more than {limit >> 20} MiB"


def read_some(engine: Engine, entries: Entries) -> None:
    """Values from everywhere, and whole groups."""
    worker = RawWorker(engine.worker_port)
    for n in range(0, VALUES, 97):
        assert worker.call(*entries.get(f"g{n % GROUPS}", f"k{n}")) == value(n)
    for group in range(0, GROUPS, 50):
        assert worker.call(*entries.list(f"g{group}")) == [value(n) for n in range(group, VALUES, GROUPS)]
    worker.close()


def test_1153_1374_memory_follows_the_working_set(engine, entries):
    engine.start()
    worker = RawWorker(engine.worker_port)
    fill(engine.worker_port, (entries.set(f"g{n % GROUPS}", f"k{n}", value(n)) for n in range(VALUES)))
    store = status(worker, entries)
    assert 0 < store["checkpoint_lsn"] and STORE_BYTES < store["log_bytes"] + store["snapshot_bytes"]
    check(entries, peak_resident_bytes(engine.pid), WRITING_BYTES, "while it was written, with its checkpoints")
    worker.close()

    # As a supervisor restarts it: the log is replayed.
    engine.restart()
    check(entries, peak_resident_bytes(engine.pid), WRITING_BYTES, "after a kill and a start")
    watch = PeakWatch(engine.pid, own_bytes)
    read_some(engine, entries)
    check(entries, watch.finish(), SERVING_BYTES, "of its own while it was read")
    limit = SERVING_BYTES + HISTORY_BYTES * (entries == STREAMS)
    eventually(lambda: resident_bytes(engine.pid) < limit, "the file's pages are given back")

    # Some of it changes, and the last checkpoint is that of the stop.
    forget_peak(engine.pid)
    fill(engine.worker_port, (entries.set(f"g{n % GROUPS}", f"k{n}", n) for n in range(0, VALUES, 1000)))
    watch = PeakWatch(engine.pid)
    engine.signal(15)
    assert engine.wait(STOP_PATIENCE_SECONDS) == 0
    check(entries, watch.finish(), WRITING_BYTES, "to its end")

    engine.start()
    reader = RawWorker(engine.worker_port)
    assert reader.call(*entries.get("g1", "k1")) == value(1)
    assert reader.call(*entries.get("g0", "k0")) == 0
    check(entries, peak_resident_bytes(engine.pid), SERVING_BYTES, "after a stop and a start")
    engine.stop()
