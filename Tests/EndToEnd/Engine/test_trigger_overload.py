"""Triggers whose handlers or conditions don't keep up: bounded, counted in the log, and nobody else's problem."""

from __future__ import annotations

import json
import time

import pytest

from support.rawsocket import TEXT, Bystander, RawWorker, encode_frame
from support.waiting import eventually

# Bounds of one trigger (docs/pubsub.md).
CALLS_IN_FLIGHT = 65_536
WAITING = 10_000
STALL_SECONDS = 5.0


def void_frames(function_id: str, payloads: list) -> bytes:
    """Calls that nobody waits for."""
    head = {"type": "invokefunction", "function_id": function_id, "action": {"type": "void"}}
    return b"".join(encode_frame(TEXT, json.dumps({**head, "data": data}).encode()) for data in payloads)


def publications(topic: str, count: int) -> bytes:
    return void_frames("publish", [{"topic": topic, "data": number} for number in range(count)])


def writes(scope: str, count: int) -> bytes:
    return void_frames("state::set", [{"scope": scope, "key": "k", "value": number} for number in range(count)])


# trigger type, config, calls that fire it n times, the number that an event carries
SOURCES = [
    pytest.param("subscribe", {"topic": "t"}, lambda count: publications("t", count), lambda data: data, id="subscribe"),
    pytest.param("state", {"scope": "t"}, lambda count: writes("t", count), lambda data: data["new_value"], id="state"),
]


def bind(engine, kind: str, function_id: str, config: dict) -> RawWorker:
    worker = RawWorker(engine.worker_port)
    worker.register_function(function_id)
    worker.register_trigger(kind, function_id, config)
    worker.pending_messages()
    return worker


def next_call(worker: RawWorker) -> dict:
    return worker.receive_type("invokefunction")


@pytest.mark.parametrize(("kind", "config", "frames", "number"), SOURCES)
def test_a_handler_that_never_answers(engine_factory, kind, config, frames, number):
    """What it hasn't answered and what waits behind that is bounded; what waited comes in order once it answers."""
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    hanging = bind(engine, kind, "hangs", config)
    producer = RawWorker(engine.worker_port)
    count = CALLS_IN_FLIGHT + WAITING + 5000
    producer.send_bytes(frames(count))
    calls = [next_call(hanging) for _ in range(CALLS_IN_FLIGHT)]
    producer.pending_messages()
    assert others.slowest_check(0.5) < STALL_SECONDS
    assert hanging.pending_messages() == [], "the others wait"
    assert "trigger event dropped: its handler doesn't keep up" in engine.log()
    for call in calls:
        hanging.answer(call, None)
    waited = [next_call(hanging) for _ in range(WAITING)]
    assert [number(call["data"]) for call in waited] == list(range(CALLS_IN_FLIGHT, CALLS_IN_FLIGHT + WAITING))
    assert hanging.pending_messages() == [], "the last 5000 were dropped"
    assert engine.resident_bytes() < 500 << 20
    others.check()
    engine.stop()


@pytest.mark.parametrize(("kind", "config", "frames", "number"), SOURCES)
def test_a_condition_that_never_answers(engine_factory, kind, config, frames, number):
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    judge = RawWorker(engine.worker_port)
    judge.register_function("judge")
    judge.pending_messages()
    asking = bind(engine, kind, "asks", {**config, "condition_function_id": "judge"})
    quick = bind(engine, kind, "quick", config)
    producer = RawWorker(engine.worker_port)
    producer.send_bytes(frames(WAITING + 1000))
    for expected in range(WAITING + 1000):
        assert number(quick.answer_next(None)["data"]) == expected
    assert "trigger event dropped: its condition doesn't keep up" in engine.log()
    assert number(next_call(judge)["data"]) == 0 and judge.pending_messages() == []
    assert asking.pending_messages() == []
    # The judge is lost with everything behind it: all is skipped, and the next event is judged by its successor.
    judge.close()
    successor = RawWorker(engine.worker_port)
    successor.register_function("judge")
    successor.pending_messages()
    others.check()
    producer.send_bytes(frames(1))
    assert number(successor.answer_next(True)["data"]) == 0
    assert number(asking.answer_next(None)["data"]) == 0
    engine.stop()


def test_a_subscriber_that_never_reads(engine_factory):
    """200 MB for it are published. It costs what one connection may hold, and the reading subscriber gets everything."""
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    stuck = bind(engine, "subscribe", "stuck", {"topic": "t"})
    quick = bind(engine, "subscribe", "quick", {"topic": "t"})
    producer = RawWorker(engine.worker_port)
    text = "x" * 100_000
    slowest = 0.0
    for number in range(2000):
        producer.send_bytes(void_frames("publish", [{"topic": "t", "data": [number, text]}]))
        before = time.monotonic()
        assert quick.answer_next(None)["data"][0] == number
        slowest = max(slowest, time.monotonic() - before)
    assert slowest < STALL_SECONDS
    assert engine.resident_bytes() < 600 << 20
    assert "is behind with reading" in engine.log()
    others.check()
    stuck.close()
    engine.stop()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("subscribe", {"topic": "t"}),
        ("state", {"scope": "t"}),
        ("stream", {"stream_name": "t"}),
        ("stream:join", {}),
    ],
)
def test_a_worker_with_many_triggers_leaves(engine_factory, kind, config):
    """As many on one topic, scope or stream as a connection may have. The engine once searched its list for each of
    them: it answered nobody for more than a minute."""
    engine = engine_factory(extra="  - name: iii-stream\n    config: {host: 127.0.0.1, port: 0}\n").start()
    others = Bystander(engine.worker_port)
    crowd = RawWorker(engine.worker_port)
    frame = {"type": "registertrigger", "trigger_type": kind, "function_id": "nobody", "config": config}
    frames = [encode_frame(TEXT, json.dumps({**frame, "id": str(number)}).encode()) for number in range(65_536)]
    crowd.send_bytes(b"".join(frames))
    crowd.pending_messages()
    assert len(others.caller.live_triggers("nobody")) == 65_536
    crowd.close()
    assert others.slowest_check(1) < STALL_SECONDS
    eventually(lambda: not others.caller.live_triggers("nobody"), "all are gone")
    engine.stop()
