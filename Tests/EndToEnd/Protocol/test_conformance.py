"""The minimal conformance checklist of protocol.md §16, one test or more per item, without an SDK."""

from __future__ import annotations

import json
import re
import uuid

import pytest

from support.rawsocket import CONTINUATION, PING, PONG, TEXT, CallFailed, Dropped, RawSocket, RawWorker
from support.waiting import eventually

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def name() -> str:
    return f"p{uuid.uuid4().hex[:12]}"


def function_ids(worker: RawWorker, prefix: str) -> list[str]:
    return [row["function_id"] for row in worker.call("engine::functions::list", {"prefix": prefix})["functions"]]


def live_triggers(worker: RawWorker, function_id: str) -> list[str]:
    rows = worker.call("engine::registered-triggers::list", {"function_id": function_id})["registered_triggers"]
    return [row["id"] for row in rows]


# 01


def test_01_workerregistered_comes_first_with_both_ids(raw):
    one, two = raw(), raw()
    assert one.greeting["type"] == "workerregistered"
    assert UUID.fullmatch(one.worker_id) and UUID.fullmatch(one.reattach_token)
    ids = {one.worker_id, one.reattach_token, two.worker_id, two.reattach_token}
    assert len(ids) == 4, "fresh for each connection"
    assert not one.greeting.get("features"), "nothing is advertised that isn't served"


def test_01_permessage_deflate_is_not_accepted(raw):
    worker = raw(headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    assert "sec-websocket-extensions" not in worker.response_head.lower()


def test_01_query_strings_are_allowed_and_other_paths_are_not(shared_engine, raw):
    assert raw(path="/?token=x&y=%20").greeting["type"] == "workerregistered"
    with pytest.raises(Dropped, match="404"):
        RawSocket(shared_engine.worker_port, "/nowhere")


# 02


def test_02_ping_is_answered_with_the_same_payload(raw):
    worker = raw()
    for payload in (b"", b"x", bytes(range(125))):
        worker.send_frame(PING, payload)
        opcode, _, answer = worker.receive_frame()
        assert (opcode, answer) == (PONG, payload)


def test_02_json_ping(raw):
    worker = raw()
    worker.send({"type": "ping"})
    assert worker.receive() == {"type": "pong"}
    worker.send({"type": "pong"})
    assert worker.pending_messages() == []


def test_02_pings_are_answered_under_load(raw, name):
    """Thousands of calls in flight on the same connection, none answered yet: the pong comes all the same."""
    worker = raw()
    worker.register_function(f"{name}::f")
    calls = [worker.invoke(f"{name}::f", {"n": n}) for n in range(5000)]
    worker.send_frame(PING, b"still there?")
    invocations, pong = [], False
    while not pong or len(invocations) < len(calls):
        opcode, _, payload = worker.receive_frame()
        pong = pong or (opcode == PONG and payload == b"still there?")
        if opcode == TEXT:
            invocations.append(json.loads(payload))
    assert [frame["data"]["n"] for frame in invocations] == list(range(5000)), "started in order"


def test_02_ping_between_fragments(raw):
    worker = raw()
    text = json.dumps({"type": "ping", "padding": "x" * 1000}).encode()
    worker.send_frame(TEXT, text[:500], final=False)
    worker.send_frame(PING, b"between")
    assert worker.receive_frame() == (PONG, True, b"between")
    worker.send_frame(CONTINUATION, text[500:])
    assert worker.receive() == {"type": "pong"}


# 03

NORMAL_CLOSES = (1000, 1001, 1005)


def test_03_stop_of_the_engine_is_no_clean_close(engine_factory):
    engine = engine_factory().start()
    worker = RawWorker(engine.worker_port)
    engine.stop()
    assert worker.drop_code() not in NORMAL_CLOSES


def test_03_eviction_is_no_clean_close(raw):
    old, new = raw(), raw()
    new.send({"type": "reattach", "previous_worker_id": old.worker_id, "reattach_token": old.reattach_token})
    assert old.drop_code() not in NORMAL_CLOSES
    assert new.pending_messages() == []


def test_03_oversized_frame_is_no_clean_close(raw):
    worker = raw()
    worker.send_frame(TEXT, b"", claimed_length=(16 << 20) + 1)
    assert worker.drop_code() not in NORMAL_CLOSES


# 04 (more in test_bad_input.py)

UNDECODABLE = [
    "{",
    "[]",
    '"text"',
    "null",
    "{}",
    '{"type":5}',
    '{"type":"nonsense"}',
    '{"type":"registerfunction"}',
    '{"type":"registerfunction","id":7}',
    '{"type":"invokefunction"}',
    '{"type":"invokefunction","function_id":{}}',
    '{"type":"invocationresult"}',
    '{"type":"invocationresult","invocation_id":"no uuid","function_id":"f"}',
    '{"type":"registertrigger","id":"x"}',
    '{"type":"reattach"}',
    "",
    "   \n",
]


@pytest.mark.parametrize("text", UNDECODABLE)
def test_04_undecodable_frame_is_dropped_and_the_connection_kept(raw, text):
    worker = raw()
    worker.send_text(text)
    assert worker.pending_messages() == []


def test_04_binary_frames(raw):
    worker = raw()
    for payload in (b"", b"OTLP", b"MTRC{bad", b"LOGS\xff", b"\x00\x01", b'OTLP{"resourceSpans":[]}'):
        worker.send_frame(0x2, payload)
    worker.send_frame(0x2, b'{"type":"ping"}')  # a binary frame may hold a message
    assert worker.receive() == {"type": "pong"}


def test_04_telemetry_socket_takes_everything_and_answers_nothing(shared_engine):
    socket = RawSocket(shared_engine.worker_port, "/otel")
    for payload in (b'OTLP{"resourceSpans":[]}', b"MTRC{bad", b"LOGS", b"other"):
        socket.send_frame(0x2, payload)
    socket.send_text('{"type":"ping"}')
    socket.send_frame(PING, b"mark")
    assert socket.receive_frame() == (PONG, True, b"mark")
    socket.close()


# 05


def test_05_unknown_fields_are_ignored_at_every_level(raw, name):
    worker = raw()
    extra = {"namespace": "default", "features": ["observe.v1"], "observe": {"delivery": "auto"}, "x": None}
    worker.register_function(f"{name}::f", **extra)
    worker.send({"type": "registertriggertype", "id": name, "description": "d", **extra})
    call = worker.invoke(f"{name}::f", {"n": 1}, caller={}, observe_depth=3, activation={}, **extra)
    assert worker.answer_next("ok")["data"]["n"] == 1
    assert worker.result_of(call)["result"] == "ok"


@pytest.mark.parametrize("kind", ["observe", "unobserve", "observerack", "invocationsobserved", "localinvocationstats"])
def test_05_frames_of_later_versions_are_ignored(raw, kind):
    worker = raw()
    worker.send({"type": kind, "id": "x", "items": [], "function_id": "f"})
    assert worker.pending_messages() == []


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


# 10


def test_10_trigger_of_an_unknown_type_is_parked_and_activated(raw, name):
    owner, provider = raw(), raw()
    trigger_id = owner.register_trigger(name, f"{name}::f", {"a": 1}, metadata={"m": 1})
    assert owner.pending_messages() == [], "no acknowledgement, no error"
    assert live_triggers(owner, f"{name}::f") == []
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    frame = provider.receive_type("registertrigger")
    assert (frame["id"], frame["config"], frame["metadata"]) == (trigger_id, {"a": 1}, {"m": 1})
    provider.send({"type": "triggerregistrationresult", **{k: frame[k] for k in ("id", "trigger_type", "function_id")}})
    assert owner.pending_messages() == [], "success is never acknowledged"
    assert live_triggers(owner, f"{name}::f") == [trigger_id]


def test_10_provider_s_refusal_reaches_the_owner(raw, name):
    owner, provider = raw(), raw()
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    provider.pending_messages()
    owner.register_trigger(name, f"{name}::f", {})
    frame = provider.receive_type("registertrigger")
    fields = {k: frame[k] for k in ("id", "trigger_type", "function_id")}
    error = {"code": "trigger_registration_failed", "message": "no"}
    provider.send({"type": "triggerregistrationresult", **fields, "error": error})
    result = owner.receive_type("triggerregistrationresult")
    assert result["error"] == error and result["id"] == frame["id"]
    assert live_triggers(owner, f"{name}::f") == []


def test_10_parked_trigger_of_a_worker_that_left_is_dropped(raw, name):
    owner, provider = raw(), raw()
    owner.register_trigger(name, f"{name}::f", {})
    owner.register_function(f"{name}::mark")
    owner.pending_messages()
    owner.close()
    eventually(lambda: not function_ids(provider, name), "the owner is gone")
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    assert provider.pending_messages() == []


# 11


def test_11_provider_gets_all_bindings_again_when_it_registers_again(raw, name):
    provider, owner = raw(), raw()
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    provider.pending_messages()
    ids = {owner.register_trigger(name, f"{name}::f", {"n": n}) for n in range(200)}
    assert {provider.receive_type("registertrigger")["id"] for _ in ids} == ids
    provider.send({"type": "registertriggertype", "id": name, "description": "again"})
    # No acknowledgement was sent: the engine must not wait for one in the provider's read path.
    replayed = [message["id"] for message in provider.pending_messages()]
    assert sorted(replayed) == sorted(ids)


def test_11_next_provider_takes_over(raw, name):
    first, second, owner = raw(), raw(), raw()
    first.send({"type": "registertriggertype", "id": name, "description": "d"})
    first.pending_messages()
    trigger_id = owner.register_trigger(name, f"{name}::f", {})
    assert first.receive_type("registertrigger")["id"] == trigger_id
    second.send({"type": "registertriggertype", "id": name, "description": "d"})
    assert second.receive_type("registertrigger")["id"] == trigger_id
    first.close()
    owner.send({"type": "unregistertrigger", "id": trigger_id})
    assert second.receive_type("unregistertrigger")["id"] == trigger_id


# 12


def test_12_cleanup_leaves_what_another_worker_took_over(raw, name):
    first, second, caller = raw(), raw(), raw()
    first.register_function(f"{name}::f")
    first.register_function(f"{name}::mark")
    first.pending_messages()
    second.register_function(f"{name}::f")
    second.pending_messages()
    first.close()
    eventually(lambda: function_ids(caller, name) == [f"{name}::f"], "the first worker is cleaned up")
    call = caller.invoke(f"{name}::f", {})
    second.answer_next("second")
    assert caller.result_of(call)["result"] == "second"


def test_12_foreign_unregister_has_no_effect(raw, name):
    owner, stranger = raw(), raw()
    owner.register_function(f"{name}::f")
    owner.pending_messages()
    stranger.send({"type": "unregisterfunction", "id": f"{name}::f"})
    assert function_ids(stranger, name) == [f"{name}::f"]


def test_12_reattach_evicts_before_the_replay(raw, name):
    old, new, caller = raw(), raw(), raw()
    old.register_function(f"{name}::f")
    old.pending_messages()
    call = caller.invoke(f"{name}::f", {})
    old.receive_type("invokefunction")
    new.send({"type": "reattach", "previous_worker_id": old.worker_id, "reattach_token": old.reattach_token})
    new.register_function(f"{name}::f")
    new.pending_messages()
    assert caller.result_of(call)["error"]["code"] == "invocation_stopped"
    old.drop_code()
    call = caller.invoke(f"{name}::f", {})
    new.answer_next("new")
    assert caller.result_of(call)["result"] == "new"


@pytest.mark.parametrize("token", [None, "", "wrong", "00000000-0000-4000-8000-000000000000"])
def test_12_reattach_needs_the_token(raw, name, token):
    victim, stranger = raw(), raw()
    victim.register_function(f"{name}::f")
    victim.pending_messages()
    frame = {"type": "reattach", "previous_worker_id": victim.worker_id}
    stranger.send(frame if token is None else {**frame, "reattach_token": token})
    assert function_ids(stranger, name) == [f"{name}::f"]
    assert victim.pending_messages() == []


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


# 15


@pytest.mark.parametrize("pieces", [2, 20])
def test_15_fragmented_message_is_reassembled(raw, pieces):
    worker = raw()
    payload = json.dumps({"type": "ping", "padding": "ä" * (10 << 20)}, ensure_ascii=False).encode()
    step = len(payload) // pieces + 1
    parts = [payload[start : start + step] for start in range(0, len(payload), step)]
    for index, part in enumerate(parts):
        worker.send_frame(CONTINUATION if index else TEXT, part, final=index == len(parts) - 1)
    assert worker.receive() == {"type": "pong"}


def test_15_more_than_64_mib_is_refused(raw, bystander):
    worker = raw()
    part = b"x" * (8 << 20)
    try:
        worker.send_frame(TEXT, b'{"type":"ping","padding":"', final=False)
        for _ in range(9):
            worker.send_frame(CONTINUATION, part, final=False)
    except OSError:
        pass  # the engine hung up while we were still writing
    assert worker.drop_code() not in NORMAL_CLOSES
    bystander.check()


def test_15_largest_message_works(raw):
    worker = raw()
    payload = b'{"type":"ping","padding":"' + b"x" * ((64 << 20) - 28) + b'"}'
    assert len(payload) == 64 << 20
    step = 8 << 20
    for start in range(0, len(payload), step):
        last = start + step == len(payload)
        worker.send_frame(CONTINUATION if start else TEXT, payload[start : start + step], final=last)
    assert worker.receive() == {"type": "pong"}
