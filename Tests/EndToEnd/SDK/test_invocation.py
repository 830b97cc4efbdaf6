"""Register, invoke, fail, forget: protocol.md §4, §9 through an unmodified SDK."""

from __future__ import annotations

import asyncio
import queue
import threading
import time

import pytest

from support.engine import PATIENCE_SECONDS
from support.sdk import HAS_METADATA, RECEIVES_LARGE_MESSAGES, RELEASE, InvocationError
from support.waiting import eventually


@pytest.mark.parametrize(
    "payload",
    [{}, {"a": 1}, [1, 2], "text", 7, 1.5, True, {"deep": [{"x": None}]}, {"ключ": "😀\u0000\u2028"}],
    ids=repr,
)
def test_result_is_what_the_handler_returned(worker, prefix, payload):
    worker.function(f"{prefix}::echo", lambda data: {"echo": data})
    echoed = worker.trigger(f"{prefix}::echo", payload)["echo"]
    if isinstance(echoed, dict):
        assert echoed.pop("_caller_worker_id"), "object payloads carry the caller"
    assert echoed == payload


def test_payload_left_out_arrives_as_null(worker, prefix):
    worker.function(f"{prefix}::echo", lambda data: {"is_null": data is None})
    assert worker.trigger(f"{prefix}::echo") == {"is_null": True}


def test_handler_without_a_result(worker, prefix):
    worker.function(f"{prefix}::nothing", lambda data: None)
    assert worker.trigger(f"{prefix}::nothing", {}) is None


def test_async_handler(worker, prefix):
    async def handler(data):
        await asyncio.sleep(0)
        return data["n"] + 1

    worker.function(f"{prefix}::inc", handler)
    assert worker.trigger(f"{prefix}::inc", {"n": 1}) == 2


def test_nested_invocation(worker, prefix):
    worker.function(f"{prefix}::leaf", lambda data: data["n"] * 2)
    worker.function(f"{prefix}::middle", lambda data: worker.trigger(f"{prefix}::leaf", {"n": data["n"] + 1}))
    worker.function(f"{prefix}::root", lambda data: worker.trigger(f"{prefix}::middle", {"n": data["n"]}) + 1)
    assert worker.trigger(f"{prefix}::root", {"n": 4}) == 11


def test_many_invocations_at_once_keep_their_results(worker, prefix):
    worker.function(f"{prefix}::echo", lambda data: data["n"])

    async def all_at_once():
        calls = [worker.client.trigger_async({"function_id": f"{prefix}::echo", "payload": {"n": n}}) for n in range(300)]
        return await asyncio.gather(*calls)

    future = asyncio.run_coroutine_threadsafe(all_at_once(), worker.client._loop)
    assert future.result(PATIENCE_SECONDS) == list(range(300))


def test_error_of_a_handler(worker, prefix):
    def fail(data):
        raise ValueError("boom: ünïcode")

    worker.function(f"{prefix}::fail", fail)
    with pytest.raises(InvocationError) as caught:
        worker.trigger(f"{prefix}::fail", {})
    error = caught.value
    assert type(error).__name__ == ("IIIInvocationError" if RELEASE < (0, 20) else "InvocationError")
    assert (error.code, error.message) == ("invocation_failed", "boom: ünïcode")
    assert str(error) == "invocation_failed: boom: ünïcode"
    assert error.function_id == f"{prefix}::fail"
    assert "ValueError" in error.stacktrace and "in fail" in error.stacktrace


def test_error_passes_through_a_nested_call(worker, prefix):
    def fail(data):
        raise KeyError("inner")

    worker.function(f"{prefix}::inner", fail)
    worker.function(f"{prefix}::outer", lambda data: worker.trigger(f"{prefix}::inner", {}))
    with pytest.raises(InvocationError) as caught:
        worker.trigger(f"{prefix}::outer", {})
    assert caught.value.code == "invocation_failed" and "inner" in caught.value.message


def test_unknown_function(worker, prefix):
    with pytest.raises(InvocationError) as caught:
        worker.trigger(f"{prefix}::missing", {})
    assert (caught.value.code, caught.value.message) == ("function_not_found", f"Function {prefix}::missing not found")


def test_function_is_gone_after_unregister(worker, prefix):
    reference = worker.function(f"{prefix}::gone", lambda data: 1)
    assert worker.trigger(f"{prefix}::gone", {}) == 1
    reference.unregister()
    eventually(lambda: not worker.is_registered(f"{prefix}::gone"), "the function is gone")
    with pytest.raises(InvocationError) as caught:
        worker.trigger(f"{prefix}::gone", {})
    assert caught.value.code == "function_not_found"


def test_caller_times_out_and_a_late_result_hurts_nobody(worker, prefix):
    release = threading.Event()
    worker.function(f"{prefix}::slow", lambda data: release.wait(PATIENCE_SECONDS))
    with pytest.raises(InvocationError) as caught:
        worker.trigger(f"{prefix}::slow", {}, timeout_ms=200)
    assert caught.value.code == "TIMEOUT"
    release.set()
    worker.function(f"{prefix}::next", lambda data: "fine")
    assert worker.trigger(f"{prefix}::next", {}) == "fine"


def test_void_call_runs_and_returns_nothing(worker, prefix):
    seen: queue.Queue[int] = queue.Queue()
    worker.function(f"{prefix}::note", lambda data: seen.put(data["n"]))
    worker.void(f"{prefix}::note", {"n": 5})
    assert seen.get(timeout=PATIENCE_SECONDS) == 5


def test_void_calls_arrive_in_order(worker, prefix):
    seen: queue.Queue[int] = queue.Queue()

    async def note(data):
        seen.put(data["n"])

    worker.function(f"{prefix}::note", note)
    for n in range(100):
        worker.void(f"{prefix}::note", {"n": n})
    assert [seen.get(timeout=PATIENCE_SECONDS) for _ in range(100)] == list(range(100))


def test_void_call_of_a_missing_function_is_silent(worker, prefix):
    worker.void(f"{prefix}::missing", {"n": 5})
    assert worker.trigger("state::list", {"scope": prefix}) == []


@pytest.mark.skipif(not HAS_METADATA, reason="metadata came with SDK 0.21")
def test_metadata_reaches_handlers_that_ask_for_it(worker, prefix):
    def handler(data, metadata=None):
        return {"data": data["n"], "metadata": metadata}

    worker.function(f"{prefix}::meta", handler)
    assert worker.trigger(f"{prefix}::meta", {"n": 1}, metadata={"request": "r-1"}) == {
        "data": 1,
        "metadata": {"request": "r-1"},
    }
    assert worker.trigger(f"{prefix}::meta", {"n": 2}) == {"data": 2, "metadata": None}


def test_payload_of_900_kib(worker, prefix):
    worker.function(f"{prefix}::echo", lambda data: data["text"])
    text = "x" * 900_000
    assert worker.trigger(f"{prefix}::echo", {"text": text}) == text


@pytest.mark.skipif(not RECEIVES_LARGE_MESSAGES, reason="this SDK drops connections that bring more than 1 MiB")
@pytest.mark.parametrize("mebibytes", [3, 17, 40])
def test_large_payload_both_ways(worker, prefix, mebibytes):
    worker.function(f"{prefix}::echo", lambda data: data["text"])
    text = "ä" * (mebibytes << 19)
    assert worker.trigger(f"{prefix}::echo", {"text": text}) == text


@pytest.mark.skipif(RECEIVES_LARGE_MESSAGES, reason="for SDKs that can send more than they can receive")
def test_large_payload_one_way(worker, prefix):
    value = "ä" * (3 << 19)
    worker.void("state::set", {"scope": prefix, "key": "large", "value": value})
    worker.void("state::update", {"scope": prefix, "key": "large", "ops": [{"type": "set", "path": "", "value": 1}]})
    assert eventually(lambda: worker.trigger("state::list", {"scope": prefix}), "the value is there") == [1]


@pytest.mark.skipif(RECEIVES_LARGE_MESSAGES, reason="for SDKs that close at 1 MiB")
def test_worker_that_refuses_a_large_message_comes_back(connect, prefix):
    """A message of more than 1 MiB makes SDK <= 0.22 close with 1009. The caller sees it, and the worker returns."""
    callee, caller = connect(), connect()
    callee.function(f"{prefix}::echo", lambda data: len(data["text"]))
    with pytest.raises(InvocationError) as caught:
        caller.trigger(f"{prefix}::echo", {"text": "x" * (2 << 20)})
    assert caught.value.code == "invocation_stopped"
    eventually(lambda: caller.is_registered(f"{prefix}::echo"), "the worker has reconnected")
    assert caller.trigger(f"{prefix}::echo", {"text": "xyz"}) == 3


def test_result_order_follows_readiness_not_request(worker, prefix):
    first_may_end = threading.Event()
    worker.function(f"{prefix}::first", lambda data: first_may_end.wait(PATIENCE_SECONDS) and "first")
    worker.function(f"{prefix}::second", lambda data: "second")
    finished: list[str] = []
    thread = threading.Thread(target=lambda: finished.append(worker.trigger(f"{prefix}::first", {})))
    thread.start()
    finished.append(worker.trigger(f"{prefix}::second", {}))
    time.sleep(0.01)
    first_may_end.set()
    thread.join(PATIENCE_SECONDS)
    assert finished == ["second", "first"]
