"""What a load process does to the stream: sets, updates, deletes, counts, sends, lists, and is told by triggers."""

from __future__ import annotations

import asyncio
from functools import partial

from values import DELETE_EVERY, GROUPS, STREAM, SYNCED, increments, mark_of, marks_of, sequence_of, value_of

ITEMS_PER_GROUP = 2
PAIR = "pair-0"
STORE = "streams"
# Of the writes that don't delete, every so many are updates.
UPDATE_EVERY = 3
LIST_EVERY_SECONDS = 0.03
# Who is asked about every join, and takes so long.
GUARD = "load2"
GUARD_SECONDS = 0.01
# Sends outrun everything else; each goes to every subscriber of its group.
SEND_EVERY_SECONDS = 0.01


def address(place: str) -> dict[str, str]:
    group, item = place.split("/", 1)
    return {"stream_name": STREAM, "group_id": group, "item_id": item}


class StreamWork:
    def __init__(self, load) -> None:
        self.load, self.name, self.journal = load, load.name, load.journal
        self.sequences: dict[str, int] = {}
        # One worker is told of a whole group, the others of single items.
        group = {"stream_name": STREAM, "group_id": GROUPS[0]}
        items = [{"stream_name": STREAM, "group_id": group, "item_id": "load0-0"} for group in GROUPS]
        if self.name == GUARD:
            load.handle("guard", self._guard, "stream:join", {"stream_name": STREAM})
        load.observe("stream-event", self._observe, "stream", *([group] if self.name == "load0" else items))

    def steps(self) -> list[tuple]:
        places = [f"{group}/{self.name}-{number}" for group in GROUPS for number in range(ITEMS_PER_GROUP)]
        steps = [partial(self.write, place) for place in places]
        for group in GROUPS:
            steps += [partial(self.count, f"{group}/{PAIR}"), partial(self.send, group), partial(self.list, group)]
        return [(step,) for step in steps]

    # Steps: each says whether its operation had an answer.

    async def write(self, place: str) -> bool:
        sequence = self.sequences[place] = self.sequences.get(place, 0) + 1
        deletes = sequence % DELETE_EVERY == 0
        self.journal("intend", place, sequence, deletes)
        succeeded, answer = await self.load.outcome(self._operation(place, sequence, deletes))
        if succeeded:
            self.journal("done", place, sequence, sequence_of(place, answer["old_value"]))
            if "durable" in answer:
                self.journal("synced", STORE, answer["durable"])
        return succeeded

    def _operation(self, place: str, sequence: int, deletes: bool):
        value = value_of(place, sequence)
        if deletes:
            return self.load.call("stream::delete", address(place))
        if sequence % UPDATE_EVERY == 0:
            replace = [{"type": "set", "path": "", "value": value}]
            return self.load.call("stream::update", {**address(place), "ops": replace})
        return self.load.call("stream::set", {**address(place), "data": value, **SYNCED})

    async def count(self, place: str) -> bool:
        self.journal("count", place)
        update = self.load.call("stream::update", {**address(place), "ops": increments(place)})
        succeeded, answer = await self.load.outcome(update)
        if succeeded:
            self.journal("counted", place, self.name, mark_of(place, answer["new_value"]))
        return succeeded

    async def send(self, group: str) -> bool:
        number = self.sequences[group] = self.sequences.get(group, 0) + 1
        self.journal("send", group, self.name, number)
        event = {"type": "tick", "data": {"writer": self.name, "number": number}}
        send = self.load.call("stream::send", {"stream_name": STREAM, "group_id": group, **event})
        succeeded, _ = await self.load.outcome(send)
        if succeeded:
            self.journal("sent", group, self.name, number)
        await asyncio.sleep(SEND_EVERY_SECONDS)
        return succeeded

    async def list(self, group: str) -> bool:
        reader = f"{self.name}/{group}"
        self.journal("listing", reader, f"{group}/{self.name}-")
        call = self.load.call("stream::list", {"stream_name": STREAM, "group_id": group})
        succeeded, values = await self.load.outcome(call)
        if succeeded:
            self.journal("listed", reader, *marks_of(values))
        await asyncio.sleep(LIST_EVERY_SECONDS)
        return succeeded

    # Handlers

    async def _guard(self, join):
        """Lets everybody in, after a while: kills shall find joins that wait."""
        await asyncio.sleep(GUARD_SECONDS)
        self.journal("guarded", join["subscription_id"])
        return {"unauthorized": False}

    def _observe(self, message):
        event, group = message["event"], message["groupId"]
        if event["type"] != "event":
            place = f"{group}/{message['id']}"
            self.journal("streamed", place, event["type"], mark_of(place, event["data"]))
        elif event["event"]["type"] == "tick":
            tick = event["event"]["data"]
            self.journal("ticked", group, tick["writer"], tick["number"])
