"""iii-hq/iii#1007: users write scripts of their own to restore snapshots of the engine's files.

Here a backup beside the running engine, its check and the restore are commands, and moments between two backups can be
reached too.
"""

from __future__ import annotations

import pathlib

import pytest

from support.engine import PATIENCE_SECONDS, Engine
from support.entries import STATE, STREAMS, Entries
from support.inspect import DAMAGED, inspect
from support.rawsocket import RawWorker

# Where the first batch stands in a segment.
FIRST_BATCH = 4096


def lines_of(process, count: int) -> set[str]:
    """The next writes that are acknowledged."""
    return {process.stdout.readline().strip() for _ in range(count)}


def stored(engine: Engine, entries: Entries, group: str) -> set[str]:
    reader = RawWorker(engine.worker_port)
    listed = reader.call(*entries.list(group))
    reader.close()
    return {str(value["n"]) for value in listed}


def engine_on(engine_factory, state: pathlib.Path, streams: pathlib.Path) -> Engine:
    lines = f"store_method: file_based\nfile_path: {streams}"
    return engine_factory("restored", store=state, stream="", stream_kv=lines).start()


def test_1007_backup_beside_the_running_engine(engine, engine_factory, run_worker, directory):
    """SDK workers write all the time. What was acknowledged before the backup is in it, and nobody is refused meanwhile."""
    engine.start()
    writers = {entries: run_worker("journal_writer.py", engine.url, entries.kind, "saved") for entries in (STATE, STREAMS)}
    acknowledged, restored = {}, {}
    for entries, writer in writers.items():
        acknowledged[entries] = lines_of(writer, 200)
        assert len(acknowledged[entries]) == 200, "the writer has ended"
        inspect("backup", entries.store(engine), "--to", directory / f"{entries.kind}-backup")
    for entries, writer in writers.items():
        assert lines_of(writer, 50), "it writes on"
        writer.terminate()
        everything = acknowledged[entries] | set(writer.stdout.read().split())
        assert writer.wait(PATIENCE_SECONDS) == 0 and "last" in everything, "it was served to its end"
    engine.kill()

    for entries in writers:
        backup = directory / f"{entries.kind}-backup"
        restored[entries] = directory / f"{entries.kind}-restored"
        inspect("backup", "--verify", backup)
        inspect("restore", backup, "--to", restored[entries])
        inspect("verify", restored[entries], "--deep")
    other = engine_on(engine_factory, restored[STATE], restored[STREAMS])
    for entries, keys in acknowledged.items():
        found = stored(other, entries, "saved")
        assert keys <= found and "last" not in found
    worker = RawWorker(other.worker_port)
    for entries in writers:
        worker.call(*entries.set("saved", "new", {"n": "new"}))
    other.restart()
    assert all("new" in stored(other, entries, "saved") for entries in writers)
    other.stop()


def test_1007_a_moment_after_the_backup(engine, engine_factory, entries, directory):
    """The log goes on where the backup ends: back to just before a mistake."""
    engine.config.write_text(engine.config.read_text().replace("file_based\n", "file_based\n          retain_log_hours: 1\n"))
    engine.start()
    store, backup = entries.store(engine), directory / "backup"
    worker = RawWorker(engine.worker_port)
    worker.call(*entries.set("g", "a", {"n": "a"}))
    inspect("backup", store, "--to", backup)
    worker.call(*entries.set("g", "b", {"n": "b"}))
    (row,) = [row for row in worker.call("engine::health", {})["stores"] if row["path"] == str(store)]
    for key in "ab":
        worker.call(*entries.delete("g", key))
    assert worker.call(*entries.list("g")) == []
    engine.kill()
    target = directory / "restored"
    inspect("restore", backup, "--to", target, "--log", store, "--through", row["durable_lsn"])
    empty = directory / "none"
    restored = engine_on(engine_factory, *((target, empty) if entries == STATE else (empty, target)))
    assert stored(restored, entries, "g") == {"a", "b"}
    restored.stop()


@pytest.mark.parametrize("what", ["damaged", "incomplete"])
def test_1007_a_bad_backup_is_noticed(engine, directory, what):
    """Before it's needed, and by the restore; the target doesn't appear."""
    engine.start()
    worker = RawWorker(engine.worker_port)
    worker.call(*STATE.set("g", "a", {"n": "a"}))
    backup = directory / "backup"
    inspect("backup", engine.store, "--to", backup)
    engine.stop()
    segment = next(backup.rglob("*.wal"))
    content = bytearray(segment.read_bytes())
    content[FIRST_BATCH] ^= 1
    segment.write_bytes(content if what == "damaged" else content[:FIRST_BATCH])
    inspect("backup", "--verify", backup, status=DAMAGED)
    inspect("restore", backup, "--to", directory / "restored", status=DAMAGED)
    assert not (directory / "restored").exists()
