"""The minimal conformance checklist of protocol.md §16, without an SDK: triggers, their providers, ownership and reattach."""

from __future__ import annotations

import pytest

from support.waiting import eventually


# 10


def test_10_trigger_of_an_unknown_type_is_parked_and_activated(raw, name):
    owner, provider = raw(), raw()
    trigger_id = owner.register_trigger(name, f"{name}::f", {"a": 1}, metadata={"m": 1})
    assert owner.pending_messages() == [], "no acknowledgement, no error"
    assert owner.live_triggers(f"{name}::f") == []
    provider.send({"type": "registertriggertype", "id": name, "description": "d"})
    frame = provider.receive_type("registertrigger")
    assert (frame["id"], frame["config"], frame["metadata"]) == (trigger_id, {"a": 1}, {"m": 1})
    provider.send({"type": "triggerregistrationresult", **{k: frame[k] for k in ("id", "trigger_type", "function_id")}})
    assert owner.pending_messages() == [], "success is never acknowledged"
    assert owner.live_triggers(f"{name}::f") == [trigger_id]


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
    assert owner.live_triggers(f"{name}::f") == []


def test_10_parked_trigger_of_a_worker_that_left_is_dropped(raw, name):
    owner, provider = raw(), raw()
    owner.register_trigger(name, f"{name}::f", {})
    owner.register_function(f"{name}::mark")
    owner.pending_messages()
    owner.close()
    eventually(lambda: not provider.function_ids(name), "the owner is gone")
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
    eventually(lambda: caller.function_ids(name) == [f"{name}::f"], "the first worker is cleaned up")
    call = caller.invoke(f"{name}::f", {})
    second.answer_next("second")
    assert caller.result_of(call)["result"] == "second"


def test_12_foreign_unregister_has_no_effect(raw, name):
    owner, stranger = raw(), raw()
    owner.register_function(f"{name}::f")
    owner.pending_messages()
    stranger.send({"type": "unregisterfunction", "id": f"{name}::f"})
    assert stranger.function_ids(name) == [f"{name}::f"]


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
    assert stranger.function_ids(name) == [f"{name}::f"]
    assert victim.pending_messages() == []
