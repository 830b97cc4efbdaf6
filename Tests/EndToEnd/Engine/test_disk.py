"""Disks that fill up, fail or lose the store, on a real file system (docs/operations.md, "When a store stops")."""

from __future__ import annotations

import base64
import os
import pathlib
import random
import shutil
import signal
import threading

import pytest

from support.engine import JSON_LOG, Engine
from support.rawsocket import CallFailed, Dropped, RawWorker
from support.streamclient import StreamClient
from support.volume import volume  # noqa: F401
from support.waiting import eventually

VALUE_BYTES = 60_000
DURABILITY_LOST = 74


def value(seed: str) -> str:
    """Text that no compression makes smaller, the same for the same seed."""
    return base64.b64encode(random.Random(seed).randbytes(VALUE_BYTES * 3 // 4)).decode()


def engine_on(engine_factory, volume) -> Engine:
    return engine_factory(store=volume.path / "store", extra=JSON_LOG).start()


def fill(worker: RawWorker, prefix: str, kept: dict[str, str]) -> str:
    """Writes until it's refused; notes in `kept` what was acknowledged. Returns why it was refused."""
    for n in range(10_000):
        key = f"{prefix}{n}"
        try:
            worker.call("state::set", {"scope": "disk", "key": key, "value": value(key)})
        except CallFailed as error:
            return error.message
        kept[key] = key
    raise AssertionError("the volume took more than it has")


def check(worker: RawWorker, kept: dict[str, str], gone: set[str]) -> None:
    """Everything acknowledged is there, byte by byte, and nothing that was deleted."""
    for key, seed in kept.items():
        assert worker.call("state::get", {"scope": "disk", "key": key}) == value(seed), f"{key} is lost"
    for key in gone:
        assert worker.call("state::get", {"scope": "disk", "key": key}) is None, f"{key} came back"


def delete(worker: RawWorker, keys: list[str], kept: dict[str, str], gone: set[str]) -> None:
    for key in keys:
        worker.call("state::delete", {"scope": "disk", "key": key})
        del kept[key]
        gone.add(key)


def can_write(worker: RawWorker, key: str, kept: dict[str, str]) -> bool:
    try:
        worker.call("state::set", {"scope": "disk", "key": key, "value": value(key)})
    except CallFailed as error:
        assert "lowSpace" in error.message
        return False
    kept[key] = key
    return True


def health(worker: RawWorker) -> tuple[str, bool]:
    """What `engine::health` says, and of the one store whether its disk is full."""
    answer = worker.call("engine::health", {})
    (store,) = answer["stores"]
    return answer["status"], store["low_space"]


def fill_up(volume) -> pathlib.Path:
    """Somebody else's file that takes every byte that is left."""
    ballast = volume.path / "ballast"
    with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    with pytest.raises(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


# A full disk


def test_full_disk(engine_factory, volume):  # noqa: F811
    """Reads and deletes go on, writing resumes after them, and nothing acknowledged is lost by SIGKILL."""
    engine = engine_on(engine_factory, volume)
    worker = RawWorker(engine.worker_port)
    kept: dict[str, str] = {}
    gone: set[str] = set()
    for round in range(3):
        assert "lowSpace" in fill(worker, f"{round}-", kept)
        check(worker, kept, gone)
        if round == 1:
            # In flight when it is killed: may be there or not.
            for n in range(50):
                worker.invoke("state::set", {"scope": "disk", "key": f"flight-{n}", "value": value("flight")})
        engine.kill()
        engine.start()  # a full disk has room for starting
        worker = RawWorker(engine.worker_port)
        check(worker, kept, gone)
        keys = sorted(kept)
        delete(worker, keys[: len(keys) * 2 // 3], kept, gone)
        eventually(lambda: can_write(worker, f"again-{round}", kept), "writing resumes after deletes")
        check(worker, kept, gone)
    engine.stop()
    engine.start()
    check(RawWorker(engine.worker_port), kept, gone)
    engine.stop()


def test_a_disk_that_others_fill(engine_factory, volume):  # noqa: F811
    """Somebody else's file takes all room at once, and goes away again."""
    engine = engine_on(engine_factory, volume)
    worker = RawWorker(engine.worker_port)
    kept: dict[str, str] = {}
    assert can_write(worker, "before", kept)
    assert health(worker) == ("healthy", False)
    ballast = fill_up(volume)
    assert "lowSpace" in fill(worker, "full-", kept)
    assert health(worker) == ("degraded", True)
    check(worker, kept, set())
    ballast.unlink()
    eventually(lambda: can_write(worker, "after", kept), "writing resumes when there is room again")
    engine.restart()
    check(RawWorker(engine.worker_port), kept, set())
    engine.stop()


def test_starts_on_a_disk_that_others_filled(engine_factory, volume):  # noqa: F811
    """Not one byte is left: the room that the store kept lets it start again, read and take deletes; nothing is lost."""
    engine = engine_on(engine_factory, volume)
    worker = RawWorker(engine.worker_port)
    kept: dict[str, str] = {}
    gone: set[str] = set()
    for n in range(300):
        assert can_write(worker, f"{n}", kept)
    ballast = fill_up(volume)
    for _ in range(2):
        engine.kill()
        engine.start()
        worker = RawWorker(engine.worker_port)
        check(worker, kept, gone)
        delete(worker, sorted(kept)[:20], kept, gone)
    assert "lowSpace" in fill(worker, "full-", kept)
    ballast.unlink()
    eventually(lambda: can_write(worker, "after", kept), "writing resumes when there is room again")
    engine.restart()
    check(RawWorker(engine.worker_port), kept, gone)
    engine.stop()


def test_streams_on_a_full_disk(engine_factory, volume):  # noqa: F811
    """Items can be deleted, and are told as deleted, though an event is a row too; what was given up for that isn't claimed."""
    kv = f"store_method: file_based\nfile_path: {volume.path / 'streams'}"
    engine = engine_factory(stream="retention: {max_items: 100000}", stream_kv=kv, extra=JSON_LOG).start()
    worker = RawWorker(engine.worker_port)
    address = {"stream_name": "disk", "group_id": "g"}
    kept: list[str] = []

    def is_refused() -> bool:
        item = f"item-{len(kept)}"
        try:
            worker.call("stream::set", {**address, "item_id": item, "data": value(item)})
        except CallFailed as error:
            assert "lowSpace" in error.message
            return True
        kept.append(item)
        return False

    for _ in range(100):
        assert not is_refused()
    ballast = fill_up(volume)
    eventually(is_refused, "the disk is full")
    client = StreamClient(engine.stream_port)
    position = client.joined("disk", "other", resume=None)["position"]
    client.join("disk", "g")
    assert [len(data) for data in client.receive()["event"]["data"]] == [len(value("x"))] * len(kept)
    gone, kept = kept[: len(kept) * 2 // 3], kept[len(kept) * 2 // 3 :]
    for item in gone:
        assert worker.call("stream::delete", {**address, "item_id": item})["old_value"] == value(item)
    assert is_refused(), "all of that on a full disk"
    assert [(message["event"]["type"], message["id"]) for message in client.take(len(gone))] == [
        ("delete", item) for item in gone
    ]
    # A start on the full disk, too.
    client.close()
    engine.restart()
    worker = RawWorker(engine.worker_port)
    assert worker.call("stream::list", address) == [value(item) for item in kept]
    ballast.unlink()
    eventually(lambda: not is_refused(), "writing resumes when there is room again")
    after = StreamClient(engine.stream_port).joined("disk", "g", resume=None)["position"]
    worker.call("stream::set", {**address, "item_id": "again", "data": 2})
    engine.restart()
    worker = RawWorker(engine.worker_port)
    assert worker.call("stream::list", address) == [value(item) for item in kept] + [2]
    assert StreamClient(engine.stream_port).joined("disk", "g", resume=position)["event"]["reason"] == "too_old"
    client = StreamClient(engine.stream_port)
    assert client.joined("disk", "g", resume=after)["event"] == {"type": "resumed", "missed": 1}
    assert client.receive()["event"] == {"type": "create", "data": 2}
    engine.stop()


# Writes that fail


class Writer:
    """Writes from a thread of its own until the connection ends; `acknowledged` is what the engine answered."""

    def __init__(self, port: int, name: str) -> None:
        self.worker = RawWorker(port)
        self.name = name
        self.acknowledged = 0
        self.failure = ""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            while True:
                n = self.acknowledged
                self.worker.call("state::set", {"scope": self.name, "key": str(n), "value": n})
                self.acknowledged = n + 1
        except CallFailed as error:
            self.failure = error.message
        except (Dropped, OSError) as error:
            self.failure = str(error)


def write_until(engine: Engine, break_it) -> list[Writer]:
    """Breaks the disk under load; returns the writers when the engine has ended."""
    writers = [Writer(engine.worker_port, f"w{n}") for n in range(4)]
    eventually(lambda: all(writer.acknowledged > 100 for writer in writers), "everybody is being served")
    break_it()
    assert engine.wait() == DURABILITY_LOST, engine.log()
    for writer in writers:
        writer.thread.join(60)
        assert not writer.thread.is_alive()
    return writers


def check_written(engine: Engine, writers: list[Writer]) -> None:
    reader = RawWorker(engine.worker_port)
    for writer in writers:
        count = len(reader.call("state::list", {"scope": writer.name}))
        assert writer.acknowledged <= count <= writer.acknowledged + 1
        for n in range(writer.acknowledged):
            assert reader.call("state::get", {"scope": writer.name, "key": str(n)}) == n


@pytest.mark.parametrize(
    ("how", "reasons"),
    [("cut_power", ["Input/output error"]), ("abort_journal", ["Read-only file system", "Input/output error"])],
)
def test_failing_disk(engine_factory, volume, how, reasons):  # noqa: F811
    """Exit 74 with path and reason, no reply that isn't true; after the repair everything acknowledged is there."""
    engine = engine_on(engine_factory, volume)
    writers = write_until(engine, getattr(volume, how))
    log = engine.log()
    assert "store is no longer durable; the engine exits" in log
    assert "Error: durabilityLost: " in log and str(engine.store) in log
    assert any(reason in log for reason in reasons), log
    volume.repair()
    engine.start()
    assert engine.opened()["store.condition"] in ("unclean", "tornTail")
    check_written(engine, writers)
    engine.stop()


def test_disk_that_stays_broken(engine_factory, volume):  # noqa: F811
    """A supervisor's next attempt fails at its start, with path and reason, and changes nothing."""
    engine = engine_on(engine_factory, volume)
    writers = write_until(engine, volume.cut_power)
    for _ in range(3):
        assert engine.run_to_exit() == 1
    assert str(engine.store) in engine.log()
    volume.repair()
    engine.start()
    check_written(engine, writers)
    engine.stop()


# A store that vanishes


def test_directory_removed_under_the_running_engine(engine_factory):
    """Never acknowledged into files that nobody will find, never silently empty while it runs."""
    engine = engine_factory(extra=JSON_LOG).start()
    worker = RawWorker(engine.worker_port)
    worker.call("state::set", {"scope": "s", "key": "k", "value": 1})
    shutil.rmtree(engine.store)
    assert worker.call("state::get", {"scope": "s", "key": "k"}) == 1, "what is open can still be read"
    with pytest.raises((Dropped, CallFailed, OSError)):
        worker.call("state::set", {"scope": "s", "key": "k", "value": 2})
    assert engine.wait() == DURABILITY_LOST
    log = engine.log()
    assert "its file was removed" in log and str(engine.store) in log
    # Nothing is left that could tell: a new store, and the log says so.
    engine.start()
    assert engine.opened()["store.condition"] == "new"
    engine.stop()


def test_snapshot_removed_under_the_running_engine(engine_factory):
    """The log isn't retired for a snapshot that nobody will find; the next start refuses instead of starting empty."""
    engine = engine_factory(extra=JSON_LOG).start()
    worker = RawWorker(engine.worker_port)
    worker.call("state::set", {"scope": "s", "key": "k", "value": 1})
    shutil.rmtree(engine.store / "snapshot")
    worker.call("state::set", {"scope": "s", "key": "k", "value": 2})
    engine.signal(signal.SIGTERM)
    assert engine.wait() == DURABILITY_LOST
    assert "data.mdb was removed or renamed" in engine.log()
    assert engine.run_to_exit() == 1
    assert "the snapshot is damaged: the file is missing" in engine.log()


def test_directory_moved_away_under_the_running_engine(engine_factory):
    """What is open goes on until the next segment; then exit 74. Moved back, everything acknowledged is there."""
    engine = engine_factory(extra=JSON_LOG).start()
    worker = RawWorker(engine.worker_port)
    away = engine.store.with_name("away")
    os.rename(engine.store, away)
    kept: dict[str, str] = {}
    with pytest.raises((Dropped, CallFailed, OSError)):
        for n in range(1000):
            worker.call("state::set", {"scope": "disk", "key": str(n), "value": value(str(n))})
            kept[str(n)] = str(n)
    assert kept and engine.wait() == DURABILITY_LOST
    assert not engine.store.exists(), "no second store beside the first"
    os.rename(away, engine.store)
    engine.start()
    check(RawWorker(engine.worker_port), kept, set())
    engine.stop()
