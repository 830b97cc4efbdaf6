"""iii-hq/iii#913, #303, open-octo/octo-agent#1349: the data directory couldn't be written, as in a wrong working directory,
and the engine ran on in memory without a word, or `state::set` hung for 180 s.

Here the boot fails at once and names path and reason, for state and for streams; and each start says where the data is.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import pytest

from support.engine import JSON_LOG, Engine, accepts_connections, binary, config_text
from support.entries import STATE, STREAMS
from support.volume import volume  # noqa: F401

OTHER_USER = 65532
as_other_user = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture
def make(engine_factory, entries, directory, monkeypatch):
    """Makes an engine of which only the store of `entries` is durable, at that path."""
    # Where another user can run it.
    copy = shutil.copy(binary(), directory / "iii")
    monkeypatch.setenv("III_BINARY", str(copy))

    def engine(path: pathlib.Path | str, user: int | None = None) -> Engine:
        made = engine_factory(entries.kind, stream="", user=user)
        ports = (made.worker_port, made.http_port)
        streams = {"stream": "", "stream_port": made.stream_port, "extra": JSON_LOG}
        if entries == STATE:
            text = config_text(*ports, path, stream_kv="store_method: in_memory", **streams)
        else:
            text = config_text(*ports, None, stream_kv=f"store_method: file_based\nfile_path: {path}", **streams)
        made.config.write_text(text)
        return made

    return engine


def refused(engine: Engine, path: pathlib.Path, reason: str) -> None:
    """The boot fails, nobody is served, and the last line is for people."""
    assert engine.run_to_exit() == 1, engine.log()
    assert not accepts_connections(engine.worker_port) and not accepts_connections(engine.stream_port)
    error = engine.log().splitlines()[-1]
    assert error.startswith("Error: ") and str(path) in error and reason in error, engine.log()


@as_other_user
@pytest.mark.parametrize("mode", [0o755, 0o000])
def test_913_no_rights(make, directory, mode):
    path = directory / "volume"
    path.mkdir()
    path.chmod(mode)
    refused(make(path, user=OTHER_USER), path, "ermission denied")
    path.chmod(0o755)
    assert not list(path.iterdir())


@as_other_user
def test_303_wrong_working_directory(make):
    """A relative path that resolves to where this user can't write: the message names the whole path."""
    engine = make("data/store", user=OTHER_USER)
    refused(engine, engine.directory / "data", "ermission denied")
    assert sorted(path.name for path in engine.directory.iterdir()) == ["config.yaml", "engine.log"]


def test_octo_agent_1349_a_file_in_the_way(make, directory):
    path = directory / "store"
    path.write_text("not a directory")
    refused(make(path), path, "Not a directory")
    refused(make(path / "below"), path, "Not a directory")
    assert path.read_text() == "not a directory", "never overwritten"


def test_913_read_only_mount(make, volume):  # noqa: F811
    volume.remount("ro")
    engine = make(volume.path / "store")
    refused(engine, volume.path / "store", "Read-only file system")
    volume.remount("rw")
    engine.start()
    engine.stop()


def test_303_every_path_is_logged(engine_factory):
    """Where the data is, absolute, of every store and at every start, also when the configuration has it relative."""
    engine = engine_factory(store=pathlib.Path("relative/state"), stream="", extra=JSON_LOG)
    for _ in range(2):
        engine.start()
        lines = [json.loads(line)["fields"] for line in engine.log().splitlines()]
        opened = {line["worker"]: line["store.path"] for line in lines if line.get("message") == "store opened"}
        assert opened == {
            STATE.worker: str(engine.directory / "relative/state"),
            STREAMS.worker: str(engine.directory / "data/streams"),
        }
        engine.stop()
        engine.log_file.unlink()
