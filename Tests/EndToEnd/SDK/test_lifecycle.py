"""Restarts of the engine, workers that come, go, die and take over (protocol.md §5-§8)."""

from __future__ import annotations

import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading

import pytest

from support.engine import PATIENCE_SECONDS
from support.httpclient import request_json
from support.sdk import InvocationError, Worker
from support.waiting import eventually

SLEEPER = pathlib.Path(__file__).parents[1] / "workers" / "sleeper.py"


def counter(worker: Worker, prefix: str) -> None:
    """An HTTP route that counts in state."""

    async def count(data):
        answer = await worker.client.trigger_async(
            {
                "function_id": "state::update",
                "payload": {"scope": prefix, "key": "n", "ops": [{"type": "increment", "path": "", "by": 1}]},
            }
        )
        return {"status_code": 200, "body": answer["new_value"]}

    worker.function(f"{prefix}::count", count)
    worker.bind("http", f"{prefix}::count", {"api_path": f"{prefix}/count", "http_method": "POST"})


def test_reconnect_after_the_engine_was_killed(engine_factory, connect, prefix):
    """SIGKILL and a new start: the worker returns by itself, its registrations too, and what was acknowledged is there."""
    engine = engine_factory().start()
    worker = connect(engine=engine)
    counter(worker, prefix)
    events: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", events.put)
    worker.bind("state", f"{prefix}::on", {"scope": prefix})

    def ask():
        return request_json(engine.http_port, "POST", f"/{prefix}/count", {})

    assert ask().json == 1
    events.get(timeout=PATIENCE_SECONDS)
    for expected in (2, 3, 4):
        engine.restart()

        def served():
            response = ask()
            return response if response.status == 200 else None

        assert eventually(served, "the worker is back").json == expected
        event = events.get(timeout=PATIENCE_SECONDS)
        assert (event["old_value"], event["new_value"]) == (expected - 1, expected)
    assert worker.trigger("state::get", {"scope": prefix, "key": "n"}) == 4


def test_reconnect_after_a_graceful_restart(engine_factory, connect, prefix):
    engine = engine_factory().start()
    worker = connect(engine=engine)
    counter(worker, prefix)
    assert request_json(engine.http_port, "POST", f"/{prefix}/count", {}).json == 1
    engine.stop()
    engine.start()

    def count():
        response = request_json(engine.http_port, "POST", f"/{prefix}/count", {})
        return response.json if response.status == 200 else None

    assert eventually(count, "the worker is back") == 2


def test_call_made_while_the_engine_is_away(engine_factory, connect, prefix):
    """The SDK queues it and sends it after its registrations."""
    engine = engine_factory().start()
    worker = connect(engine=engine)
    worker.function(f"{prefix}::echo", lambda data: data["n"])
    engine.kill()
    eventually(lambda: worker.client._ws is None, "the client noticed")
    answers: queue.Queue = queue.Queue()
    thread = threading.Thread(target=lambda: answers.put(worker.trigger(f"{prefix}::echo", {"n": 3})))
    thread.start()
    engine.start()
    assert answers.get(timeout=PATIENCE_SECONDS) == 3
    thread.join(PATIENCE_SECONDS)


def test_calls_between_two_workers(connect, prefix):
    one, two = connect(), connect()
    one.function(f"{prefix}::one", lambda data: {"from": "one", "caller": data["_caller_worker_id"]})
    two.function(f"{prefix}::two", lambda data: one.trigger(f"{prefix}::one", {}))
    answer = two.trigger(f"{prefix}::one", {})
    assert answer["from"] == "one"
    nested = one.trigger(f"{prefix}::two", {})
    assert nested["caller"] != answer["caller"], "each call names its own caller"


def test_last_registration_of_an_id_wins(connect, prefix):
    first, second, caller = connect(), connect(), connect()
    first.function(f"{prefix}::f", lambda data: "first")
    assert caller.trigger(f"{prefix}::f", {}) == "first"
    second.client.register_function(f"{prefix}::f", lambda data: "second")
    eventually(lambda: caller.trigger(f"{prefix}::f", {}) == "second", "the second worker has taken over")
    first.close()  # the previous owner's leaving has no effect
    eventually(lambda: not caller.trigger("engine::workers::list", {"search": first.name})["workers"], "it's gone")
    assert caller.trigger(f"{prefix}::f", {}) == "second"


def test_everything_of_a_worker_goes_with_it(connect, prefix):
    leaving, staying = connect(), connect()
    leaving.function(f"{prefix}::f", lambda data: None)
    leaving.bind("state", f"{prefix}::f", {"scope": prefix})
    name = leaving.name
    eventually(lambda: staying.trigger("engine::workers::list", {"search": name})["workers"], "it's listed")
    leaving.close()
    eventually(lambda: not staying.is_registered(f"{prefix}::f"), "its function is gone")
    assert staying.trigger_ids(f"{prefix}::f") == []
    eventually(lambda: not staying.trigger("engine::workers::list", {"search": name})["workers"], "its row is gone")


@pytest.fixture
def sleeper(shared_engine, connect, prefix):
    """A worker process whose function reports that it was called and then never answers."""
    process = subprocess.Popen([sys.executable, str(SLEEPER), shared_engine.url, prefix])
    observer = connect()
    eventually(lambda: observer.is_registered(f"{prefix}::sleep"), "the sleeper is there")
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE_SECONDS)


def test_vector_22_worker_killed_during_a_call(shared_engine, sleeper, worker, prefix):
    eventually(lambda: worker.trigger_ids(f"{prefix}::sleep"), "its route is there")
    started: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::started", started.put)
    outcomes: queue.Queue = queue.Queue()

    def call():
        try:
            outcomes.put(worker.trigger(f"{prefix}::sleep", {}))
        except InvocationError as error:
            outcomes.put(error)

    def ask():
        outcomes.put(request_json(shared_engine.http_port, "POST", f"/{prefix}/sleep", {}))

    for action in (call, ask):
        threading.Thread(target=action).start()
        started.get(timeout=PATIENCE_SECONDS)
    os.kill(sleeper.pid, signal.SIGKILL)
    for outcome in [outcomes.get(timeout=PATIENCE_SECONDS) for _ in range(2)]:
        if isinstance(outcome, InvocationError):
            assert (outcome.code, outcome.message) == ("invocation_stopped", "Invocation stopped")
        else:
            error = outcome.json["error"]
            assert (outcome.status, error["code"]) == (500, "invocation_stopped")
            assert error["message"] == "Invocation stopped" and error["error_id"]


def test_worker_with_telemetry_on(shared_engine, connect, prefix):
    """The SDK's default: a second socket on /otel that carries traces, metrics and logs."""
    environment = {**os.environ, "OTEL_ENABLED": "true"}
    process = subprocess.Popen([sys.executable, str(SLEEPER), shared_engine.url, prefix], env=environment)
    try:
        observer = connect()
        eventually(lambda: observer.is_registered(f"{prefix}::echo"), "the worker is there")
        for n in range(20):
            assert observer.trigger(f"{prefix}::echo", {"n": n})["n"] == n
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
