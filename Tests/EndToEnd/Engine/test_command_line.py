"""`iii trigger`, `iii health` and the root options against a running engine (cli.md §1-§3)."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading

import pytest

from support.engine import PATIENCE_SECONDS, binary, free_port


@pytest.fixture
def iii(shared_engine):
    """Runs `iii` with the shared engine's port where the command takes one."""

    def run(*arguments: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
        where = []
        if arguments and arguments[0] in ("trigger", "t", "health"):
            where = ["--address", "127.0.0.1", "--port", str(port or shared_engine.worker_port)]
        return subprocess.run(
            [binary(), *arguments, *where],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
        )

    return run


@pytest.fixture
def echo(raw):
    """A function that returns its payload without what the engine adds, and the same for `null` and a failure."""
    worker = raw()
    for name in ("echo", "null", "fail"):
        worker.register_function(f"cli::{name}", description="Ech\u202eoes", request_format=SCHEMA)
    worker.pending_messages()

    def serve() -> None:
        try:
            while True:
                frame = worker.receive_type("invokefunction")
                data = frame["data"]
                if isinstance(data, dict):
                    data.pop("_caller_worker_id", None)
                if frame["function_id"].endswith("fail"):
                    fields = {key: frame[key] for key in ("invocation_id", "function_id")}
                    worker.send({"type": "invocationresult", **fields, "error": {"code": "c", "message": "m"}})
                else:
                    worker.answer(frame, data if frame["function_id"].endswith("echo") else None)
        except Exception:
            pass  # the test is over

    threading.Thread(target=serve, daemon=True).start()
    return worker


SCHEMA = {
    "type": "object",
    "properties": {"sku": {"type": "string", "description": "what\nto buy"}, "n": {"type": ["integer", "null"]}},
    "required": ["sku"],
}


def test_version(iii):
    for option in ("--version", "-v"):
        child = iii(option)
        assert (child.returncode, child.stderr) == (0, "")
        assert re.fullmatch(r"\d+\.\d+\.\d+\n", child.stdout)


@pytest.mark.parametrize("arguments", [["-V"], ["--nonsense"], ["start"], ["list"], ["trigger", "--port", "abc"]])
def test_usage_errors(iii, arguments):
    child = iii(*arguments)
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr and "iii-cli" not in child.stderr


@pytest.mark.parametrize("option", ["--help", "-h", "help"])
def test_help(iii, option):
    child = iii(option)
    assert (child.returncode, child.stderr) == (0, "")
    for name in ("trigger", "console", "worker", "project", "update", "health"):
        assert re.search(rf"^\s*{name}\b", child.stdout, re.MULTILINE), name
    assert not re.search(r"^\s*(create|start) ", child.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["console", "cloud", "worker", "update"])
def test_commands_of_another_binary_say_so(iii, command):
    child = iii(command)
    assert child.returncode == 1 and command in child.stderr


PAYLOADS = [
    ([], {}),
    (["a=1", "b=text", "c=", "d=null", "e=[1,2]", "f=x=y", "g.h=true"], None),
    (["--json", '{"a":1}', "a=2", "b=3"], {"a": 2, "b": 3}),
    (["--json", "[1,2]"], [1, 2]),
    (["--json", '"text"'], "text"),
    (["a=1", "a=2"], {"a": 2}),
]


@pytest.mark.parametrize(("arguments", "payload"), PAYLOADS)
@pytest.mark.parametrize("name", ["trigger", "t"])
def test_trigger_payloads(iii, echo, name, arguments, payload):
    if payload is None:
        payload = {"a": 1, "b": "text", "c": "", "d": None, "e": [1, 2], "f": "x=y", "g.h": True}
    child = iii(name, "cli::echo", *arguments)
    assert (child.returncode, child.stderr) == (0, "")
    assert json.loads(child.stdout) == payload


def test_trigger_prints_pretty_json(iii, echo):
    assert iii("trigger", "cli::echo", "a=1").stdout == '{\n  "a": 1\n}\n'


def test_trigger_keeps_the_digits_of_numbers(iii, echo):
    assert "12345678901234567890123" in iii("trigger", "cli::echo", "n=12345678901234567890123").stdout


def test_trigger_without_a_result_prints_nothing(iii, echo):
    child = iii("trigger", "cli::null")
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_trigger_remote_errors(iii, echo):
    child = iii("trigger", "cli::fail")
    assert (child.returncode, child.stdout) == (1, "")
    assert json.loads(child.stderr.removeprefix("Error: ")) == {"code": "c", "message": "m", "stacktrace": None}
    child = iii("trigger", "cli::missing")
    error = json.loads(child.stderr.removeprefix("Error: "))
    assert error["code"] == "function_not_found" and error["message"] == "Function cli::missing not found"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["f", "tok"], "Error: expected key=value, got `tok`"),
        (["f", "=v"], "Error: payload key must not be empty (got `=v`)"),
        (["f", "--json", "raw"], "Error: --json: invalid JSON `raw`"),
        (["f", "--json", "[]", "a=1"], "Error: --json must be an object when combined with kv pairs"),
        ([], "Error: iii trigger: missing FUNCTION_PATH. Try: `iii trigger <fn-path> [args]`"),
    ],
)
def test_trigger_argument_errors(iii, arguments, text):
    child = iii("trigger", *arguments, port=free_port())
    assert (child.returncode, child.stdout) == (1, "")
    assert child.stderr.startswith(text), child.stderr


def test_trigger_without_an_engine(iii):
    child = iii("trigger", "f", "--timeout-ms", "5000", port=free_port())
    assert (child.returncode, child.stdout) == (1, "")
    assert "connect" in child.stderr.lower()


def test_trigger_timeout(iii, raw):
    worker = raw()
    worker.register_function("cli::never")
    worker.pending_messages()
    child = iii("trigger", "cli::never", "--timeout-ms", "300")
    assert (child.returncode, child.stdout) == (1, "")
    assert "function cli::never didn't answer within 300 ms; the engine itself answers" in child.stderr


def test_trigger_of_an_engine_that_is_silent(iii):
    """Its socket is there and nobody serves it: not the same as a slow function."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        child = iii("trigger", "f", "--timeout-ms", "300", port=silent.getsockname()[1])
    assert (child.returncode, child.stdout) == (1, "")
    assert child.stderr.startswith("Error: Timed out waiting for the engine (no response within the timeout).")


@pytest.mark.parametrize("where", ["-", "@payload.json"])
def test_trigger_takes_a_payload_from_elsewhere(shared_engine, echo, tmp_path, where):
    """A payload that is longer than an argument may be (128 KiB), or secret, or has quotes in it."""
    payload = {"text": "x" * 200_000}
    (tmp_path / "payload.json").write_text(json.dumps(payload))
    command = [binary(), "trigger", "cli::echo", "--json", where]
    environment = os.environ | {"III_URL": f"ws://127.0.0.1:{shared_engine.worker_port}"}
    child = subprocess.run(
        command, input=json.dumps(payload), capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=PATIENCE_SECONDS
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert json.loads(child.stdout) == payload


def test_a_result_that_cannot_be_written(shared_engine, echo):
    command = [binary(), "trigger", "cli::echo", "a=1", "--address", "127.0.0.1", "--port", str(shared_engine.worker_port)]
    with open("/dev/full", "w") as full:
        child = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS)
    assert child.returncode == 1
    assert child.stderr.startswith("Error: can't write to standard output: No space left on device")


def test_trigger_help_of_a_function(iii, echo):
    child = iii("trigger", "cli::echo", "--help")
    assert (child.returncode, child.stderr) == (0, "")
    assert "iii trigger cli::echo" in child.stdout and "Echoes" in child.stdout
    assert re.search(r"sku\W+string\W+yes\W+what to buy", child.stdout)
    assert re.search(r"n\W+integer\|null\W+no", child.stdout)
    child = iii("trigger", "cli::missing", "--help")
    assert child.returncode == 1
    assert "error: function `cli::missing` not found in engine registry." in child.stderr


def test_health(iii):
    child = iii("health")
    assert child.returncode == 0, child.stderr
    child = iii("health", port=free_port())
    assert child.returncode == 1 and child.stderr


def test_health_verbose(iii, shared_engine, raw):
    store = str(shared_engine.store.resolve())
    raw().call("state::set", {"scope": "health", "key": "k", "value": 1})
    child = iii("health", "--verbose")
    assert (child.returncode, child.stderr) == (0, "")
    first, status, blank, heads, line = child.stdout.splitlines()
    assert first == iii("health").stdout.strip() and not blank
    assert status.startswith("status: healthy, version ")
    assert heads.split() == "workers mode position lag checkpoint log snapshot free sync state path".split()
    assert line.split()[:2] == ["iii-state", "synced"] and line.endswith(f" ok     {store}")
    child = iii("health", "--verbose", port=free_port())
    assert child.returncode == 1 and "doesn't serve" in child.stderr and not child.stdout


def test_health_function(iii, shared_engine, raw):
    worker = raw()
    worker.call("state::set", {"scope": "health", "key": "k", "value": 2})
    health = json.loads(iii("trigger", "engine::health").stdout)
    assert health["status"] == "healthy" and health["uptime_ms"] >= 0
    (store,) = health["stores"]
    assert (store["workers"], store["mode"]) == (["iii-state"], "synced")
    assert store["path"] == str(shared_engine.store.resolve())
    assert 0 < store["durable_lsn"] <= store["lsn"] and store["checkpoint_lsn"] <= store["durable_lsn"]
    assert store["available_bytes"] > 0 and store["log_bytes"] > 0 and not store["low_space"]
    # Hidden like the engine's other functions.
    assert "engine::health" not in worker.function_ids("")
    listed = worker.call("engine::functions::list", {"prefix": "engine::health", "include_internal": True})
    assert [row["function_id"] for row in listed["functions"]] == ["engine::health"]
