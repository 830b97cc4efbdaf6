"""The minimal conformance checklist of protocol.md §16, without an SDK: calls, results, and what happens to them when somebody leaves."""

from __future__ import annotations

import uuid

import pytest

from support.identifiers import UUID
from support.rawsocket import CallFailed


# 06


def test_06_every_invocation_has_an_id_and_data(raw, name):
    worker = raw()
    worker.register_function(f"{name}::f")
    worker.register_trigger("state", f"{name}::f", {"scope": name})
    worker.invoke(f"{name}::f", None)
    worker.send({"type": "invokefunction", "function_id": f"{name}::f"})
    worker.send({"type": "invokefunction", "function_id": f"{name}::f", "data": 1, "action": {"type": "void"}})
    worker.invoke("state::set", {"scope": name, "key": "k", "value": 1})
    for _ in range(4):
        frame = worker.receive_type("invokefunction")
        assert UUID.fullmatch(frame["invocation_id"]) and "data" in frame and "action" not in frame


def test_06_frames_toward_a_provider(raw, name):
    provider, owner = raw(), raw()
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    provider.pending_messages()
    trigger_id = owner.register_trigger(name, f"{name}::f")
    frame = provider.receive_type("registertrigger")
    assert frame["config"] is None and "metadata" not in frame
    assert (frame["id"], frame["trigger_type"], frame["function_id"]) == (trigger_id, name, f"{name}::f")
    owner.send({"type": "unregistertrigger", "id": trigger_id})
    assert provider.receive_type("unregistertrigger")["trigger_type"] == name


def test_06_trigger_without_config_is_taken_as_null(raw, name):
    provider, owner = raw(), raw()
    provider.send({"type": "registertriggertype", "id": name})
    provider.pending_messages()
    owner.send({"type": "registertrigger", "id": name, "trigger_type": name, "function_id": "f"})
    assert provider.receive_type("registertrigger")["config"] is None


# 07


def test_07_void_and_id_less_calls_get_no_reply(raw, name):
    worker = raw()
    worker.register_function(f"{name}::f")
    given = str(uuid.uuid4())
    for function_id in (f"{name}::f", f"{name}::missing", "state::set"):
        frame = {"type": "invokefunction", "function_id": function_id, "data": {}}
        worker.send(frame)
        worker.send({**frame, "action": {"type": "void"}})
        worker.send({**frame, "action": {"type": "void"}, "invocation_id": given})
    for _ in range(3):
        worker.answer_next("nobody waits for this")
    assert [m for m in worker.pending_messages() if m["type"] == "invocationresult"] == []


# 08


def test_08_result_echoes_what_the_caller_sent(raw, name):
    executor, caller = raw(), raw()
    function_id = f"{name}::Größe ☃"
    executor.register_function(function_id)
    executor.pending_messages()
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "baggage": "tenant=a"}
    call = caller.invoke(function_id, {}, **trace)
    frame = executor.receive_type("invokefunction")
    assert frame["traceparent"] == trace["traceparent"] and "tenant=a" in frame["baggage"]
    executor.send({"type": "invocationresult", "invocation_id": frame["invocation_id"], "function_id": "another"})
    result = caller.result_of(call)
    assert result["function_id"] == function_id and result["invocation_id"] == call
    assert result["traceparent"] == trace["traceparent"]
    assert "result" not in result or result["result"] is None


def test_08_error_body_passes_untouched(raw, name):
    executor, caller = raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    call = caller.invoke(f"{name}::f", {})
    frame = executor.receive_type("invokefunction")
    error = {"code": "MY_code", "message": "é\n", "stacktrace": "line 1\nline 2"}
    fields = {"invocation_id": frame["invocation_id"], "function_id": frame["function_id"]}
    executor.send({"type": "invocationresult", **fields, "result": 1, "error": error})
    result = caller.result_of(call)
    assert result["error"] == error and "result" not in result, "the error wins"


# 09


@pytest.mark.parametrize("data", [{"n": 1}, {}, {"_caller_worker_id": "forged"}], ids=repr)
def test_09_caller_id_is_in_object_payloads(raw, name, data):
    executor, caller = raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    caller.invoke(f"{name}::f", data)
    caller.send({"type": "invokefunction", "function_id": f"{name}::f", "data": data, "action": {"type": "void"}})
    for _ in range(2):
        frame = executor.receive_type("invokefunction")
        assert frame["data"] == {**data, "_caller_worker_id": caller.worker_id}


@pytest.mark.parametrize("data", [None, [], [{"a": 1}], "text", 5, True], ids=repr)
def test_09_other_payloads_stay_as_they_are(raw, name, data):
    executor, caller = raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    caller.invoke(f"{name}::f", data)
    assert executor.receive_type("invokefunction")["data"] == data


def test_09_trigger_firings_have_no_caller(raw, name):
    worker = raw()
    worker.register_function(f"{name}::f")
    worker.register_trigger("state", f"{name}::f", {"scope": name})
    worker.invoke("state::set", {"scope": name, "key": "k", "value": {}})
    assert "_caller_worker_id" not in worker.receive_type("invokefunction")["data"]


# 13


def test_13_executor_lost(raw, name):
    executor, caller = raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    call = caller.invoke(f"{name}::f", {})
    executor.receive_type("invokefunction")
    executor.close()
    error = caller.result_of(call)["error"]
    assert (error["code"], error["message"]) == ("invocation_stopped", "Invocation stopped")
    with pytest.raises(CallFailed, match=f"function_not_found: Function {name}::f not found"):
        caller.call(f"{name}::f", {})


def test_13_caller_lost(raw, name):
    executor, caller = raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    caller.invoke(f"{name}::f", {})
    frame = executor.receive_type("invokefunction")
    caller.close()
    executor.answer(frame, "too late")
    assert executor.pending_messages() == [], "its late result is dropped, its connection kept"


def test_13_result_from_a_foreign_connection_is_ignored(raw, name):
    executor, caller, stranger = raw(), raw(), raw()
    executor.register_function(f"{name}::f")
    executor.pending_messages()
    call = caller.invoke(f"{name}::f", {})
    frame = executor.receive_type("invokefunction")
    stranger.answer(frame, "forged")
    stranger.pending_messages()
    executor.answer(frame, "genuine")
    assert caller.result_of(call)["result"] == "genuine"


# 14


def test_14_enqueue_without_a_provider(raw, name):
    with pytest.raises(CallFailed) as caught:
        raw().call(f"{name}::f", {}, action={"type": "enqueue", "queue": "default"})
    assert caught.value.code == "enqueue_error"
    assert caught.value.message.startswith("No queue provider is installed.")
    assert caught.value.message.endswith("(underlying: Function engine::queue::enqueue not found)")


def test_14_enqueue_without_a_queue_is_undecodable(raw, name):
    worker = raw()
    worker.send({"type": "invokefunction", "function_id": name, "data": {}, "action": {"type": "enqueue"}})
    assert worker.pending_messages() == []
