"""The first start on an upstream `file_path`: its content is taken once, whenever the engine is killed meanwhile."""

from __future__ import annotations

import hashlib
import json
import pathlib
import random
import shutil
import time
from typing import Any

import pytest

from support import make_upstream_volume as upstream
from support.engine import JSON_LOG, Engine
from support.rawsocket import RawWorker
from support.sdk import Worker
from support.volume import MEBIBYTE, volume  # noqa: F401
from support.waiting import eventually

ADOPTED = "upstream volume adopted"
KILLS = 12
# What the client of SDK 0.22 receives in one message.
SDK_BYTES = 900_000

Indexes = dict[str, upstream.Entries]


def large_volume(seed: int) -> Indexes:
    """Several megabytes: many small scopes, a long one, one with large values."""
    chance = random.Random(seed)
    indexes: Indexes = {f"scope-{n:03}": [(f"k{m}", {"n": n, "m": m}) for m in range(n % 7 + 1)] for n in range(300)}
    keys = [f"key-{n}" for n in range(4000)]
    chance.shuffle(keys)
    indexes["long"] = [(key, chance.randbytes(400).hex()) for key in keys]
    indexes["large"] = [(f"{n}", chance.randbytes(400_000).hex()) for n in range(3)]
    indexes["é/\u0301"] = [("", None), ("e\u0301", 1), ("é", 2)]
    return indexes


def write_volume(directory: pathlib.Path, indexes: Indexes) -> dict[str, str]:
    directory.mkdir(parents=True)
    for index, entries in indexes.items():
        (directory / upstream.encode_name(index)).write_bytes(upstream.archive(upstream.index_text(entries)))
    (directory / "long.bin.tmp").write_bytes(b"the rest of a save")
    return hashes(directory)


def hashes(directory: pathlib.Path) -> dict[str, str]:
    """Of upstream's files: FORMAT.tmp is what a kill may leave of ours."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(directory.iterdir())
        if file.suffix in (".bin", ".tmp") and file.name != "FORMAT.tmp" and file.is_file()
    }


def lines(engine: Engine, message: str) -> list[dict[str, Any]]:
    logged = [json.loads(line)["fields"] for line in engine.log().splitlines() if line.startswith("{")]
    return [fields for fields in logged if message in fields.get("message", "")]


def check(engine: Engine, indexes: Indexes) -> None:
    """Everything is there, in its order, seen by an SDK worker; lists that its client doesn't receive, by a socket."""
    worker = Worker(engine.url)
    raw = RawWorker(engine.worker_port)
    try:
        groups = worker.trigger("state::list_groups", {})["groups"]
        assert groups == sorted((name for name, entries in indexes.items() if entries), key=str.encode)
        for scope, entries in indexes.items():
            is_long = len(upstream.index_text(entries)) > SDK_BYTES
            listed = (raw.call if is_long else worker.trigger)("state::list", {"scope": scope})
            assert listed == [value for _, value in entries], scope
            for key, value in entries[:3] + entries[-3:]:
                assert worker.trigger("state::get", {"scope": scope, "key": key}) == value, (scope, key)
    finally:
        raw.close()
        worker.close()


def test_killed_at_random_moments(engine_factory, directory):
    indexes = large_volume(seed=1)
    source = directory / "source"
    before = write_volume(source, indexes)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    def engine_on_copy(name: str) -> Engine:
        engine = engine_factory(name, extra=JSON_LOG)
        shutil.copytree(source, engine.store)
        return engine

    # Undisturbed, and how long that takes: the kills fall into that time.
    first = engine_on_copy("first")
    begin = time.monotonic()
    first.start()
    seconds = time.monotonic() - begin
    facts = lines(first, ADOPTED)[0]
    entries = sum(len(entries) for entries in indexes.values())
    assert (int(facts["files"]), int(facts["groups"]), int(facts["entries"])) == (len(indexes), len(indexes), entries)
    check(first, indexes)
    first.stop()

    killed = undone = 0
    for number in range(KILLS):
        engine = engine_on_copy(f"killed-{number}")
        for _ in range(chance.randrange(1, 4)):
            engine.spawn()
            time.sleep(chance.uniform(0, seconds))
            engine.kill()
            killed += not lines(engine, ADOPTED)
            assert hashes(engine.store) == before
        engine.start()
        undone += bool(lines(engine, "was cut short"))
        check(engine, indexes)
        assert hashes(engine.store) == before
        worker = RawWorker(engine.worker_port)
        worker.call("state::set", {"scope": "long", "key": "new", "value": 1})
        worker.call("state::delete", {"scope": "scope-000", "key": "k0"})
        worker.close()
        engine.restart()
        worker = RawWorker(engine.worker_port)
        for scope, expected in {**indexes, "long": [*indexes["long"], ("new", 1)], "scope-000": []}.items():
            assert worker.call("state::list", {"scope": scope}) == [value for _, value in expected], scope
        worker.close()
        # It is there, see above. A kill behind the last record and before the line leaves no line.
        assert len(lines(engine, ADOPTED)) <= 1, "adopted twice"
        engine.stop()
        shutil.rmtree(engine.store)
    print(f"{killed} kills before the end, {undone} of {KILLS} volumes were begun anew")
    assert killed > 0


def test_everything_that_upstream_writes(engine_factory):
    """The volume of the second implementation: odd names, every padding, deep values, and names like other workers' files:
    only state has the path, so they are its scopes."""
    engine = engine_factory(extra=JSON_LOG)
    manifest = upstream.make(engine.store, count=20, seed=3)
    for name in manifest["damaged"]:
        (engine.store / name).unlink()
    for name in manifest["unknown"]:
        if name.endswith(".bin"):
            (engine.store / name).unlink()
    engine.start()
    facts = lines(engine, ADOPTED)[0]
    others = [index for index in manifest["sound"] if index.startswith(("stream:", "queue:"))]
    filled = {scope for scope, entries in manifest["sound"].items() if entries}
    assert len(others) == 2 and facts["not_imported"] == "0" and int(facts["groups"]) == len(filled)
    worker = RawWorker(engine.worker_port)
    assert set(worker.call("state::list_groups", {})["groups"]) == filled
    for scope, entries in manifest["sound"].items():
        listed = worker.call("state::list", {"scope": scope})
        assert listed == [json.loads(value) for _, value in entries], scope
        for key, value in entries:
            assert worker.call("state::get", {"scope": scope, "key": key}) == json.loads(value)
    worker.close()
    engine.stop()
    ignored = lines(engine, "ignored beside the upstream files")[0]
    assert all(name in ignored["names"] for name in [*manifest["leftovers"], "lost+found", "notes.txt"])
    assert "wal" not in ignored["names"].split(", ")


def test_owner_of_the_path_decides(engine_factory, directory):
    """Beside a stream worker with the same path `stream:…` is a group; where no worker has a file, the boot is refused."""
    indexes = {"stream:chat:1": [("m", 1)], "users": [("u", 2)]}
    shared = engine_factory("shared", extra=JSON_LOG, stream="", stream_kv=f"store_method: file_based\nfile_path: {directory}/shared/data/store")
    write_volume(shared.store, indexes)
    shared.start()
    check(shared, {"users": [("u", 2)], "stream:chat:1": []})
    worker = RawWorker(shared.worker_port)
    assert worker.call("stream::list", {"stream_name": "chat", "group_id": "1"}) == [1]
    worker.close()
    shared.stop()
    apart = engine_factory("apart", extra=JSON_LOG, stream="", stream_kv="store_method: file_based\nfile_path: ./data/streams")
    write_volume(apart.directory / "data" / "streams", indexes)
    refused(apart, "failed to create worker 'iii-stream'", "users.bin can't be attributed", "nothing was imported")
    (apart.directory / "data" / "streams" / "users.bin").unlink()
    apart.start()
    worker = RawWorker(apart.worker_port)
    assert worker.call("stream::list", {"stream_name": "chat", "group_id": "1"}) == [1]
    worker.close()
    apart.stop()


def refused(engine: Engine, *texts: str) -> None:
    before = len(engine.log())
    assert engine.run_to_exit() == 1
    log = engine.log()[before:]
    for text in texts:
        assert text in log, f"{text!r} isn't in:\n{log}"


def test_damaged_file(engine_factory, directory):
    """The boot is refused: file, offset, reason and what to do; nothing is taken until it's sound or gone."""
    indexes = {"a": [("k", 1)], "b": [(f"k{n}", n) for n in range(40)]}
    engine = engine_factory(extra=JSON_LOG)
    before = write_volume(engine.store, indexes)
    sound = (engine.store / "b.bin").read_bytes()
    (engine.store / "b.bin").write_bytes(sound[:-8])
    for _ in range(2):
        refused(engine, "failed to create worker 'iii-state'", "b.bin: noRoot at byte", "the first", "--salvage", str(engine.store), "nothing was imported")
    (engine.store / "b.bin").write_bytes(sound)
    engine.start()
    check(engine, indexes)
    engine.stop()
    assert hashes(engine.store) == before


def test_store_with_content_of_its_own(engine_factory, directory):
    engine = engine_factory(extra=JSON_LOG).start()
    worker = RawWorker(engine.worker_port)
    worker.call("state::set", {"scope": "own", "key": "k", "value": 1})
    worker.close()
    engine.stop()
    source = directory / "source"
    write_volume(source, {"a": [("k", 1)]})
    shutil.copytree(source, engine.store, dirs_exist_ok=True)
    engine.start()
    check(engine, {"own": [("k", 1)]})
    engine.stop()
    assert "import-upstream" in lines(engine, "content of its own")[0]["message"]


def test_disk_without_room(engine_factory, volume):  # noqa: F811
    """Said before anything is written, with what is needed; with room it works."""
    chance = random.Random(5)
    indexes: Indexes = {f"s{n}": [("k", chance.randbytes(400_000).hex())] for n in range(8)}
    engine = engine_factory(store=volume.path / "store", extra=JSON_LOG)
    write_volume(engine.store, indexes)
    ballast = volume.path / "ballast"
    ballast.write_bytes(bytes(18 * MEBIBYTE))
    refused(engine, "lowSpace", "takes up to", "free, so nothing was imported", "Make room")
    ballast.unlink()
    engine.start()
    check(engine, indexes)
    engine.stop()


def test_stopped_while_adopting(engine_factory):
    """A stop doesn't wait for the whole volume; the next start begins anew."""
    chance = random.Random(6)
    indexes: Indexes = {f"s{n}": [(f"k{m}", chance.randbytes(250).hex()) for m in range(2000)] for n in range(40)}
    engine = engine_factory(extra=JSON_LOG)
    before = write_volume(engine.store, indexes)
    process = engine.spawn()
    eventually(lambda: lines(engine, "adopting an upstream volume"), "the adoption begins")
    engine.signal(15)
    assert process.wait(20) == 1
    assert "a signal ended the adoption" in engine.log() and not lines(engine, ADOPTED)
    engine.start()
    assert len(lines(engine, ADOPTED)) == 1
    worker = RawWorker(engine.worker_port)
    for scope, entries in indexes.items():
        assert worker.call("state::list", {"scope": scope}) == [value for _, value in entries]
    worker.close()
    engine.stop()
    assert hashes(engine.store) == before
