"""state::* and the `state` trigger through an unmodified SDK (state.md §2-§4)."""

from __future__ import annotations

import queue

import pytest

from support.engine import PATIENCE_SECONDS
from support.sdk import HAS_METADATA, InvocationError
from support.waiting import eventually


def test_set_get_delete(worker, prefix):
    key = {"scope": prefix, "key": "k"}
    assert worker.trigger("state::get", key) is None
    assert worker.trigger("state::set", {**key, "value": {"n": 1}}) == {"old_value": None, "new_value": {"n": 1}}
    assert worker.trigger("state::set", {**key, "value": [2]}) == {"old_value": {"n": 1}, "new_value": [2]}
    assert worker.trigger("state::get", key) == [2]
    assert worker.trigger("state::delete", key) == [2]
    assert worker.trigger("state::delete", key) is None
    assert worker.trigger("state::get", key) is None


def test_data_is_an_alias_of_value(worker, prefix):
    worker.trigger("state::set", {"scope": prefix, "key": "k", "data": 5})
    assert worker.trigger("state::get", {"scope": prefix, "key": "k"}) == 5


@pytest.mark.parametrize("name", ["", "a:b/c.d", "ü\u0301", "😀", "x" * 5000], ids=lambda name: repr(name[:8]))
def test_any_string_is_a_scope_and_a_key(worker, prefix, name):
    worker.trigger("state::set", {"scope": prefix + name, "key": name, "value": name})
    assert worker.trigger("state::get", {"scope": prefix + name, "key": name}) == name
    assert worker.trigger("state::list", {"scope": prefix + name}) == [name]


def test_list_keeps_insertion_order(worker, prefix):
    def set_value(key, value):
        worker.trigger("state::set", {"scope": prefix, "key": key, "value": value})

    assert worker.trigger("state::list", {"scope": prefix}) == []
    for key, value in [("b", 1), ("a", 2), ("c", 3)]:
        set_value(key, value)
    set_value("b", 4)  # overwriting keeps the place
    assert worker.trigger("state::list", {"scope": prefix}) == [4, 2, 3]
    worker.trigger("state::delete", {"scope": prefix, "key": "b"})
    set_value("b", 5)  # deleting and setting moves to the end
    assert worker.trigger("state::list", {"scope": prefix}) == [2, 3, 5]


def test_list_groups(worker, prefix):
    for scope in ("b", "a"):
        worker.trigger("state::set", {"scope": f"{prefix}-{scope}", "key": "k", "value": 1})
    groups = worker.trigger("state::list_groups", {})["groups"]
    assert [group for group in groups if group.startswith(prefix)] == [f"{prefix}-a", f"{prefix}-b"]
    worker.trigger("state::delete", {"scope": f"{prefix}-a", "key": "k"})
    groups = worker.trigger("state::list_groups", {})["groups"]
    assert [group for group in groups if group.startswith(prefix)] == [f"{prefix}-b"]


UPDATES = [
    # before (None: absent), operations, after, error codes
    (None, [{"type": "increment", "path": "", "by": 3}], 3, []),
    (None, [{"type": "append", "path": "", "value": "hi"}, {"type": "append", "path": "", "value": "!"}], "hi!", []),
    (None, [{"type": "append", "path": "", "value": {"k": 1}}], [{"k": 1}], []),
    (None, [{"type": "append", "path": ["s", "ev"], "value": "x"}], {"s": {"ev": ["x"]}}, []),
    ({}, [{"type": "append", "path": "t", "value": "x"}], {"t": "x"}, []),
    ({"a": [1]}, [{"type": "append", "path": ["a", "b"], "value": 42}], {"a": {"b": [42]}}, []),
    ([1], [{"type": "append", "path": ["a", "b"], "value": 1}], [1], ["append.target_not_object"]),
    ("leaf", [{"type": "merge", "value": {"a": 1}}], "leaf", []),
    ("leaf", [{"type": "merge", "path": "x", "value": {"a": 1}}], {"x": {"a": 1}}, []),
    ({"ev": {}}, [{"type": "append", "path": "ev", "value": "x"}], {"ev": {}}, ["append.type_mismatch"]),
    (
        {"bad": "v"},
        [
            {"type": "increment", "path": "bad", "by": 1},
            {"type": "set", "path": "__proto__", "value": 1},
            {"type": "set", "path": "ok", "value": True},
        ],
        {"bad": "v", "ok": True},
        ["increment.not_number", "set.path.proto_polluted"],
    ),
    ({"n": 5, "m": 1}, [{"type": "decrement", "path": "n", "by": 7}, {"type": "remove", "path": "m"}], {"n": -2}, []),
]


@pytest.mark.parametrize(("before", "operations", "after", "errors"), UPDATES)
def test_update(worker, prefix, before, operations, after, errors):
    key = {"scope": prefix, "key": "k"}
    if before is not None:
        worker.trigger("state::set", {**key, "value": before})
    answer = worker.trigger("state::update", {**key, "ops": operations})
    assert (answer["old_value"], answer["new_value"]) == (before, after)
    assert [error["code"] for error in answer.get("errors", [])] == errors
    assert "errors" in answer or not errors
    assert worker.trigger("state::get", key) == after


@pytest.mark.parametrize(
    ("function_id", "payload", "detail"),
    [
        ("state::set", {"key": "k", "value": 1}, "missing field `scope`"),
        ("state::set", {"scope": "s", "key": "k"}, "missing field `value`"),
        ("state::get", {"scope": 5, "key": "k"}, "invalid type: integer `5`, expected a string"),
        ("state::update", {"scope": "s", "key": "k", "ops": [{"type": "foo"}]}, "unknown variant `foo`"),
        ("state::list_groups", None, "invalid type: null, expected struct StateListGroupsInput"),
    ],
)
def test_bad_arguments(worker, function_id, payload, detail):
    with pytest.raises(InvocationError) as caught:
        worker.trigger(function_id, payload)
    assert caught.value.code == "deserialization_error"
    assert caught.value.message.startswith(f"Failed to deserialize input for {function_id}: ")
    assert detail in caught.value.message


class Events:
    """A handler that keeps what state triggers tell."""

    def __init__(self, worker, function_id: str, config: dict) -> None:
        self.received: queue.Queue[dict] = queue.Queue()
        worker.function(function_id, self.received.put)
        self.trigger = worker.bind("state", function_id, config)

    def next(self) -> dict:
        return self.received.get(timeout=PATIENCE_SECONDS)


def test_trigger_events_of_one_key_in_commit_order(worker, prefix):
    events = Events(worker, f"{prefix}::on", {"scope": prefix, "key": "k"})
    key = {"scope": prefix, "key": "k"}
    worker.trigger("state::set", {**key, "value": 1})
    worker.trigger("state::update", {**key, "ops": [{"type": "increment", "path": "", "by": 1}]})
    worker.trigger("state::delete", key)
    common = {"type": "state", **key}
    expected = [("state:created", None, 1), ("state:updated", 1, 2), ("state:deleted", 2, None)]
    for event_type, old, new in expected:
        assert events.next() == {**common, "event_type": event_type, "old_value": old, "new_value": new}


def test_trigger_filters(worker, prefix):
    by_key = Events(worker, f"{prefix}::by-key", {"scope": prefix, "key": "wanted"})
    by_scope = Events(worker, f"{prefix}::by-scope", {"scope": prefix})
    for scope, key in [("other" + prefix, "wanted"), (prefix, "unwanted"), (prefix, "wanted")]:
        worker.trigger("state::set", {"scope": scope, "key": key, "value": 1})
    assert by_key.next()["key"] == "wanted"
    assert [by_scope.next()["key"] for _ in range(2)] == ["unwanted", "wanted"]
    assert by_key.received.empty() and by_scope.received.empty()


@pytest.mark.parametrize(("verdict", "fires"), [(False, False), (True, True), (0, True), (None, True), ({}, True)])
def test_trigger_condition(worker, prefix, verdict, fires):
    """Only the JSON value `false` skips."""
    worker.function(f"{prefix}::if", lambda data: verdict if data["key"] == "asked" else True)
    events = Events(worker, f"{prefix}::on", {"scope": prefix, "condition_function_id": f"{prefix}::if"})
    worker.trigger("state::set", {"scope": prefix, "key": "asked", "value": 1})
    worker.trigger("state::set", {"scope": prefix, "key": "last", "value": 1})
    if fires:
        assert events.next()["key"] == "asked"
    assert events.next()["key"] == "last"


def test_unregistered_trigger_is_silent(worker, prefix):
    gone = Events(worker, f"{prefix}::gone", {"scope": prefix})
    stays = Events(worker, f"{prefix}::stays", {"scope": prefix})
    gone.trigger.unregister()
    eventually(lambda: not worker.trigger_ids(f"{prefix}::gone"), "the trigger is gone")
    worker.trigger("state::set", {"scope": prefix, "key": "k", "value": 1})
    assert stays.next()["key"] == "k"
    assert gone.received.empty()


@pytest.mark.skipif(not HAS_METADATA, reason="metadata came with SDK 0.21")
def test_trigger_metadata_reaches_the_handler(worker, prefix):
    received: queue.Queue = queue.Queue()

    def handler(data, metadata=None):
        received.put(metadata)

    worker.function(f"{prefix}::on", handler)
    worker.bind("state", f"{prefix}::on", {"scope": prefix}, metadata={"tenant": "a"})
    worker.trigger("state::set", {"scope": prefix, "key": "k", "value": 1})
    assert received.get(timeout=PATIENCE_SECONDS) == {"tenant": "a"}


def test_handler_that_fails_doesn_t_undo_the_write(worker, prefix):
    called: queue.Queue = queue.Queue()

    def fail(data):
        called.put(1)
        raise RuntimeError("no")

    worker.function(f"{prefix}::on", fail)
    worker.bind("state", f"{prefix}::on", {"scope": prefix})
    worker.trigger("state::set", {"scope": prefix, "key": "k", "value": 1})
    called.get(timeout=PATIENCE_SECONDS)
    assert worker.trigger("state::get", {"scope": prefix, "key": "k"}) == 1


def test_acknowledgements(worker, prefix):
    """`ack` and `require` are ours: members of the payload that every SDK passes on."""
    key = {"scope": prefix, "key": "k"}
    lsns = []
    for function_id, payload in [
        ("state::set", {"value": 1}),
        ("state::update", {"ops": [{"type": "increment", "path": "", "by": 1}]}),
        ("state::delete", {}),
    ]:
        answer = worker.trigger(function_id, {**key, **payload, "ack": True, "require": "synced"})
        durable = answer.pop("durable")
        assert durable["mode"] == "synced" and set(durable) == {"lsn", "mode"}
        lsns.append(durable["lsn"])
    assert answer == {"old_value": 2}
    assert lsns == sorted(set(lsns)) and lsns[0] > 0


def test_keys_and_entries_in_pages(worker, prefix):
    keys = ["user-2", "user-1", "user-10", "other"]
    for value, key in enumerate(keys):
        worker.trigger("state::set", {"scope": prefix, "key": key, "value": value})
    assert worker.trigger("state::list_keys", {"scope": prefix}) == {"keys": sorted(keys), "cursor": None}
    request = {"scope": prefix, "prefix": "user-", "limit": 2}
    first = worker.trigger("state::list_entries", request)
    assert first["entries"] == [{"key": "user-1", "value": 1}, {"key": "user-10", "value": 2}]
    second = worker.trigger("state::list_entries", {**request, "cursor": first["cursor"]})
    assert second == {"entries": [{"key": "user-2", "value": 0}], "cursor": None}
