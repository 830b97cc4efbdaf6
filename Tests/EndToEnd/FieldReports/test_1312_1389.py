"""iii-hq/iii#1312, #1389: memory grew from 1.3 GB to 11.8 GB in four hours of steady writes, and the shutdown hung.

Here memory stays where it is however long one writes, and a stop under that load ends within its deadline with everything
that was acknowledged.
"""

from __future__ import annotations

import signal
import statistics
import time

from support.engine import STOP_PATIENCE_SECONDS, Engine
from support.entries import STATE, STREAMS, Entries
from support.flood import Flood
from support.rawsocket import RawWorker
from support.resources import resident_bytes
from support.waiting import eventually

KEYS = 10_000
VALUE_BYTES = 256
# Each key was written a few times, streams keep as many events as they ever will, checkpoints have come and gone.
WARM_WRITES = 110_000
CHECKPOINT_PATIENCE_SECONDS = 300
# On a slow machine it takes longer: until each store has written another checkpoint.
STEADY_SECONDS = 45
SAMPLE_SECONDS = 0.5
# The warm-up's writes come several times again: what grows with them would be far beyond.
GROWTH = 1.25


def checkpoints(engine: Engine) -> list[int]:
    worker = RawWorker(engine.worker_port)
    stores = worker.call("engine::health", {})["stores"]
    worker.close()
    return [store["checkpoint_lsn"] for store in stores]


def samples(engine: Engine) -> list[int]:
    """What is resident, over at least STEADY_SECONDS and a checkpoint of each store."""
    before = checkpoints(engine)
    begin = time.monotonic()
    found = []
    while time.monotonic() - begin < STEADY_SECONDS or any(now <= then for now, then in zip(checkpoints(engine), before)):
        assert time.monotonic() - begin < CHECKPOINT_PATIENCE_SECONDS, "no checkpoint of each store fell into it"
        found.append(resident_bytes(engine.pid))
        time.sleep(SAMPLE_SECONDS)
    return found


def check_flood(engine: Engine, entries: Entries, flood: Flood) -> None:
    """All keys are there, once each: every one of them was acknowledged many times."""
    reader = RawWorker(engine.worker_port)
    count = sum(len(reader.call(*entries.list(f"g{n}"))) for n in range(10))
    assert count == KEYS and flood.acknowledged >= KEYS
    reader.close()


def test_1312_1389_flat_memory_and_a_stop_under_load(engine):
    engine.start()
    floods = {entries: Flood(engine.worker_port, entries, KEYS, VALUE_BYTES) for entries in (STATE, STREAMS)}

    def is_warm() -> bool:
        assert all(flood.failure is None for flood in floods.values())
        return all(flood.acknowledged >= WARM_WRITES for flood in floods.values()) and all(checkpoints(engine))

    eventually(is_warm, "it's warm", CHECKPOINT_PATIENCE_SECONDS)
    before = {entries: flood.acknowledged for entries, flood in floods.items()}
    resident = samples(engine)
    written = {entries.kind: flood.acknowledged - before[entries] for entries, flood in floods.items()}
    # It goes up and down with each checkpoint: compared are the medians of the first and the last quarter.
    quarter = len(resident) // 4
    quarters = [int(statistics.median(resident[n * quarter :][:quarter])) for n in range(4)]
    print(f"{written} writes: {[size >> 20 for size in quarters]} MiB, {max(resident) >> 20} at most")
    assert quarters[-1] <= GROWTH * quarters[0]

    # Nobody stops writing: the engine has to end it.
    engine.signal(signal.SIGTERM)
    begin = time.monotonic()
    assert engine.wait(STOP_PATIENCE_SECONDS) == 0, engine.log()[-4000:]
    print(f"stopped under load in {time.monotonic() - begin:.1f} s")
    for flood in floods.values():
        flood.finish()
        assert flood.drop_code == 1012, "told to come back"
    engine.start()
    for entries, flood in floods.items():
        check_flood(engine, entries, flood)
    engine.stop()
