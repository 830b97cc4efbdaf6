"""iii-hq/iii#1153: a write to one key rewrote its whole scope, 124 MB, at the next save.

Here the cost of a write follows the size of the write, checkpoints included. Counted are the bytes that the engine sends to
the disk, beside those of an engine whose scope is empty.
"""

from __future__ import annotations

from support.engine import Engine
from support.entries import Entries
from support.flood import fill, text_source
from support.rawsocket import RawWorker
from support.resources import written_bytes
from support.waiting import eventually

MEBIBYTE = 1 << 20
VALUE_BYTES = 8_000
SCOPE_VALUES = 124_000_000 // VALUE_BYTES
SMALL_WRITES = 500
# 80 MB in all: more than the log takes between two checkpoints.
LARGE_BYTES, LARGE_WRITES = 64_000, 1250
# Files that the log prepares ahead, and where a checkpoint happens to fall.
SLACK_BYTES = 24 * MEBIBYTE
SOURCE = text_source(seed=124)


def fresh(engine: Engine, entries: Entries, count: int) -> Engine:
    """A store whose scope has that many values, all of them in the snapshot already."""
    engine.start()
    texts = (SOURCE[n * 13 % 900_000 :][:VALUE_BYTES] for n in range(count))
    fill(engine.worker_port, (entries.set("g", f"k{n}", text) for n, text in enumerate(texts)))
    RawWorker(engine.worker_port).call(*entries.set("g", "one", 0))
    engine.stop()
    return engine.start()


def checkpoint(worker: RawWorker, entries: Entries) -> int:
    stores = worker.call("engine::health", {})["stores"]
    return next(store["checkpoint_lsn"] for store in stores if entries.worker in store["workers"])


def cost_of_small_writes(engine: Engine, entries: Entries) -> int:
    """Bytes written to disk for 500 writes of 256 bytes to one key, one after the other."""
    worker = RawWorker(engine.worker_port)
    before = written_bytes(engine.pid)
    for n in range(SMALL_WRITES):
        worker.call(*entries.set("g", "one", f"{n:0256}"))
    worker.close()
    return written_bytes(engine.pid) - before


def cost_of_large_writes(engine: Engine, entries: Entries) -> int:
    """The same for 80 MB of writes to one key, until a checkpoint is through."""
    worker = RawWorker(engine.worker_port)
    before, reached = written_bytes(engine.pid), checkpoint(worker, entries)
    # Neighbours have nothing in common, so that the log can't make them smaller.
    texts = (SOURCE[n * LARGE_BYTES % 900_000 :][:LARGE_BYTES] for n in range(LARGE_WRITES))
    fill(engine.worker_port, (entries.set("g", "one", text) for text in texts))
    eventually(lambda: checkpoint(worker, entries) > reached, "a checkpoint")
    worker.close()
    return written_bytes(engine.pid) - before


def test_1153_a_write_costs_its_own_size(engine_factory, entries):
    measures = {"small": cost_of_small_writes, "large": cost_of_large_writes}
    costs = {}
    for name, count in {"empty": 0, "full": SCOPE_VALUES}.items():
        engine = fresh(engine_factory(name, stream=""), entries, count)
        costs[name] = {size: measure(engine, entries) for size, measure in measures.items()}
        engine.stop()
    print(f"{entries.kind}, bytes: {costs}")
    for size in measures:
        assert costs["full"][size] <= 1.3 * costs["empty"][size] + SLACK_BYTES, size
