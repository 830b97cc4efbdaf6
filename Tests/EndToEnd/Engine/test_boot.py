"""Boots that must fail, at once and with a reason, and the ones that must not (config-file.md, field reports #913, #303)."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from support.engine import PATIENCE_SECONDS, Engine, binary, config_text, free_port
from support.rawsocket import Bystander, RawWorker

OTHER_USER = 65532


def refused(engine: Engine, *texts: str, code: int | tuple[int, ...] = 1) -> str:
    """The boot ends with the code, and the output holds the texts."""
    exit_code = engine.run_to_exit()
    log = engine.log()
    assert exit_code in (code if isinstance(code, tuple) else (code,)), log
    for text in texts:
        assert text in log, f"{text!r} isn't in:\n{log}"
    return log


# The product itself


def test_the_product_has_no_failpoints(engine_factory):
    """A variable that somebody left in the environment must not end a production engine."""
    engine = engine_factory(env={"III_FAILPOINT": "checkpoint.beforeApply:1", "III_MUTANT": "noLogSync"}).start()
    worker = RawWorker(engine.worker_port)
    worker.call("state::set", {"scope": "s", "key": "k", "value": 1})
    worker.close()
    # With a checkpoint, which passes the place.
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 0, engine.log()
    engine.start()
    worker = RawWorker(engine.worker_port)
    assert worker.call("state::get", {"scope": "s", "key": "k"}) == 1
    worker.close()
    engine.stop()


# Ports


@pytest.mark.parametrize("which", ["worker_port", "http_port"])
def test_port_in_use(engine_factory, which):
    engine = engine_factory()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", getattr(engine, which)))
        holder.listen()
        refused(engine, f"address 127.0.0.1:{getattr(engine, which)} is already in use")


# Stores


def test_second_engine_on_the_same_store(engine_factory):
    first = engine_factory("first").start()
    others = Bystander(first.worker_port)
    second = engine_factory("second", store=first.store)
    log = refused(second, str(first.store))
    assert re.search(rf"\b{first.pid}\b", log), f"the holder's pid {first.pid} isn't named:\n{log}"
    others.check()
    first.kill()
    second.start()  # SIGKILL leaves no stale lock behind
    second.stop()


@pytest.fixture
def readable_binary(directory, monkeypatch):
    """The binary where another user can run it."""
    copy = directory / "iii"
    shutil.copy(binary(), copy)
    copy.chmod(0o755)
    monkeypatch.setenv("III_BINARY", str(copy))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("mode", [0o755, 0o000])
def test_store_directory_of_another_user(engine_factory, readable_binary, mode):
    """The report: it ran on in memory without a word. It must end at once and name the path and the reason."""
    engine = engine_factory(user=OTHER_USER)
    engine.directory.chmod(0o755)
    engine.store.mkdir(parents=True)
    engine.store.chmod(mode)
    refused(engine, str(engine.store), "ermission denied")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_store_below_a_directory_that_can_t_be_written(engine_factory, readable_binary):
    engine = engine_factory(user=OTHER_USER)
    refused(engine, str(engine.directory / "data"), "ermission denied")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_other_user_with_a_directory_of_its_own(engine_factory, readable_binary):
    engine = engine_factory(user=OTHER_USER)
    engine.store.parent.mkdir()
    os.chown(engine.store.parent, OTHER_USER, OTHER_USER)
    engine.start()
    Bystander(engine.worker_port).check()
    assert str(engine.store) in engine.log(), "the resolved path of every store is logged"
    engine.stop()


def test_store_path_is_a_file(engine_factory):
    engine = engine_factory()
    engine.store.parent.mkdir()
    engine.store.write_text("not a directory")
    refused(engine, str(engine.store))
    assert engine.store.read_text() == "not a directory", "never overwritten"


def test_store_directory_full_of_something_else(engine_factory):
    """Another program's files are left alone, whatever the engine decides."""
    engine = engine_factory()
    engine.store.mkdir(parents=True)
    (engine.store / "letters.txt").write_text("mine")
    engine.spawn()
    try:
        engine.process.wait(3)
    except subprocess.TimeoutExpired:
        engine.kill()
    assert (engine.store / "letters.txt").read_text() == "mine"


def test_relative_store_path_is_resolved_in_the_log(engine_factory):
    engine = engine_factory(store=pathlib.Path("relative/store"))
    engine.start()
    assert str(engine.directory / "relative/store") in engine.log()
    engine.stop()


# config.yaml

MANAGER = "  - name: iii-worker-manager\n    config: {{host: 127.0.0.1, port: {port}}}\n"
BAD_CONFIGURATIONS = [
    # text, what the error says
    ("workers: []\nrubbish: 1\n", ["unknown field `rubbish`", "config.yaml:2:1: "]),
    ("workers:\n  - name: iii-http\n    config:\n      port: 1\n      prot: 2\n", ["unknown field `prot`", "config.yaml:5:7: ", "Did you mean `port`?"]),
    ("workers:\n  - name: iii-http\n    config:\n      port: many\n", ["invalid type: string", "config.yaml:4:13: "]),
    ("workers:\n  - name: iii-http\n    config:\n      port: 70000\n", ["70000", "config.yaml:4:13: "]),
    ("workers:\n  - name: iii-state\n    config:\n      adapter: {name: nope}\n", ["nope"]),
    ("workers:\n  - name: iii-state\n    config:\n      adapter: {name: kv, config: {store_method: memory}}\n", ["memory"]),
    (
        "workers:\n  - name: iii-pubsub\n    config:\n      adapter: {name: nope}\n",
        ["(failed to create worker 'iii-pubsub')", "Adapter factory 'nope' not found. Available: [\"local\"]", "config.yaml:4:16: "],
    ),
    (
        "workers:\n  - name: iii-pubsub\n    config:\n      adapter: {name: redis}\n",
        ["adapter 'redis' of iii-pubsub is not served by this version yet; use `local`", "config.yaml:4:16: "],
    ),
    ("workers:\n  - name: iii-pubsub\n    config: {adaptor: 1}\n", ["unknown field `adaptor`", "config.yaml:3:14: "]),
    ("workers:\n  - name: iii-pubsub\n  - name: pubsub\n", ["Duplicate worker configurations:", "'iii-pubsub'"]),
    (
        "workers:\n  - name: iii-observability\n    config:\n      metrics_exporter: prometheus\n",
        ["unknown variant 'prometheus', expected 'memory' or 'otlp'"],
    ),
    ("workers:\n  - name: a\n    name: b\n", ["config.yaml:3:5: duplicate key `name`, used before at line 2 column 5"]),
    ("workers:\n  - config: {}\n", ["name"]),
    ("workers:\n  - name: iii-http\n    config: [\n", ["config.yaml:4:1: "]),
    ("workers: 5\n", ["config.yaml:1:10: "]),
    ("workers:\n  - name: iii-htpt\n", ["iii-htpt", "iii-worker binary not found", "iii-http"]),
    ("workers:\n  - name: iii-state\n  - name: state\n", ["Duplicate worker configurations:", "- 'iii-state' is the deprecated name for 'state', but both are present. Remove 'iii-state' from your configuration."]),
    ("workers:\n  - name: iii-http\n    image: x\n", ["Worker 'iii-http' is a built-in worker and cannot have an 'image' field."]),
    ("workers:\n  - name: iii-queue\n", ["iii-queue"]),
    ("workers:\n  - name: iii-worker-manager\n    config: {port: 1, rbac: {}}\n", ["rbac"]),
    ("port: ${III_TEST_UNSET}\n", ["Environment variable 'III_TEST_UNSET' not set and no default provided"]),
    ("---\nworkers: []\n---\nworkers: []\n", ["document"]),
    ("\tworkers: []\n", ["config.yaml:1:1: "]),
    ("workers: [\x00]\n", []),
    ("workers: [\udcff]\n", []),
    ("a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n", []),
    ("workers: " + "[" * 5000 + "\n", []),
]


@pytest.mark.parametrize(("text", "expected"), BAD_CONFIGURATIONS, ids=range(len(BAD_CONFIGURATIONS)))
def test_bad_configuration(engine_factory, text, expected):
    engine = engine_factory()
    engine.config.write_bytes(text.encode(errors="surrogateescape"))
    log = refused(engine, *expected)
    assert "Error: " in log and "Fatal error" not in log


def test_variables_with_values_and_defaults(engine_factory):
    engine = engine_factory(env={"III_TEST_HOST": "127.0.0.1"}, extra="# ${III_TEST_UNSET} in a comment is no reference\n")
    text = engine.config.read_text().replace("host: 127.0.0.1", "host: ${III_TEST_HOST}")
    engine.config.write_text(text.replace(f"port: {engine.http_port}", f"port: ${{III_TEST_PORT:{engine.http_port}}}"))
    engine.start()
    engine.stop()


def test_missing_configuration_isn_t_invented(directory):
    path = directory / "missing.yaml"
    child = subprocess.run(
        [binary(), "--config", path], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS
    )
    assert child.returncode == 1 and str(path) in child.stderr
    assert not path.exists()


def test_configuration_is_a_directory(directory):
    child = subprocess.run(
        [binary(), "-c", directory], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS
    )
    assert child.returncode == 1
    assert f"Failed to read config file '{directory}'" in child.stderr


def test_two_worker_listeners(engine_factory):
    second = free_port()
    engine = engine_factory(extra=MANAGER.format(port=second)).start()
    one, two = RawWorker(engine.worker_port), RawWorker(second)
    one.register_function("f")
    one.pending_messages()
    call = two.invoke("f", 1)
    one.answer_next(2)
    assert two.result_of(call)["result"] == 2
    engine.stop()


def test_in_memory_state_says_so(engine_factory):
    engine = engine_factory()
    engine.config.write_text(
        config_text(engine.worker_port, engine.http_port, None, extra="  - name: iii-state\n")
    )
    engine.start()
    assert "DO NOT USE IN_MEMORY STORE_METHOD IN PRODUCTION - DATA WILL BE LOST ON SHUTDOWN" in engine.log()
    Bystander(engine.worker_port).check()
    engine.stop()


def test_durable_state_doesn_t_warn(engine_factory):
    engine = engine_factory().start()
    assert "IN_MEMORY" not in engine.log()
    engine.stop()


def test_an_exporter_that_has_no_effect_is_told(engine_factory):
    """A block that asks for OTLP isn't ignored in silence."""
    extra = "  - name: iii-observability\n    config: {exporter: otlp, endpoint: 'http://127.0.0.1:4317'}\n"
    engine = engine_factory(extra=extra).start()
    engine.stop()
    assert "this version exports no telemetry: the setting has no effect" in engine.log()


def test_json_log(engine_factory):
    import json

    engine = engine_factory(extra="  - name: iii-observability\n    config: {format: json}\n").start()
    engine.stop()
    lines = [json.loads(line) for line in engine.log().splitlines()]
    assert any(line["fields"]["message"].startswith("Engine listening on address: ") for line in lines)
    assert all({"timestamp", "level", "fields", "target"} <= set(line) for line in lines)
