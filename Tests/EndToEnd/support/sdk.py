"""The one SDK version of this Python environment, behind the names that all versions share."""

from __future__ import annotations

import importlib.metadata
import uuid
from typing import Any, Callable

import iii
from iii import InitOptions, TriggerAction, register_worker
from iii.triggers import TriggerConfig, TriggerHandler

from .waiting import eventually

VERSION = importlib.metadata.version("iii-sdk")
RELEASE = tuple(int(part) for part in VERSION.split(".")[:2])
# The class was renamed in 0.20.
InvocationError: type[Exception] = iii.IIIInvocationError if RELEASE < (0, 20) else iii.InvocationError
HAS_METADATA = RELEASE >= (0, 21)
# The receive limit of the client: the library's default up to 0.22, 64 MiB from 0.25.
RECEIVES_LARGE_MESSAGES = RELEASE >= (0, 25)

__all__ = ["HAS_METADATA", "RECEIVES_LARGE_MESSAGES", "RELEASE", "VERSION", "InvocationError", "TriggerAction"]
__all__ += ["TriggerConfig", "TriggerHandler", "Worker"]


class Worker:
    """A connected SDK worker, with the waits that registration without acknowledgement needs."""

    def __init__(self, url: str, name: str | None = None, **options: Any) -> None:
        self.name = name or f"worker-{uuid.uuid4()}"
        self.is_closed = False
        self.client = register_worker(url, InitOptions(worker_name=self.name, **options))

    def trigger(self, function_id: str, payload: Any = None, **fields: Any) -> Any:
        return self.client.trigger({"function_id": function_id, "payload": payload, **fields})

    def void(self, function_id: str, payload: Any) -> None:
        self.trigger(function_id, payload, action=TriggerAction.Void())

    def function(self, function_id: str, handler: Callable[..., Any], **options: Any) -> Any:
        """Registers and waits until the engine knows the function."""
        reference = self.client.register_function(function_id, handler, **options)
        eventually(lambda: self.is_registered(function_id), f"{function_id} is registered")
        return reference

    def bind(self, trigger_type: str, function_id: str, config: Any, **fields: Any) -> Any:
        """Registers a trigger and waits until the engine lists it."""
        before = set(self.trigger_ids(function_id))
        trigger = self.client.register_trigger(
            {"type": trigger_type, "function_id": function_id, "config": config, **fields}
        )
        eventually(lambda: set(self.trigger_ids(function_id)) - before, f"a {trigger_type} trigger of {function_id}")
        return trigger

    def is_registered(self, function_id: str) -> bool:
        listed = self.trigger("engine::functions::list", {"prefix": function_id})
        return any(row["function_id"] == function_id for row in listed["functions"])

    def trigger_ids(self, function_id: str) -> list[str]:
        listed = self.trigger("engine::registered-triggers::list", {"function_id": function_id})
        return [row["id"] for row in listed["registered_triggers"]]

    def row(self) -> dict[str, Any] | None:
        """This worker's row in `engine::workers::list`."""
        rows = self.trigger("engine::workers::list", {"search": self.name})["workers"]
        return next((row for row in rows if row["name"] == self.name), None)

    def close(self) -> None:
        """May be called twice, unlike the client's own `shutdown`."""
        if not self.is_closed:
            self.is_closed = True
            self.client.shutdown()
