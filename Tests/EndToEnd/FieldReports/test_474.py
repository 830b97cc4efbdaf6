"""iii-hq/iii#474: a stopped worker's functions stayed registered.

Here everything that it registered is gone, in one step, the moment its connection is gone: functions, triggers, its row and
its subscriptions to streams.
"""

from __future__ import annotations

import pytest

from support.engine import PATIENCE_SECONDS, Engine
from support.entries import STATE, STREAM, STREAMS
from support.httpclient import request_json
from support.rawsocket import CallFailed, RawSocket, RawWorker
from support.waiting import eventually

PREFIX = "leaving"
FUNCTION = f"{PREFIX}::f"
TRIGGERS = 5


def glance(observer: RawWorker) -> dict[str, bool]:
    """What is there of the worker; asked in this order, in one go."""
    calls = {
        "function": observer.invoke("engine::functions::list", {"prefix": FUNCTION}),
        "triggers": observer.invoke("engine::registered-triggers::list", {"function_id": FUNCTION}),
        "row": observer.invoke("engine::workers::list", {"search": PREFIX}),
    }
    results = {what: observer.result_of(call)["result"] for what, call in calls.items()}
    return {what: any(isinstance(rows, list) and rows for rows in result.values()) for what, result in results.items()}


def join(port: int) -> tuple[RawSocket, str]:
    """Subscribes; returns what the engine said to it."""
    socket = RawSocket(port)
    socket.send({"type": "join", "data": {"subscriptionId": "s", "streamName": STREAM, "groupId": PREFIX}})
    return socket, socket.receive()["event"]["type"]


def can_join(engine: Engine) -> bool:
    socket, answer = join(engine.stream_port)
    socket.close()
    return answer == "sync"


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_474_gone_with_its_connection(engine_factory, run_worker, how):
    """Killed, or stopped as its SDK does it."""
    # One place for a subscriber, so that another one shows that the first is gone.
    engine = engine_factory(stream="max_subscriptions: 1").start()
    worker = run_worker("registrant.py", engine.url, engine.stream_port, PREFIX)
    assert worker.stdout.readline() == "ready\n"
    observer = RawWorker(engine.worker_port)
    assert glance(observer) == {"function": True, "triggers": True, "row": True}
    assert len(observer.live_triggers(FUNCTION)) == TRIGGERS
    assert observer.call(FUNCTION, {}) == "served"
    assert not can_join(engine), "the worker has the only place"

    getattr(worker, how)()
    eventually(lambda: not (seen := glance(observer))["function"] and not any(seen.values()), "it's gone")
    assert worker.wait(PATIENCE_SECONDS) in (0, -9)
    with pytest.raises(CallFailed) as caught:
        observer.call(FUNCTION, {})
    assert caught.value.code == "function_not_found"
    assert request_json(engine.http_port, "POST", f"/{PREFIX}", {}).status == 404
    # What its triggers stood for happens without them.
    for entries in (STATE, STREAMS):
        assert observer.call(*entries.set(PREFIX, "k", 1))["new_value"] == 1
    observer.call("publish", {"topic": PREFIX, "data": 1})
    eventually(lambda: can_join(engine), "its subscription is gone")
    engine.stop()


@pytest.mark.parametrize("attempt", range(3))
def test_474_in_one_step(engine_factory, run_worker, attempt):
    """Nobody ever sees the function gone and its triggers or its row still there."""
    engine = engine_factory(stream="").start()
    worker = run_worker("registrant.py", engine.url, engine.stream_port, PREFIX)
    assert worker.stdout.readline() == "ready\n"
    observer = RawWorker(engine.worker_port)
    worker.kill()
    while (seen := glance(observer))["function"]:
        pass  # `eventually` would look too rarely
    assert not any(seen.values()), seen
    engine.stop()
