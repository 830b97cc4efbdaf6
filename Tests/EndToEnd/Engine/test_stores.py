"""Stores as the engine opens them: what the log says, settings of config.yaml, keys, restarts without end."""

from __future__ import annotations

import json
import pathlib
import secrets
import shutil
import socket
import uuid

import pytest

from support.engine import JSON_LOG, Engine
from support.rawsocket import TEXT, CallFailed, Dropped, RawWorker, encode_frame
from support.volume import MEBIBYTE, volume  # noqa: F401

DURABILITY_LOST = 74


def write(engine: Engine, count: int, text: str = "v") -> None:
    worker = RawWorker(engine.worker_port)
    for n in range(count):
        worker.call("state::set", {"scope": "s", "key": str(n), "value": f"{text}{n}"})
    worker.close()


def check(engine: Engine, count: int, text: str = "v") -> None:
    listed = RawWorker(engine.worker_port).call("state::list", {"scope": "s"})
    assert listed == [f"{text}{n}" for n in range(count)]


def refused(engine: Engine, *texts: str, hidden: str | None = None) -> str:
    before = len(engine.log())
    assert engine.run_to_exit() == 1, engine.log()
    log = engine.log()[before:]
    for text in texts:
        assert text in log, f"{text!r} isn't in:\n{log}"
    if hidden is not None:
        assert hidden not in log and hidden[:12] not in log, "a key is shown"
    return log


def log_files(engine: Engine) -> list[pathlib.Path]:
    return sorted((engine.store / "wal").glob("*.wal"))


def disk_bytes(engine: Engine) -> int:
    return sum(file.stat().st_blocks * 512 for file in engine.store.rglob("*") if file.is_file())


# The line `store opened`


def test_what_the_log_says_of_a_store(engine_factory):
    engine = engine_factory(extra=JSON_LOG).start()
    new = engine.opened()
    assert new["store.path"] == str(engine.store) and new["worker"] == "iii-state"
    assert new["store.condition"] == "new" and new["recovered.lsn"] == "0" and new["checkpoint.lsn"] == "0"
    assert new["store.mode"] in ("direct", "buffered") and new["store.encrypted"] == "no"
    assert int(new["store.bytes"]) >= MEBIBYTE and int(new["recovery.milliseconds"]) >= 0
    write(engine, 10)
    engine.restart()
    unclean = engine.opened()
    assert unclean["store.condition"] == "unclean"
    assert int(unclean["recovered.lsn"]) == int(unclean["replayed.records"]) >= 10
    engine.stop()
    engine.start()
    clean = engine.opened()
    assert clean["store.condition"] == "clean" and clean["replayed.records"] == "0"
    assert clean["checkpoint.lsn"] == clean["recovered.lsn"] == unclean["recovered.lsn"]
    engine.stop()


# Stores that can't be opened


def test_read_only_mount(engine_factory, volume):  # noqa: F811
    engine = engine_factory(store=volume.path / "store").start()
    write(engine, 3)
    engine.stop()
    volume.remount("ro")
    refused(engine, str(engine.store), "Read-only file system", "mount it for writing")
    volume.remount("rw")
    engine.start()
    check(engine, 3)
    engine.stop()


def test_damaged_store(engine_factory):
    """The message says where: segment, offset and batch. Nothing is changed by the refusal."""
    engine = engine_factory().start()
    write(engine, 50)
    engine.kill()
    segment = log_files(engine)[0]
    content = bytearray(segment.read_bytes())
    content[4096 + 100] ^= 1
    segment.write_bytes(content)
    for _ in range(2):
        refused(engine, "acknowledged data is damaged", str(segment), "[segment 1]", "[offset 4096]", "[batch 1]", "[R7]")
    content[4096 + 100] ^= 1
    segment.write_bytes(content)
    engine.start()
    check(engine, 50)
    engine.stop()


def test_store_of_a_newer_version(engine_factory):
    engine = engine_factory().start()
    write(engine, 3)
    engine.stop()
    format = engine.store / "FORMAT"
    format.write_text(format.read_text().replace("iii-storage 1", "iii-storage 2"))
    refused(engine, str(format), "needs a newer version of this program")


def test_missing_segment(engine_factory):
    engine = engine_factory().start()
    write(engine, 3)
    engine.kill()
    log_files(engine)[0].unlink()
    refused(engine, str(engine.store), "the store has a FORMAT file but no log segments", "[R2]")


def test_missing_newest_segment(engine_factory):
    """HEAD names it: the loss of the file isn't taken for a log that ended earlier."""
    engine = engine_factory().start()
    write(engine, 3)
    engine.kill()
    engine.start()
    write(engine, 5)
    engine.kill()
    newest = log_files(engine)[-1]
    content = newest.read_bytes()
    newest.unlink()
    refused(engine, str(newest), "is missing: HEAD says that it was begun", "[R11]")
    newest.write_bytes(content)
    engine.start()
    check(engine, 5)
    engine.stop()


def test_snapshot_without_format_and_log(engine_factory):
    """A snapshot with rows is never deleted, whatever else is missing."""
    engine = engine_factory().start()
    write(engine, 100)
    engine.stop()
    data = engine.store / "snapshot" / "data.mdb"
    content = data.read_bytes()
    shutil.rmtree(engine.store / "wal")
    (engine.store / "FORMAT").unlink()
    refused(engine, str(data), f"{len(content)} bytes", "but no FORMAT file", "[R2]")
    assert data.read_bytes() == content and not (engine.store / "wal").exists()


# One owner


def test_lock_removed_under_the_running_engine(engine_factory):
    """A second engine is refused all the same, and the first one acknowledges nothing more: exit 74."""
    first = engine_factory().start()
    write(first, 5)
    (first.store / "LOCK").unlink()
    second = engine_factory("second", store=first.store)
    refused(second, str(first.store), "the store is already open in", "[R18]")
    worker = RawWorker(first.worker_port)
    with pytest.raises((Dropped, CallFailed, OSError)):
        worker.call("state::set", {"scope": "s", "key": "5", "value": "v5"})
    assert first.wait() == DURABILITY_LOST
    assert "LOCK was removed" in first.log() and str(first.store / "LOCK") in first.log()
    first.start()
    listed = RawWorker(first.worker_port).call("state::list", {"scope": "s"})
    # What was written and not acknowledged may be there.
    assert listed[:5] == [f"v{n}" for n in range(5)] and len(listed) <= 6
    first.stop()


# Encryption


def holds(engine: Engine, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in engine.store.rglob("*") if file.is_file())


@pytest.fixture
def keys(directory):
    """Two keys, each with its file."""
    made = []
    for name in ("one", "two"):
        key = secrets.token_hex(32)
        path = directory / f"{name}.key"
        path.write_text(key + "\n")
        made.append((key, path))
    return made


def reconfigure(engine: Engine, before: str, after: str) -> None:
    text = engine.config.read_text()
    assert before in text
    engine.config.write_text(text.replace(before, after))


def test_encrypted_store(engine_factory, keys):
    (key, path), (other, other_path) = keys
    line = f"encryption_key_file: {path}"
    engine = engine_factory(kv=line, extra=JSON_LOG).start()
    assert engine.opened()["store.encrypted"] == "yes"
    write(engine, 20, "visible marker ")
    assert not holds(engine, "visible marker")
    engine.restart()
    check(engine, 20, "visible marker ")
    engine.stop()
    assert not holds(engine, "visible marker")
    # The wrong key, and none.
    reconfigure(engine, line, f"encryption_key_file: {other_path}")
    refused(engine, str(engine.store), "was encrypted with the key", hidden=key)
    reconfigure(engine, f"encryption_key_file: {other_path}", "")
    refused(engine, str(engine.store), "no key was given", hidden=key)
    reconfigure(engine, f"file_path: {engine.store}", f"file_path: {engine.store}\n          {line}")
    engine.start()
    check(engine, 20, "visible marker ")
    engine.stop()
    assert key not in engine.log() and other not in engine.log()


def test_unencrypted_store_for_comparison(engine_factory):
    engine = engine_factory().start()
    write(engine, 20, "visible marker ")
    assert holds(engine, "visible marker")
    engine.stop()


def test_key_from_a_variable(engine_factory):
    key = secrets.token_hex(32)
    engine = engine_factory(kv="encryption_key: ${III_TEST_KEY}", env={"III_TEST_KEY": key}, extra=JSON_LOG).start()
    write(engine, 3)
    engine.stop()
    engine.start()
    assert engine.opened()["store.encrypted"] == "yes"
    check(engine, 3)
    engine.stop()
    assert key not in engine.log()


def test_key_rotation(engine_factory, keys):
    (_, old), (_, new) = keys
    engine = engine_factory(kv=f"encryption_key_file: {old}", extra=JSON_LOG).start()
    write(engine, 20)
    engine.stop()
    reconfigure(
        engine, f"encryption_key_file: {old}", f"encryption_key_file: {new}\n          previous_encryption_key_files: [{old}]"
    )
    engine.start()
    check(engine, 20)
    engine.stop()
    # The clean stop left nothing that needs the old key.
    old.unlink()
    reconfigure(engine, f"previous_encryption_key_files: [{old}]", "")
    engine.start()
    check(engine, 20)
    engine.stop()


SECRET = "0123456789abcdef" * 4
BAD_SETTINGS = [
    ("encryption_key_file: /nowhere/key", ["/nowhere/key", "can't be read", "No such file"]),
    ("encryption_key: ${III_TEST_EMPTY:}", ["`encryption_key` is empty or no string"]),
    ("encryption_key: ''", ["`encryption_key` is empty or no string"]),
    (f"encryption_key: {SECRET[:-2]}", ["the encryption key can't be used", "62 characters"]),
    (f"encryption_key: [{SECRET}]", ["is empty or no string"]),
    (f"encryption_key_file: {SECRET}", ["this is a key (not shown)"]),
    (f"encryption_key: {SECRET}\nencryption_key_file: /k", ["exclude each other"]),
    (f"previous_encryption_key_files: {SECRET}", ["is no sequence"]),
    (f"previous_encryption_key_files: [{SECRET}]", ["this is a key (not shown)"]),
    ("encription_key_file: /k", ["unknown field `encription_key_file`", "`encryption_key_file`"]),
    ("colour: blue", ["unknown field `colour`"]),
    ("retain_log_hours: -1", ["floating point `-1", "expected a number from 0"]),
    ("retain_log_hours: many", ["invalid type: string", "expected f64"]),
    ("retain_log_bytes: -5", ["-5"]),
    ("retain_log_bytes: 10GB", ["invalid type: string"]),
    ("scrub_interval_hours: -1", ["floating point `-1", "expected a number from 0"]),
    ("scrub_retired_log: 1", ["invalid type: integer `1`, expected a boolean"]),
    ("allow_network_filesystem: maybe", ["invalid type: string"]),
]


@pytest.mark.parametrize(("lines", "texts"), BAD_SETTINGS, ids=range(len(BAD_SETTINGS)))
def test_bad_setting(engine_factory, lines, texts):
    """Refused with file, line and column; a key is never shown, wherever it stands."""
    engine = engine_factory(kv=lines)
    refused(engine, *texts, "(failed to create worker 'iii-state')", f"{engine.config}:", hidden=SECRET)
    assert not engine.store.exists(), "nothing was created"


def test_settings_that_need_a_disk(engine_factory):
    engine = engine_factory(kv="retain_log_hours: 1")
    reconfigure(engine, "store_method: file_based", "store_method: in_memory")
    refused(engine, "`retain_log_hours` needs `store_method: file_based`", f"{engine.config}:")


def test_good_settings(engine_factory, keys):
    lines = f"""
    encryption_key_file: {keys[0][1]}
    previous_encryption_key_files: []
    retain_log_hours: 0.5
    retain_log_bytes: 100000000
    scrub_interval_hours: 24
    scrub_retired_log: true
    allow_network_filesystem: false
    """
    engine = engine_factory(kv=lines).start()
    write(engine, 3)
    engine.restart()
    check(engine, 3)
    engine.stop()


# Restarts


def test_restarts_without_writes_take_no_space(engine_factory):
    """Each opening starts a segment; so 30 crashes in a row must not leave 30 of them."""
    engine = engine_factory(extra=JSON_LOG).start()
    write(engine, 5)
    for _ in range(30):
        engine.restart()
        assert len(log_files(engine)) <= 12 and disk_bytes(engine) <= 56 * MEBIBYTE
    check(engine, 5)
    engine.stop()


def test_boots_that_fail_take_no_space(engine_factory):
    """A supervisor that tries again and again while the port is taken."""
    engine = engine_factory(extra=JSON_LOG).start()
    write(engine, 5)
    engine.stop()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", engine.worker_port))
        holder.listen()
        for _ in range(30):
            assert engine.run_to_exit() == 1
            assert len(log_files(engine)) <= 12 and disk_bytes(engine) <= 56 * MEBIBYTE
    engine.start()
    assert engine.opened()["store.condition"] == "clean"
    check(engine, 5)
    engine.stop()


def write_many(port: int, count: int, window: int = 2000) -> None:
    """Pipelined writes of small values; returns when all are acknowledged."""
    worker = RawWorker(port)
    for start in range(0, count, window):
        frames = []
        for n in range(start, min(start + window, count)):
            data = {"scope": f"s{n % 7}", "key": str(n), "value": {"n": n}}
            message = {"type": "invokefunction", "invocation_id": str(uuid.UUID(int=n)), "function_id": "state::set", "data": data}
            frames.append(encode_frame(TEXT, json.dumps(message).encode()))
        worker.send_bytes(b"".join(frames))
        for _ in frames:
            answer = worker.receive_type("invocationresult")
            assert not answer.get("error"), answer
    worker.close()


def test_stop_with_many_changes_in_memory(engine_factory):
    """They all go to the snapshot within the time that a container runtime gives; the next start replays nothing."""
    engine = engine_factory(extra=JSON_LOG).start()
    write_many(engine.worker_port, 200_000)
    engine.signal(15)
    assert engine.wait(10) == 0
    engine.start()
    opened = engine.opened()
    assert opened["store.condition"] == "clean" and opened["replayed.records"] == "0"
    reader = RawWorker(engine.worker_port)
    for n in range(0, 200_000, 1999):
        assert reader.call("state::get", {"scope": f"s{n % 7}", "key": str(n)}) == {"n": n}
    engine.stop()
