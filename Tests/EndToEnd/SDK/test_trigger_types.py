"""Trigger types that workers provide (protocol.md §11.3) and triggers that come before their type (§11.2)."""

from __future__ import annotations

import queue

import pytest

from support.engine import PATIENCE_SECONDS
from support.sdk import VERSION, InvocationError, TriggerConfig, TriggerHandler
from support.waiting import eventually


class Provider(TriggerHandler):
    """Keeps its bindings and can fire them."""

    def __init__(self) -> None:
        self.bindings: dict[str, TriggerConfig] = {}
        self.registered: queue.Queue[TriggerConfig] = queue.Queue()
        self.unregistered: queue.Queue[str] = queue.Queue()

    async def register_trigger(self, config: TriggerConfig) -> None:
        if config.config == {"refuse": True}:
            raise ValueError("refused by the provider")
        self.bindings[config.id] = config
        self.registered.put(config)

    async def unregister_trigger(self, config: TriggerConfig) -> None:
        self.bindings.pop(config.id, None)
        self.unregistered.put(config.id)

    def offer(self, worker, type_id: str):
        return worker.client.register_trigger_type({"id": type_id, "description": "a test's"}, self)

    def take_over(self, worker, type_id: str) -> TriggerConfig:
        """Offers a type that a binding waits for.

        SDK 0.25.0 announces a type before it stores the handler, and drops the binding of an engine that answers in
        between: there the type is announced a second time, after the handler is stored.
        """
        self.offer(worker, type_id)
        if VERSION == "0.25.0":
            self.offer(worker, type_id)
        return self.next()

    def next(self) -> TriggerConfig:
        return self.registered.get(timeout=PATIENCE_SECONDS)


def type_is_known(worker, type_id: str) -> bool:
    rows = worker.trigger("engine::triggers::list", {"prefix": type_id})["triggers"]
    return any(row["id"] == type_id for row in rows)


def test_provider_gets_bindings_and_fires_them(connect, prefix):
    owner, consumer = connect(), connect()
    provider = Provider()
    provider.offer(owner, f"{prefix}-type")
    eventually(lambda: type_is_known(consumer, f"{prefix}-type"), "the type is known")
    received: queue.Queue = queue.Queue()
    consumer.function(f"{prefix}::on", received.put)
    trigger = consumer.bind(f"{prefix}-type", f"{prefix}::on", {"every": 5})
    binding = provider.next()
    assert (binding.function_id, binding.config) == (f"{prefix}::on", {"every": 5})
    owner.trigger(binding.function_id, {"fired": 1})
    event = received.get(timeout=PATIENCE_SECONDS)
    assert event["fired"] == 1
    trigger.unregister()
    assert provider.unregistered.get(timeout=PATIENCE_SECONDS) == binding.id


def test_trigger_is_parked_until_its_type_appears(connect, prefix):
    consumer = connect()
    received: queue.Queue = queue.Queue()
    consumer.function(f"{prefix}::on", received.put)
    consumer.client.register_trigger({"type": f"{prefix}-type", "function_id": f"{prefix}::on", "config": {"n": 1}})
    consumer.function(f"{prefix}::later", lambda data: None)
    assert consumer.trigger_ids(f"{prefix}::on") == [], "parked triggers aren't listed"
    owner, provider = connect(), Provider()
    binding = provider.take_over(owner, f"{prefix}-type")
    assert (binding.function_id, binding.config) == (f"{prefix}::on", {"n": 1})
    assert eventually(lambda: consumer.trigger_ids(f"{prefix}::on"), "it's live") == [binding.id]
    owner.trigger(binding.function_id, {"fired": 1})
    assert received.get(timeout=PATIENCE_SECONDS)["fired"] == 1


def test_bindings_outlive_their_provider(connect, prefix):
    """The provider leaves: the binding is parked with its id and goes to the next provider."""
    first_owner, consumer = connect(), connect()
    first, second = Provider(), Provider()
    first.offer(first_owner, f"{prefix}-type")
    eventually(lambda: type_is_known(consumer, f"{prefix}-type"), "the type is known")
    consumer.function(f"{prefix}::on", lambda data: None)
    consumer.bind(f"{prefix}-type", f"{prefix}::on", {"n": 1})
    binding_id = first.next().id
    first_owner.close()
    eventually(lambda: not type_is_known(consumer, f"{prefix}-type"), "the type is gone")
    assert consumer.trigger_ids(f"{prefix}::on") == []
    assert second.take_over(connect(), f"{prefix}-type").id == binding_id


def test_binding_goes_when_its_owner_goes(connect, prefix):
    owner, consumer = connect(), connect()
    provider = Provider()
    provider.offer(owner, f"{prefix}-type")
    eventually(lambda: type_is_known(consumer, f"{prefix}-type"), "the type is known")
    consumer.function(f"{prefix}::on", lambda data: None)
    consumer.bind(f"{prefix}-type", f"{prefix}::on", {})
    binding_id = provider.next().id
    consumer.close()
    assert provider.unregistered.get(timeout=PATIENCE_SECONDS) == binding_id


def test_provider_refuses(connect, prefix):
    owner, consumer = connect(), connect()
    provider = Provider()
    provider.offer(owner, f"{prefix}-type")
    eventually(lambda: type_is_known(consumer, f"{prefix}-type"), "the type is known")
    arguments = {"trigger_type": f"{prefix}-type", "function_id": f"{prefix}::on", "config": {"refuse": True}}
    with pytest.raises(InvocationError) as caught:
        consumer.trigger("engine::register_trigger", arguments)
    assert caught.value.code == "trigger_registration_failed"
    assert caught.value.message == "trigger_registration_failed: refused by the provider"
    assert consumer.trigger_ids(f"{prefix}::on") == []
