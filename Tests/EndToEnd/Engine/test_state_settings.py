"""The `iii-state` block: what is in memory says so, limits hold, what can't be served is refused (docs/state.md)."""

from __future__ import annotations

import subprocess

import pytest

from support.engine import JSON_LOG, PATIENCE_SECONDS, binary, config_text
from support.rawsocket import CallFailed, RawWorker

IN_MEMORY = "DO NOT USE IN_MEMORY STORE_METHOD IN PRODUCTION - DATA WILL BE LOST ON SHUTDOWN"


def with_state(engine, block: str):
    """The engine with this `iii-state` entry, or one by another name, instead of the usual one."""
    engine.config.write_text(config_text(engine.worker_port, engine.http_port, None, extra=block + JSON_LOG))
    return engine


@pytest.fixture
def in_memory(engine_factory):
    engine = with_state(engine_factory("memory"), "  - name: state\n").start()
    client = RawWorker(engine.worker_port)
    yield engine, client
    client.close()
    engine.stop()


def test_in_memory_says_so(in_memory):
    engine, client = in_memory
    assert engine.log().count(IN_MEMORY) == 1
    key = {"scope": "s", "key": "k"}
    answer = client.call("state::set", {**key, "value": 1, "ack": True})
    assert answer == {"old_value": None, "new_value": 1, "durable": {"lsn": None, "mode": "memory"}}
    for function_id, rest in [("state::set", {"value": 2}), ("state::update", {"ops": []}), ("state::delete", {})]:
        with pytest.raises(CallFailed) as caught:
            client.call(function_id, {**key, **rest, "require": "synced"})
        assert caught.value.code == "NOT_SYNCED"
        assert "iii-state keeps its data in memory" in caught.value.message
    assert client.call("state::get", key) == 1
    (store,) = client.call("engine::health", {})["stores"]
    assert (store["workers"], store["mode"], store["path"], store["lsn"]) == (["iii-state"], "memory", None, None)
    where = ["--address", "127.0.0.1", "--port", str(engine.worker_port)]
    shown = subprocess.run(
        [binary(), "health", "-v", *where], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert shown.stdout.splitlines()[-1].split() == ["iii-state", "memory", *["-"] * 7, "ok", "-"]


def test_pages_in_memory(in_memory):
    _, client = in_memory
    for n in range(25):
        client.call("state::set", {"scope": "s", "key": f"k{n:02}", "value": n})
    values, cursor = [], None
    while True:
        page = client.call("state::list_entries", {"scope": "s", "limit": 10, "cursor": cursor})
        values.append([row["value"] for row in page["entries"]])
        cursor = page["cursor"]
        if cursor is None:
            break
    assert values == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


def test_limits_of_the_block(engine_factory):
    lines = "max_value_bytes: 10\nmax_scope_bytes: 3\nmax_key_bytes: 2"
    engine = engine_factory("limits", state=lines).start()
    client = RawWorker(engine.worker_port)
    at_the_limit = {"scope": "abc", "key": "ab", "value": "12345678"}
    client.call("state::set", at_the_limit)
    for change, code, words in [
        ({"value": "123456789"}, "VALUE_TOO_LARGE", "value of 11 bytes exceeds the configured max_value_bytes limit of 10"),
        ({"scope": "abcd"}, "SCOPE_TOO_LARGE", "scope of 4 bytes exceeds the configured max_scope_bytes limit of 3"),
        ({"key": "abc"}, "KEY_TOO_LARGE", "key of 3 bytes exceeds the configured max_key_bytes limit of 2"),
    ]:
        with pytest.raises(CallFailed) as caught:
            client.call("state::set", {**at_the_limit, **change})
        assert (caught.value.code, caught.value.message) == (code, words)
    # Only what `state::set` stores is measured.
    grown = client.call("state::update", {"scope": "abc", "key": "ab", "ops": [{"type": "append", "path": "", "value": "x" * 50}]})
    assert grown["new_value"] == "12345678" + "x" * 50
    assert client.call("state::get", {"scope": "abc", "key": "ab"}) == grown["new_value"]
    client.close()
    engine.stop()


REFUSED = [
    ("config: {max_key_bytes: 0}", ["expected a number from 1 to 67108864"]),
    ("config: {max_keys: 5}", [": unknown field `max_keys`, expected one of `adapter`"]),
    ("config: {adapter: {name: redis, config: {redis_url: 'redis://:secret@h'}}}", ["adapter 'redis' of iii-state is not served"]),
    ("config: {adapter: {name: bridge}}", ["adapter 'bridge' of iii-state is not served", "`store_method: file_based`"]),
    ("config: {adapter: {name: sqlite}}", ["Adapter factory 'sqlite' not found. Available: [\"kv\"]"]),
    ("config: {adapter: {config: {}}}", ["missing field `name`"]),
    ("config: [1]", ["expected a map"]),
]


@pytest.mark.parametrize(("block", "words"), REFUSED)
def test_blocks_that_stop_the_boot(engine_factory, block, words):
    engine = with_state(engine_factory("refused"), f"  - name: iii-state\n    {block}\n")
    assert engine.run_to_exit() == 1
    for text in [*words, "(failed to create worker 'iii-state')", "config.yaml:"]:
        assert text in engine.log()
    assert "secret" not in engine.log()


def test_both_names_stop_the_boot(engine_factory):
    engine = with_state(engine_factory("both"), "  - name: state\n  - name: iii-state\n")
    assert engine.run_to_exit() == 1
    assert (
        "Duplicate worker configurations:\n- 'iii-state' is the deprecated name for 'state', but both are present. "
        "Remove 'iii-state' from your configuration."
    ) in engine.log()
