"""What SDK 0.25 sends beyond 0.22 (protocol.md §14): accepted, ignored, and honestly not advertised."""

from __future__ import annotations

import pytest

from support.sdk import RELEASE

if RELEASE < (0, 25):
    pytest.skip("SDK 0.25 only", allow_module_level=True)

from iii import ObserveRejection  # noqa: E402


def test_namespace_is_accepted_and_ignored(connect, prefix):
    inside, outside = connect(namespace="shop"), connect()
    inside.function(f"{prefix}::f", lambda data: "served")
    assert inside.trigger(f"{prefix}::f", {}) == "served"
    assert outside.trigger(f"{prefix}::f", {}) == "served"
    assert outside.trigger(f"{prefix}::f", {}, namespace="another") == "served"


def test_observe_is_unsupported(worker, prefix):
    worker.function(f"{prefix}::source", lambda data: 1)
    worker.function(f"{prefix}::target", lambda data: 1)
    handle = worker.client.observe({"function_id": f"{prefix}::source"}, f"{prefix}::target")
    with pytest.raises(ObserveRejection) as caught:
        handle.ready(30)
    assert caught.value.code == "UNSUPPORTED"
    assert handle.state == "error"
    assert worker.trigger(f"{prefix}::source", {}) == 1


def test_observable_function_is_an_ordinary_one(worker, prefix):
    worker.function(f"{prefix}::f", lambda data: 1, observe={"on_observer_added": lambda observer: None})
    assert worker.trigger(f"{prefix}::f", {}) == 1


def test_self_call_goes_through_the_engine(worker, prefix):
    worker.function(f"{prefix}::f", lambda data: data["_caller_worker_id"])
    assert worker.trigger(f"{prefix}::f", {}), "only the engine adds the caller's id"


def test_explicit_null_result(worker, prefix):
    worker.function(f"{prefix}::f", lambda data: None)
    assert worker.trigger(f"{prefix}::f", {}) is None


def test_address_and_token_from_the_environment(shared_engine, monkeypatch):
    from iii import register_worker

    monkeypatch.setenv("III_URL", shared_engine.url)
    monkeypatch.setenv("III_TOKEN", "secret")
    client = register_worker()
    try:
        assert client.trigger({"function_id": "state::list", "payload": {"scope": "none"}}) == []
    finally:
        client.shutdown()
