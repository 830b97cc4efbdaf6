"""stream::*, its three trigger types and custom implementations through an unmodified SDK (stream.md §2-§5)."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest
from iii.helpers import create_stream
from iii.stream import IStream, StreamDeleteResult, StreamSetResult

from support.engine import PATIENCE_SECONDS, Engine
from support.sdk import HAS_METADATA, InvocationError
from support.streamclient import StreamClient, briefs
from support.waiting import eventually


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"), stream="").start()
    yield engine
    assert engine.process is not None and engine.process.poll() is None, f"the engine died:\n{engine.log()[-4000:]}"
    engine.stop()


@pytest.fixture
def client(shared_engine):
    opened = StreamClient(shared_engine.stream_port)
    yield opened
    opened.close()


@pytest.fixture
def item(prefix) -> dict[str, str]:
    return {"stream_name": prefix, "group_id": "g", "item_id": "k"}


def group_of(item: dict[str, str]) -> dict[str, str]:
    return {"stream_name": item["stream_name"], "group_id": item["group_id"]}


# Functions


def test_set_get_delete(worker, item):
    assert worker.trigger("stream::get", item) is None
    assert worker.trigger("stream::set", {**item, "data": {"n": 1}}) == {"old_value": None, "new_value": {"n": 1}}
    assert worker.trigger("stream::set", {**item, "data": [2]}) == {"old_value": {"n": 1}, "new_value": [2]}
    assert worker.trigger("stream::get", item) == [2]
    assert worker.trigger("stream::delete", item) == {"old_value": [2]}
    assert worker.trigger("stream::delete", item) == {"old_value": None}, "always an object"
    assert worker.trigger("stream::get", item) is None


def test_what_is_omitted_and_what_is_null(raw, item):
    """The SDK shows both as None; the frame tells them apart."""
    worker = raw()

    def frame(function_id: str, data: dict[str, Any]) -> dict[str, Any]:
        return worker.result_of(worker.invoke(function_id, data))

    assert "result" not in frame("stream::get", item), "absent"
    assert frame("stream::set", {**item, "data": None})["result"] == {"old_value": None, "new_value": None}
    stored = frame("stream::get", item)
    assert stored["result"] is None and "result" in stored, "stored null"
    sent = frame("stream::send", {**group_of(item), "type": "t", "data": None})
    assert sent["result"] is None and "result" in sent
    assert frame("stream::delete", item)["result"] == {"old_value": None}


def test_update(worker, item):
    ops = [{"type": "increment", "path": "n", "by": 2}, {"type": "append", "path": "n", "value": 1}]
    first = worker.trigger("stream::update", {**item, "ops": ops[:1]})
    assert first == {"old_value": None, "new_value": {"n": 2}}, "no `errors` without errors"
    second = worker.trigger("stream::update", {**item, "ops": ops})
    assert (second["old_value"], second["new_value"]) == ({"n": 2}, {"n": 4})
    [error] = second["errors"]
    assert (error["op_index"], error["code"]) == (1, "append.type_mismatch")
    assert worker.trigger("stream::get", item) == {"n": 4}


def test_lists(worker, prefix):
    def put(group: str, key: str, data: Any) -> None:
        place = {"stream_name": prefix, "group_id": group, "item_id": key}
        worker.trigger("stream::set", {**place, "data": data})

    assert worker.trigger("stream::list", {"stream_name": prefix, "group_id": "g"}) == []
    assert worker.trigger("stream::list_groups", {"stream_name": prefix}) == []
    for group, key, data in [("g", "b", 1), ("g", "a", None), ("h", "c", 3), ("g", "b", 4), ("a:b", "d", 5)]:
        put(group, key, data)
    assert worker.trigger("stream::list", {"stream_name": prefix, "group_id": "g"}) == [4, None]
    assert sorted(worker.trigger("stream::list_groups", {"stream_name": prefix})) == ["a:b", "g", "h"]
    everything = worker.trigger("stream::list_all", {})
    assert set(everything) == {"stream", "count"} and everything["count"] == len(everything["stream"])
    assert {"id": prefix, "groups": ["a:b", "g", "h"]} in everything["stream"]
    assert [row["id"] for row in everything["stream"]] == sorted(row["id"] for row in everything["stream"])
    worker.trigger("stream::delete", {"stream_name": prefix, "group_id": "h", "item_id": "c"})
    assert sorted(worker.trigger("stream::list_groups", {"stream_name": prefix})) == ["a:b", "g"], "no emptied group"


@pytest.mark.parametrize(
    ("function_id", "payload", "detail"),
    [
        ("stream::set", {"stream_name": "s", "group_id": "g", "item_id": "i"}, "missing field `data`"),
        ("stream::set", {"stream_name": "s", "group_id": "g", "item_id": "i", "value": 1}, "missing field `data`"),
        ("stream::list_groups", {"stream_name": 5}, "invalid type: integer `5`, expected a string"),
        ("stream::list_all", None, "invalid type: null, expected struct StreamListAllInput"),
    ],
)
def test_bad_arguments(worker, function_id, payload, detail):
    with pytest.raises(InvocationError) as caught:
        worker.trigger(function_id, payload)
    assert caught.value.code == "deserialization_error"
    assert caught.value.message == f"Failed to deserialize input for {function_id}: {detail}"


def test_acknowledgements(worker, item):
    lsns = []
    for operation, payload in [
        ("set", {**item, "data": 1}),
        ("update", {**item, "ops": [{"type": "increment", "path": "", "by": 1}]}),
        ("delete", item),
        ("send", {**group_of(item), "type": "t", "data": 1}),
    ]:
        answer = worker.trigger(f"stream::{operation}", {**payload, "ack": True, "require": "synced"})
        durable = answer.pop("durable")
        assert durable["mode"] == "synced" and set(durable) == {"lsn", "mode"}
        lsns.append(durable["lsn"])
    assert answer == {}
    assert lsns == sorted(set(lsns)) and lsns[0] > 0


# `stream` triggers


class Events:
    """A handler that keeps what it is told."""

    def __init__(self, worker, function_id: str, config: dict, kind: str = "stream", **fields) -> None:
        self.received: queue.Queue = queue.Queue()
        worker.function(function_id, self.received.put)
        self.trigger = worker.bind(kind, function_id, config, **fields)

    def next(self) -> dict:
        return self.received.get(timeout=PATIENCE_SECONDS)


def test_trigger_events(worker, item, prefix):
    events = Events(worker, f"{prefix}::on", {"stream_name": prefix})
    worker.trigger("stream::set", {**item, "data": 1})
    worker.trigger("stream::set", {**item, "data": 1})
    worker.trigger("stream::update", {**item, "ops": [{"type": "increment", "path": "", "by": 1}]})
    worker.trigger("stream::delete", item)
    worker.trigger("stream::delete", item)  # no event of nothing
    worker.trigger("stream::send", {**group_of(item), "type": "typing", "data": {"who": 1}})
    worker.trigger("stream::send", {**group_of(item), "type": "typing", "data": None, "id": "x"})
    first = events.next()
    assert abs(first.pop("timestamp") - time.time() * 1000) < 60_000
    created = {"type": "create", "data": 1}
    assert first == {"type": "stream", "streamName": prefix, "groupId": "g", "id": "k", "event": created}
    assert briefs([events.next() for _ in range(5)]) == [
        ("k", "update", 1),
        ("k", "update", 2),
        ("k", "delete", 2),
        (None, "event", {"type": "typing", "data": {"who": 1}}),
        ("x", "event", {"type": "typing", "data": None}),
    ]
    assert events.received.empty()


FILTERS = [
    ({}, ["g/k", "g/other", "g/-", "h/k"]),
    ({"group_id": "g"}, ["g/k", "g/other", "g/-"]),
    ({"group_id": "", "item_id": ""}, ["g/k", "g/other", "g/-", "h/k"]),
    ({"group_id": None, "item_id": None}, ["g/k", "g/other", "g/-", "h/k"]),
    ({"item_id": "k"}, ["g/k", "h/k"]),
    ({"group_id": "g", "item_id": "k"}, ["g/k"]),
    ({"group_id": "x"}, []),
]


@pytest.mark.parametrize(("config", "expected"), FILTERS)
def test_trigger_filters(worker, prefix, config, expected):
    events = Events(worker, f"{prefix}::on", {"stream_name": prefix, **config})
    marks = Events(worker, f"{prefix}::mark", {"stream_name": f"{prefix}-mark"})
    sent = [("-other", "g", "k"), ("", "g", "k"), ("", "g", "other"), ("", "g", None), ("", "h", "k")]
    for stream, group, key in sent:
        address = {"stream_name": prefix + stream, "group_id": group}
        worker.trigger("stream::send", {**address, "type": "t", "data": 1, "id": key})
    got = [events.next() for _ in expected]
    assert sorted(f"{event['groupId']}/{event['id'] or '-'}" for event in got) == sorted(expected)
    worker.trigger("stream::send", {"stream_name": f"{prefix}-mark", "group_id": "g", "type": "t", "data": 1})
    marks.next()
    assert events.received.empty()


@pytest.mark.parametrize(("verdict", "fires"), [(False, False), (True, True), (0, True), (None, True), ({}, True)])
def test_condition(worker, item, prefix, verdict, fires):
    """Only the JSON value `false` skips."""
    worker.function(f"{prefix}::if", lambda data: verdict if data["event"]["data"] == "asked" else True)
    events = Events(worker, f"{prefix}::on", {"stream_name": prefix, "condition_function_id": f"{prefix}::if"})
    worker.trigger("stream::set", {**item, "data": "asked"})
    worker.trigger("stream::set", {**item, "data": "last"})
    if fires:
        assert events.next()["event"]["data"] == "asked"
    assert events.next()["event"]["data"] == "last"


def test_a_condition_that_fails_skips(worker, item, prefix):
    def judge(data):
        if data["event"]["data"] == "asked":
            raise RuntimeError("no verdict")

    worker.function(f"{prefix}::if", judge)
    events = Events(worker, f"{prefix}::on", {"stream_name": prefix, "condition_function_id": f"{prefix}::if"})
    worker.trigger("stream::set", {**item, "data": "asked"})
    worker.trigger("stream::set", {**item, "data": "last"})
    assert events.next()["event"]["data"] == "last"


def test_the_same_trigger_id_replaces(raw, item, prefix):
    """Upstream ran the handler once for each registration."""
    worker = raw()
    worker.register_function(f"{prefix}::on")
    for group in ("old", "g"):
        config = {"stream_name": prefix, "group_id": group}
        worker.register_trigger("stream", f"{prefix}::on", config, id=f"{prefix}-1")
    worker.pending_messages()
    for group in ("old", "g", "g"):
        worker.invoke("stream::set", {**item, "group_id": group, "data": group})
    got = [worker.answer_next(None)["data"]["groupId"] for _ in range(2)]
    calls = [frame for frame in worker.pending_messages() if frame["type"] == "invokefunction"]
    assert got == ["g", "g"] and calls == []


NO_FILTERS = [None, "text", {}, {"stream_name": None}, {"stream_name": 5}, {"stream_name": "s", "group_id": 5}]


@pytest.mark.parametrize("config", NO_FILTERS)
def test_a_config_that_is_refused(raw, prefix, config):
    """Without a stream name upstream panics, and the worker is disconnected again and again."""
    worker = raw()
    worker.register_function(f"{prefix}::on")
    worker.register_trigger("stream", f"{prefix}::on", config)
    error = worker.receive_type("triggerregistrationresult")["error"]
    assert error["code"] == "trigger_registration_failed"
    assert error["message"].startswith("Failed to deserialize stream trigger")
    assert worker.live_triggers(f"{prefix}::on") == []


def test_unregistered_trigger_is_silent(worker, item, prefix):
    gone = Events(worker, f"{prefix}::gone", {"stream_name": prefix})
    stays = Events(worker, f"{prefix}::stays", {"stream_name": prefix})
    gone.trigger.unregister()
    eventually(lambda: not worker.trigger_ids(f"{prefix}::gone"), "the trigger is gone")
    worker.trigger("stream::set", {**item, "data": 1})
    assert stays.next()["id"] == "k"
    assert gone.received.empty()


@pytest.mark.skipif(not HAS_METADATA, reason="metadata came with SDK 0.21")
def test_trigger_metadata_reaches_the_handler(worker, item, prefix):
    received: queue.Queue = queue.Queue()

    def handler(data, metadata=None):
        received.put(metadata)

    worker.function(f"{prefix}::on", handler)
    worker.bind("stream", f"{prefix}::on", {"stream_name": prefix}, metadata={"tenant": "a"})
    worker.trigger("stream::set", {**item, "data": 1})
    assert received.get(timeout=PATIENCE_SECONDS) == {"tenant": "a"}


def test_a_handler_that_fails_doesn_t_undo_the_write(worker, item, prefix, client):
    client.joined(prefix, "g")
    called: queue.Queue = queue.Queue()

    def fail(data):
        called.put(1)
        raise RuntimeError("no")

    worker.function(f"{prefix}::on", fail)
    worker.bind("stream", f"{prefix}::on", {"stream_name": prefix})
    worker.trigger("stream::set", {**item, "data": 1})
    called.get(timeout=PATIENCE_SECONDS)
    assert worker.trigger("stream::get", item) == 1
    assert briefs(client.take(1)) == [("k", "create", 1)]


# `stream:join` and `stream:leave`


def test_join_and_leave(worker, prefix, client):
    told: queue.Queue = queue.Queue()

    def guard(data):
        told.put(data)
        return {"unauthorized": data["group_id"] == "private"}

    worker.function(f"{prefix}::guard", guard)
    worker.bind("stream:join", f"{prefix}::guard", {"stream_name": prefix})
    leaves = Events(worker, f"{prefix}::left", {"stream_name": prefix}, "stream:leave")
    assert client.joined(prefix, "private")["event"] == {"type": "unauthorized"}
    assert client.joined(prefix, "public", "k")["event"] == {"type": "sync", "data": None}
    expected = {"subscription_id": "s", "stream_name": prefix, "group_id": "public", "id": "k", "context": None}
    assert [told.get(timeout=PATIENCE_SECONDS)["group_id"] for _ in range(1)] == ["private"]
    assert told.get(timeout=PATIENCE_SECONDS) == expected
    client.close_with()
    assert leaves.next() == expected
    assert leaves.received.empty()


def test_a_guard_that_raises_refuses(worker, prefix, client):
    def guard(data):
        raise RuntimeError("database gone")

    worker.function(f"{prefix}::guard", guard)
    worker.bind("stream:join", f"{prefix}::guard", {"stream_name": prefix})
    event = {"type": "unauthorized", "reason": "a stream:join guard failed"}
    assert client.joined(prefix, "g")["event"] == event


# Custom implementations


def implementation(calls: list[str]) -> IStream:
    """Keeps its items itself, as an application's stream does."""

    class Items(IStream):
        def __init__(self) -> None:
            self.items: dict[tuple[str, str], Any] = {}

        async def get(self, input):
            calls.append("get")
            return self.items.get((input.group_id, input.item_id))

        async def set(self, input):
            calls.append("set")
            old = self.items.get((input.group_id, input.item_id))
            self.items[(input.group_id, input.item_id)] = input.data
            return StreamSetResult(old_value=old, new_value=input.data)

        async def delete(self, input):
            calls.append("delete")
            return StreamDeleteResult(old_value=self.items.pop((input.group_id, input.item_id), None))

        async def list(self, input):
            calls.append("list")
            return [value for (group, _), value in self.items.items() if group == input.group_id]

        async def list_groups(self, input):
            calls.append("list_groups")
            return ["of", "mine"]

        async def update(self, input):
            calls.append("update")
            return None

    return Items()


@pytest.mark.filterwarnings("ignore")
def test_create_stream(worker, connect, item, prefix, client):
    worker.trigger("stream::set", {**item, "data": "the engine's own"})
    owner = connect()
    calls: list[str] = []
    create_stream(owner.client, prefix, implementation(calls))
    eventually(lambda: worker.is_registered(f"stream::list_groups({prefix})"), "it is registered")
    events = Events(worker, f"{prefix}::on", {"stream_name": prefix})
    assert client.joined(prefix, "g")["event"] == {"type": "sync", "data": []}
    assert client.joined(prefix, "g", "k", name="item")["event"] == {"type": "sync", "data": None}
    client.leave(prefix, "g", name="item")
    assert worker.trigger("stream::get", item) is None
    assert worker.trigger("stream::set", {**item, "data": 1}) == {"old_value": None, "new_value": 1}
    assert worker.trigger("stream::set", {**item, "data": 2}) == {"old_value": 1, "new_value": 2}
    assert worker.trigger("stream::get", item) == 2
    assert worker.trigger("stream::list", group_of(item)) == [2]
    assert worker.trigger("stream::list_groups", {"stream_name": prefix}) == ["of", "mine"]
    assert worker.trigger("stream::delete", item) == {"old_value": 2}
    assert worker.trigger("stream::delete", item) == {"old_value": None}
    expected = [("k", "create", 1), ("k", "update", 2), ("k", "delete", 2)]
    assert briefs(client.take(3)) == expected
    assert briefs([events.next() for _ in range(3)]) == expected
    # `update` isn't registered: it works on the engine's own item.
    append = [{"type": "append", "path": "", "value": "!"}]
    assert worker.trigger("stream::update", {**item, "ops": append})["new_value"] == "the engine's own!"
    assert "update" not in calls and {"get", "set", "delete", "list", "list_groups"} == set(calls)
    # Without its worker the engine's own items are served again.
    owner.close()
    eventually(lambda: not worker.is_registered(f"stream::get({prefix})"), "it is gone")
    assert worker.trigger("stream::get", item) == "the engine's own!"
    assert worker.trigger("stream::list", group_of(item)) == ["the engine's own!"]
    assert worker.trigger("stream::list_groups", {"stream_name": prefix}) == ["g"]


def test_custom_input_is_the_validated_payload(raw, prefix):
    worker = raw()
    place = {"stream_name": prefix, "group_id": "g", "item_id": "k"}
    ops = [{"type": "increment", "path": "n", "by": 1}]
    more = {
        "set": ({**place, "data": {"b": 1, "a": [None]}}, {"old_value": None, "new_value": 5}),
        "update": ({**place, "ops": ops}, {"old_value": 1, "new_value": 2, "errors": [{"op_index": 0}]}),
        "delete": (place, {"old_value": 3}),
        "get": (place, {"any": "thing"}),
        "list": ({"stream_name": prefix, "group_id": "g"}, "not even a list"),
        "list_groups": ({"stream_name": prefix}, [1]),
    }
    for operation in more:
        worker.register_function(f"stream::{operation}({prefix})")
    for operation, (payload, answer) in more.items():
        call = worker.invoke(f"stream::{operation}", {**payload, "extra": 1})
        frame = worker.answer_next(answer)
        assert frame["function_id"] == f"stream::{operation}({prefix})"
        assert frame["data"] == payload
        assert worker.result_of(call)["result"] == answer


FAILURES = {"set": "Failed to set value", "update": "Failed to update value", "delete": "Failed to delete value"}


@pytest.mark.parametrize("operation", FAILURES)
def test_custom_writes_that_fail(raw, prefix, operation, client):
    client.joined(prefix, "g")
    worker = raw()
    worker.register_function(f"stream::{operation}({prefix})")
    payload = {"stream_name": prefix, "group_id": "g", "item_id": "k", "data": 1, "ops": []}

    def error_after(answer: dict[str, Any]) -> tuple[str, str]:
        call = worker.invoke(f"stream::{operation}", payload)
        frame = worker.receive_type("invokefunction")
        fields = {key: frame[key] for key in ("invocation_id", "function_id")}
        worker.send({"type": "invocationresult", **fields, **answer})
        error = worker.result_of(call)["error"]
        return error["code"], error["message"]

    failed = f"STREAM_{operation.upper()}_ERROR"
    nothing = (failed, f"{FAILURES[operation]}: Function returned no result")
    assert error_after({"result": None}) == nothing
    assert error_after({}) == nothing
    code, message = error_after({"error": {"code": "no", "message": "not today"}})
    body = 'ErrorBody { code: "no", message: "not today", stacktrace: None }'
    assert (code, message) == (failed, f"{FAILURES[operation]}: Failed to invoke function: {body}")
    code, message = error_after({"result": "text"})
    assert code == "JSON_ERROR" and message.startswith("Failed to convert result to value: ")
    if operation != "delete":
        missing = ("JSON_ERROR", "Failed to convert result to value: missing field `new_value`")
        assert error_after({"result": {"old_value": 1}}) == missing
    assert client.arrived() == []


@pytest.mark.parametrize("operation", ["get", "list", "list_groups"])
def test_custom_reads(raw, prefix, operation):
    worker = raw()
    worker.register_function(f"stream::{operation}({prefix})")
    payload = {"stream_name": prefix, "group_id": "g", "item_id": "k"}
    call = worker.invoke(f"stream::{operation}", payload)
    worker.answer_next(None)
    assert "result" not in worker.result_of(call), "null is omitted"
    call = worker.invoke(f"stream::{operation}", payload)
    frame = worker.receive_type("invokefunction")
    fields = {key: frame[key] for key in ("invocation_id", "function_id")}
    worker.send({"type": "invocationresult", **fields, "error": {"code": "mine", "message": "not today"}})
    error = worker.result_of(call)["error"]
    assert (error["code"], error["message"]) == ("mine", "not today"), "passed through"


def test_custom_syncs(raw, prefix, client):
    worker = raw()
    for operation in ("get", "list"):
        worker.register_function(f"stream::{operation}({prefix})")
    worker.pending_messages()
    client.join(prefix, "g", resume=None)
    assert worker.answer_next([1, 2])["data"] == {"stream_name": prefix, "group_id": "g"}
    assert client.receive()["event"] == {"type": "sync", "data": [1, 2], "resumed": False, "reason": "new"}
    client.join(prefix, "g", "k")
    assert worker.answer_next(3)["data"] == {"stream_name": prefix, "group_id": "g", "item_id": "k"}
    assert client.receive()["event"] == {"type": "sync", "data": 3}
    # A read that fails: no sync, but a subscription.
    client.join(prefix, "g", "x", name="failing")
    frame = worker.receive_type("invokefunction")
    fields = {key: frame[key] for key in ("invocation_id", "function_id")}
    worker.send({"type": "invocationresult", **fields, "error": {"code": "no", "message": "not today"}})
    assert client.arrived() == []
    worker.call("stream::send", {"stream_name": prefix, "group_id": "g", "type": "t", "data": 1, "id": "x"})
    assert briefs(client.arrived()) == [("x", "event", {"type": "t", "data": 1})]


def test_custom_writes_and_acknowledgements(raw, prefix):
    """Of data that somebody else keeps the engine can't say what is on disk."""
    worker = raw()
    worker.register_function(f"stream::set({prefix})")
    payload = {"stream_name": prefix, "group_id": "g", "item_id": "k", "data": 1}
    error = worker.result_of(worker.invoke("stream::set", {**payload, "require": "synced"}))["error"]
    assert error["code"] == "NOT_SYNCED" and "nothing was written" in error["message"]
    call = worker.invoke("stream::set", {**payload, "ack": True})
    worker.answer_next({"new_value": 1})
    assert worker.result_of(call)["result"] == {"old_value": None, "new_value": 1}
