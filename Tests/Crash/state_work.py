"""What a load process does to the state: writes, counts, lists, and is told by triggers and through HTTP."""

from __future__ import annotations

import asyncio
from functools import partial

from values import (
    BULK_SCOPE,
    DELETE_EVERY,
    SCOPE,
    SYNCED,
    increments,
    mark_of,
    marks_of,
    sequence_of,
    value_of,
)

KEYS_PER_WORKER = 8
BULK_KEYS = 3
STORE = "state"
NUMBERS = ("counter-0", "counter-1", "pair-0", "pair-1")
# Foreign places whose events a worker asks for; all of them would be more than a worker in Python can read.
WATCHED = ("load0-0", "load1-0", "load2-0", "http-0", "counter-0", "pair-0")
LIST_EVERY_SECONDS = 0.02


class StateWork:
    def __init__(self, load) -> None:
        self.load, self.name, self.journal = load, load.name, load.journal
        self.sequences: dict[str, int] = {}
        for operation in ("set", "count"):
            path = {"api_path": f"{self.name}/{operation}", "http_method": "POST"}
            load.handle(operation, getattr(self, f"_handle_{operation}"), "http", path)
        load.observe("state-event", self._observe, "state", *({"scope": SCOPE, "key": key} for key in WATCHED))

    def steps(self) -> list[tuple]:
        writers = [(partial(self.write, SCOPE, f"{self.name}-{number}"),) for number in range(KEYS_PER_WORKER)]
        counters = [(partial(self.count, place),) for place in NUMBERS]
        keys = (f"bulk-{self.name}-{number}" for number in range(BULK_KEYS))
        bulk = [(partial(self.write, BULK_SCOPE, key), self.load.bulking) for key in keys]
        return [*writers, *counters, *bulk, (self.list,), (self.get,)]

    # Operations

    def set(self, scope: str, key: str, sequence: int):
        return self.load.call("state::set", {"scope": scope, "key": key, "value": value_of(key, sequence), **SYNCED})

    def increment(self, place: str):
        return self.load.call("state::update", {"scope": SCOPE, "key": place, "ops": increments(place)})

    # Steps: each says whether its operation had an answer.

    async def write(self, scope: str, key: str) -> bool:
        sequence = self.sequences[key] = self.sequences.get(key, 0) + 1
        deletes = sequence % DELETE_EVERY == 0
        self.journal("intend", key, sequence, deletes)
        delete = partial(self.load.call, "state::delete", {"scope": scope, "key": key})
        succeeded, answer = await self.load.outcome(delete() if deletes else self.set(scope, key, sequence))
        if succeeded:
            old = answer if deletes else answer["old_value"]
            if not deletes:
                self.journal("synced", STORE, answer["durable"])
            self.journal("done", key, sequence, sequence_of(key, old))
        return succeeded

    async def count(self, place: str) -> bool:
        self.journal("count", place)
        succeeded, answer = await self.load.outcome(self.increment(place))
        if succeeded:
            self.journal("counted", place, self.name, mark_of(place, answer["new_value"]))
        return succeeded

    async def list(self) -> bool:
        reader = f"{self.name}/state"
        self.journal("listing", reader, f"{self.name}-")
        succeeded, values = await self.load.outcome(self.load.call("state::list", {"scope": SCOPE}))
        if succeeded:
            self.journal("listed", reader, *marks_of(values))
        await asyncio.sleep(LIST_EVERY_SECONDS)
        return succeeded

    async def get(self) -> bool:
        for place in (*WATCHED, "pair-1"):
            get = self.load.call("state::get", {"scope": SCOPE, "key": place})
            succeeded, value = await self.load.outcome(get)
            if not succeeded:
                return False
            self.journal("saw", place, mark_of(place, value))
        await asyncio.sleep(LIST_EVERY_SECONDS)
        return True

    # Handlers

    async def _handle_set(self, request):
        key, sequence = request["body"]["key"], request["body"]["sequence"]
        answer = await self.set(SCOPE, key, sequence)
        return {"status_code": 200, "body": {"old": sequence_of(key, answer["old_value"])}}

    async def _handle_count(self, request):
        place = request["body"]["key"]
        answer = await self.increment(place)
        return {"status_code": 200, "body": {"value": mark_of(place, answer["new_value"])}}

    def _observe(self, event):
        place = event["key"]
        old, new = mark_of(place, event["old_value"]), mark_of(place, event["new_value"])
        self.journal("event", self.name, place, event["event_type"], old, new)
