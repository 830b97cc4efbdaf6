"""engine::functions, triggers, registered-triggers and workers through an unmodified SDK (engine-functions.md §3-§6)."""

from __future__ import annotations

import os
import queue

import pytest

from support.engine import PATIENCE_SECONDS
from support.sdk import RELEASE, VERSION, InvocationError
from support.waiting import eventually


@pytest.fixture
def shop(worker, prefix):
    """A worker with a described function and a trigger."""
    worker.function(
        f"{prefix}::create",
        lambda data: None,
        description="Creates an ordér",
        metadata={"public": True},
        request_format={"type": "object", "properties": {"sku": {"type": "string"}}},
        response_format={"type": "object"},
    )
    worker.bind("state", f"{prefix}::create", {"scope": prefix, "key": "k" * 100})
    return worker


def test_functions_list_row(shop, prefix):
    rows = shop.trigger("engine::functions::list", {"prefix": f"{prefix}::"})["functions"]
    expected = {"function_id": f"{prefix}::create", "worker_name": shop.name, "description": "Creates an ordér"}
    assert [{key: rows[0][key] for key in expected}] == [expected]
    assert rows[0]["metadata"] == {"public": True}


def test_functions_list_filters(shop, prefix):
    shop.function(f"{prefix}::a", lambda data: None)

    def ids(**arguments) -> list[str]:
        rows = shop.trigger("engine::functions::list", arguments)["functions"]
        return [row["function_id"] for row in rows]

    mine = [f"{prefix}::a", f"{prefix}::create"]
    assert ids(prefix=prefix) == mine
    assert ids(worker=shop.name) == mine
    assert ids(search=f"{prefix.upper()}::CRE") == [f"{prefix}::create"]
    assert ids(search="ordér", prefix=prefix) == [f"{prefix}::create"]
    assert ids(worker="no such worker") == []
    assert "state::set" in ids() and not [i for i in ids() if i.startswith("engine::") and "::queue::" not in i]
    assert "engine::functions::list" in ids(include_internal=True)


def test_functions_info(shop, prefix):
    info = shop.trigger("engine::functions::info", {"function_id": f"{prefix}::create"})
    assert info["function_id"] == f"{prefix}::create"
    assert info["request_schema"]["properties"] == {"sku": {"type": "string"}}
    assert info["response_schema"]["type"] == "object"
    (trigger,) = info["registered_triggers"]
    assert (trigger["trigger_type"], trigger["config"]) == ("state", {"scope": prefix, "key": "k" * 100})


def test_functions_info_of_an_unknown_function(worker, prefix):
    with pytest.raises(InvocationError) as caught:
        worker.trigger("engine::functions::info", {"function_id": f"{prefix}::x"})
    assert (caught.value.code, caught.value.message) == ("NOT_FOUND", f"Function '{prefix}::x' is not registered.")


def test_functions_info_batch(shop, prefix):
    ids = [f"{prefix}::create", f"{prefix}::x", f"{prefix}::create"]
    found, missing = shop.trigger("engine::functions::info", {"function_ids": ids})["functions"]
    assert found["worker_name"] == shop.name
    assert missing == {"function_id": f"{prefix}::x", "error": "not_found"}


def test_trigger_types(worker):
    rows = {row["id"]: row for row in worker.trigger("engine::triggers::list", {})["triggers"]}
    assert rows["http"]["description"] == "HTTP API trigger"
    assert {"http", "state"} <= set(rows)
    assert rows["state"]["worker_name"] == "iii-state"
    assert list(rows) == sorted(rows) and not any(name.startswith("engine::") for name in rows)
    internal = worker.trigger("engine::triggers::list", {"include_internal": True})["triggers"]
    assert {"engine::functions-available", "engine::workers-available"} <= {row["id"] for row in internal}


def test_trigger_type_info(worker):
    info = worker.trigger("engine::triggers::info", {"id": "http"})
    assert info["configuration_schema"]["required"] == ["api_path"]
    assert "response_schema" in info and info["instance_count"] >= 0
    with pytest.raises(InvocationError) as caught:
        worker.trigger("engine::triggers::info", {"id": "nope"})
    assert (caught.value.code, caught.value.message) == ("NOT_FOUND", "Trigger type 'nope' is not registered.")


def test_registered_triggers(shop, prefix):
    (row,) = shop.trigger("engine::registered-triggers::list", {"function_id": f"{prefix}::create"})[
        "registered_triggers"
    ]
    assert (row["trigger_type"], row["worker_name"]) == ("state", shop.name)
    assert len(row["config_summary"]) == 81 and row["config_summary"].endswith("…")
    info = shop.trigger("engine::registered-triggers::info", {"id": row["id"]})
    assert info["trigger"]["id"] == "state" and info["function"]["function_id"] == f"{prefix}::create"
    with pytest.raises(InvocationError) as caught:
        shop.trigger("engine::registered-triggers::info", {"id": prefix})
    assert caught.value.message == f"Registered trigger '{prefix}' was not found."


def test_register_and_unregister_trigger_functions(worker, connect, prefix):
    """Triggers made through the function have no owner: they outlive the worker that asked for them."""
    received: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", received.put)
    asking = connect()
    arguments = {"trigger_type": "state", "function_id": f"{prefix}::on", "config": {"scope": prefix}}
    trigger_id = asking.trigger("engine::register_trigger", arguments)["id"]
    name = asking.name
    asking.close()
    eventually(lambda: not worker.trigger("engine::workers::list", {"search": name})["workers"], "it's gone")
    worker.trigger("state::set", {"scope": prefix, "key": "k", "value": 1})
    assert received.get(timeout=PATIENCE_SECONDS)["key"] == "k"
    assert worker.trigger("engine::unregister_trigger", {"id": trigger_id}) == {"removed": True}
    assert worker.trigger("engine::unregister_trigger", {"id": trigger_id}) == {"removed": False}


def test_workers_list_row(worker, prefix):
    worker.function(f"{prefix}::f", lambda data: None)
    row = eventually(worker.row, "the worker is listed")
    assert row["runtime"] == "python" and row["version"] == VERSION
    assert row["os"].startswith("Linux") and row["status"] == "connected"
    assert row["ip_address"] == "127.0.0.1" and row["connected_at_ms"] > 1_700_000_000_000
    assert row["function_count"] == 1


def test_in_process_workers_are_listed(worker):
    rows = {row["name"]: row for row in worker.trigger("engine::workers::list", {})["workers"]}
    for name in ("iii-state", "iii-http", "iii-engine-functions"):
        assert (rows[name]["runtime"], rows[name]["status"]) == ("engine", "available")
        assert rows[name]["isolation"] == "in-process"


def test_workers_info(shop, prefix):
    eventually(shop.row, "the worker is listed")
    info = shop.trigger("engine::workers::info", {"name": shop.name})
    assert info["worker"]["pid"] == os.getpid() and info["worker"]["internal"] is False
    assert [row["function_id"] for row in info["functions"]] == [f"{prefix}::create"]
    assert [row["trigger_type"] for row in info["registered_triggers"]] == ["state"]
    with pytest.raises(InvocationError) as caught:
        shop.trigger("engine::workers::info", {"name": "nobody"})
    assert (caught.value.code, caught.value.message) == ("NOT_FOUND", "Worker 'nobody' is not connected.")


def test_worker_description(connect):
    if RELEASE < (0, 20):
        pytest.skip("descriptions came with SDK 0.20")
    worker = connect(worker_description="Does \u202ethings\n")
    assert eventually(worker.row, "the worker is listed")["description"] == "Does things"


def test_workers_available_trigger(worker, connect, prefix):
    events: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", events.put)
    worker.bind("engine::workers-available", f"{prefix}::on", {})
    other = connect()
    other.trigger("state::list", {"scope": prefix})
    other.close()
    names, worker_id = [], None
    while "worker_disconnected" not in names:
        event = events.get(timeout=PATIENCE_SECONDS)
        worker_id = worker_id or event["worker_id"]
        if event["worker_id"] == worker_id:
            names.append(event["event"])
    assert names == ["worker_connected", "worker_metadata_updated", "worker_disconnected"]


def test_functions_available_trigger(worker, prefix):
    events: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", events.put)
    worker.bind("engine::functions-available", f"{prefix}::on", {})
    worker.function(f"{prefix}::new", lambda data: None)
    while True:
        event = events.get(timeout=PATIENCE_SECONDS)
        assert event["event"] == "functions_changed"
        if f"{prefix}::new" in [row["function_id"] for row in event["functions"]]:
            break
