"""The minimal conformance checklist of protocol.md §16, without an SDK: connections, control frames, frames that are ignored, fragments."""

from __future__ import annotations

import json

import pytest

from support.identifiers import UUID
from support.rawsocket import CONTINUATION, PING, PONG, TEXT, Dropped, RawSocket, RawWorker


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


# 04

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
