"""A worker process that works as it's told: `load.py URL NAME WORK...`, commands on stdin, a journal on stdout.

WORK: `state`, `stream`.

Commands, one a line: `run` starts the work, `run bulk` with values that soon make the store write a checkpoint, `pause`
stops it, `quit` ends the process.
Journal, one JSON array a line, in the order in which things happened. Places and marks: values.py.
  ["ready"]                                  the worker's registrations have been sent
  ["intend", place, sequence, deletes]       before the operation is sent
  ["done", place, sequence, old mark]        after its acknowledgement
  ["synced", store, durable]                 what an acknowledgement that was asked for says
  ["count", place] ["counted", place, writer, number]   the same for increments
  ["send", group, writer, n] ["sent", group, writer, n] the same for events that a stream doesn't store
  ["listing", reader, own prefix] ["listed", reader, marks, places shown twice]
  ["saw", place, mark]                       a single read
  ["event", observer, place, event type, old mark, new mark]   of a `state` trigger
  ["streamed", place, event type, mark] ["ticked", group, writer, n]   of a `stream` trigger
  ["guarded", subscription]                  a join that it let in
  ["wrong", text]                            an answer or an event that no engine may send
  ["paused"]                                 nothing of this worker's is under way any more, and it's connected
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid

os.environ["OTEL_ENABLED"] = "false"

from iii import InitOptions, register_worker  # noqa: E402
from iii.iii_constants import ReconnectionConfig  # noqa: E402
from state_work import StateWork  # noqa: E402
from stream_work import StreamWork  # noqa: E402
from values import SCOPE  # noqa: E402

WORK = {"state": StateWork, "stream": StreamWork}
# An operation that has no answer by then has lost its engine.
TIMEOUT_MILLISECONDS = 3000
BARRIER_MILLISECONDS = 1000
# The default's first attempt comes after a second, in which no kill could hit a join.
RECONNECTION = ReconnectionConfig(initial_delay_ms=50, max_delay_ms=400)
# After an operation that failed: mostly there is no engine.
REST_SECONDS = 0.01


def journal(*entry: object) -> None:
    os.write(1, (json.dumps(entry) + "\n").encode())


class Load:
    """The connection, and what is common to all work: run, pause, operations whose outcome may stay unknown."""

    def __init__(self, url: str, name: str, *works: str) -> None:
        self.name = name
        self.journal = journal
        self.client = register_worker(url, InitOptions(worker_name=name, reconnection_config=RECONNECTION))
        self.loop = self.client._loop
        self.running = asyncio.Event()
        self.bulking = asyncio.Event()
        self.pausing = asyncio.Event()
        self.busy = 0
        self.works = [WORK[work](self) for work in works]

    def call(self, function_id: str, payload: dict, timeout: int = TIMEOUT_MILLISECONDS):
        request = {"function_id": function_id, "payload": payload, "timeout_ms": timeout}
        return self.client.trigger_async(request)

    def observe(self, operation: str, observer, trigger_type: str, *configs: dict) -> None:
        """A function of this worker's that is told of events, and the triggers that call it."""

        async def handler(event):
            try:
                observer(event)
            except Exception as error:
                self.wrong(event, error)

        self.handle(operation, handler, trigger_type, *configs)

    def handle(self, operation: str, handler, trigger_type: str, *configs: dict) -> None:
        """A function of this worker's, and the triggers that call it."""
        function_id = f"{self.name}::{operation}"
        self.client.register_function(function_id, handler)
        for config in configs:
            self.client.register_trigger({"type": trigger_type, "function_id": function_id, "config": config})

    def wrong(self, what: object, error: Exception) -> None:
        """An answer or an event that isn't made as it should be."""
        journal("wrong", f"{self.name}: {what}: {error!r}")

    async def outcome(self, operation):
        """(True, answer) or (False, None). A pause abandons the operation: its outcome stays unknown."""
        self.busy += 1
        task = asyncio.ensure_future(operation)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        pause = asyncio.ensure_future(self.pausing.wait())
        await asyncio.wait({task, pause}, return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()
        self.busy -= 1
        if task.done() and task.exception() is None:
            return True, task.result()
        return False, None

    async def repeat(self, step, while_set: asyncio.Event | None = None) -> None:
        """Takes a step again and again while the load runs. A step says whether its operation had an answer."""
        while True:
            await (while_set or self.running).wait()
            try:
                succeeded = await step()
            except Exception as error:
                self.wrong(step, error)
                succeeded = False
            if not succeeded:
                await asyncio.sleep(REST_SECONDS)

    # Commands

    async def start(self) -> None:
        steps = [step for work in self.works for step in work.steps()]
        self.tasks = [asyncio.ensure_future(self.repeat(*step)) for step in steps]

    async def run(self) -> None:
        self.pausing.clear()
        self.running.set()

    async def run_bulk(self) -> None:
        await self.run()
        self.bulking.set()

    async def pause(self) -> None:
        self.running.clear()
        self.bulking.clear()
        self.pausing.set()
        while self.busy:
            await asyncio.sleep(0.005)
        # What the SDK queued while it was offline goes out before this write, on the same connection, in order.
        while True:
            barrier = {"scope": SCOPE, "key": f"barrier-{self.name}", "value": str(uuid.uuid4())}
            try:
                await self.call("state::set", barrier, BARRIER_MILLISECONDS)
                break
            except Exception:
                self.revive()
                await asyncio.sleep(0.02)  # not connected yet
        journal("paused")

    def revive(self) -> None:
        """Connects anew when the SDK has given up.

        These versions stop reconnecting for ever when the engine dies between a handshake and the registrations that
        follow it (docs/compatibility.md): neither their receiving nor their reconnecting task is left then.
        """
        client = self.client
        tasks = (client._receiver_task, client._reconnect_task)
        if all(task is None or task.done() for task in tasks):
            print("the SDK has stopped reconnecting: connecting anew", file=sys.stderr, flush=True)
            client._ws = None
            client._schedule_reconnect()

    def main(self) -> None:
        journal("ready")
        commands = {"run": self.run, "run bulk": self.run_bulk, "pause": self.pause}
        asyncio.run_coroutine_threadsafe(self.start(), self.loop).result()
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            asyncio.run_coroutine_threadsafe(commands[line.strip()](), self.loop).result()
        os._exit(0)


if __name__ == "__main__":
    Load(*sys.argv[1:]).main()
