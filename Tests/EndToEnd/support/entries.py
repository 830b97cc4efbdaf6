"""State and streams under the same names: a scope is a group here, a key is an item's id."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any

from .engine import Engine

STREAM = "reports"
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Entries:
    """Makes calls: a function id and its payload."""

    kind: str

    @property
    def worker(self) -> str:
        return f"iii-{self.kind}"

    def store(self, engine: Engine) -> pathlib.Path:
        return engine.store if self.kind == "state" else engine.directory / "data" / "streams"

    def group(self, group: str) -> dict[str, str]:
        return {"scope": group} if self.kind == "state" else {"stream_name": STREAM, "group_id": group}

    def address(self, group: str, key: str) -> dict[str, str]:
        return {**self.group(group), "key" if self.kind == "state" else "item_id": key}

    def set(self, group: str, key: str, value: Any) -> Call:
        field = "value" if self.kind == "state" else "data"
        return f"{self.kind}::set", {**self.address(group, key), field: value}

    def get(self, group: str, key: str) -> Call:
        return f"{self.kind}::get", self.address(group, key)

    def update(self, group: str, key: str, *ops: dict[str, Any]) -> Call:
        return f"{self.kind}::update", {**self.address(group, key), "ops": list(ops)}

    def delete(self, group: str, key: str) -> Call:
        return f"{self.kind}::delete", self.address(group, key)

    def list(self, group: str) -> Call:
        return f"{self.kind}::list", self.group(group)


STATE, STREAMS = Entries("state"), Entries("stream")
