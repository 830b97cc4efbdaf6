"""A worker process that writes as it's told: `load.py URL NAME`, commands on stdin, a journal on stdout.

Commands, one a line: `run` starts writing, `pause` stops it, `quit` ends the process.
Journal, one JSON array a line, in the order in which things happened:
  ["ready"]                                  the worker's registrations have been sent
  ["intend", key, sequence, deletes]         before the operation is sent
  ["done", key, sequence, old sequence|null] after its acknowledgement
  ["count", key]  ["counted", key, writer, value]   the same for increments
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
from oracle import value_of  # noqa: E402

SCOPE = "crash"
KEYS_PER_WORKER = 8
COUNTERS = ("counter-0", "counter-1")
DELETE_EVERY = 7
# An operation that has no answer by then has lost its engine.
TIMEOUT_MILLISECONDS = 3000
BARRIER_MILLISECONDS = 1000


def journal(*entry: object) -> None:
    os.write(1, (json.dumps(entry) + "\n").encode())


def sequence_of(key: str, value: object) -> int | None:
    """Whose value this is. A torn one is nobody's, and reported as -1, which no oracle allows."""
    if value is None:
        return None
    sequence = value.get("sequence", -1) if isinstance(value, dict) else -1
    return sequence if value == value_of(key, sequence) else -1


class Load:
    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.client = register_worker(url, InitOptions(worker_name=name))
        self.loop = self.client._loop
        self.running = asyncio.Event()
        self.pausing = asyncio.Event()
        self.busy = 0
        self._register_routes()

    def _register_routes(self) -> None:
        """The way through HTTP: the engine calls these, and they write through the SDK."""
        handlers = {"set": self._handle_set, "count": self._handle_count}
        for operation, handler in handlers.items():
            function_id = f"{self.name}::{operation}"
            self.client.register_function(function_id, handler)
            path = {"api_path": f"{self.name}/{operation}", "http_method": "POST"}
            self.client.register_trigger({"type": "http", "function_id": function_id, "config": path})

    async def _handle_set(self, request):
        key, sequence = request["body"]["key"], request["body"]["sequence"]
        answer = await self.set(key, sequence)
        return {"status_code": 200, "body": {"old": sequence_of(key, answer["old_value"])}}

    async def _handle_count(self, request):
        answer = await self.increment(request["body"]["key"])
        return {"status_code": 200, "body": {"value": answer["new_value"]}}

    # Operations

    def call(self, function_id: str, timeout: int = TIMEOUT_MILLISECONDS, **payload):
        request = {"function_id": function_id, "payload": {"scope": SCOPE, **payload}, "timeout_ms": timeout}
        return self.client.trigger_async(request)

    def set(self, key: str, sequence: int):
        return self.call("state::set", key=key, value=value_of(key, sequence))

    def increment(self, key: str):
        return self.call("state::update", key=key, ops=[{"type": "increment", "path": "", "by": 1}])

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

    # Writers

    async def write(self, key: str) -> None:
        """Sets and deletes one key for ever, one operation at a time."""
        sequence = 0
        while True:
            await self.running.wait()
            sequence += 1
            deletes = sequence % DELETE_EVERY == 0
            journal("intend", key, sequence, deletes)
            operation = self.call("state::delete", key=key) if deletes else self.set(key, sequence)
            succeeded, answer = await self.outcome(operation)
            if succeeded:
                old = answer if deletes else answer["old_value"]
                journal("done", key, sequence, sequence_of(key, old))
            else:
                await asyncio.sleep(0.01)

    async def count(self, key: str) -> None:
        while True:
            await self.running.wait()
            journal("count", key)
            succeeded, answer = await self.outcome(self.increment(key))
            if succeeded:
                journal("counted", key, self.name, answer["new_value"])
            else:
                await asyncio.sleep(0.01)

    # Commands

    async def start(self) -> None:
        self.tasks = [asyncio.ensure_future(self.write(f"{self.name}-{n}")) for n in range(KEYS_PER_WORKER)]
        self.tasks += [asyncio.ensure_future(self.count(key)) for key in COUNTERS]

    async def run(self) -> None:
        self.pausing.clear()
        self.running.set()

    async def pause(self) -> None:
        self.running.clear()
        self.pausing.set()
        while self.busy:
            await asyncio.sleep(0.005)
        # What the SDK queued while it was offline goes out before this write, on the same connection, in order.
        while True:
            token = str(uuid.uuid4())
            try:
                await self.call("state::set", BARRIER_MILLISECONDS, key=f"barrier-{self.name}", value=token)
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
        commands = {"start": self.start, "run": self.run, "pause": self.pause}
        asyncio.run_coroutine_threadsafe(self.start(), self.loop).result()
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            asyncio.run_coroutine_threadsafe(commands[line.strip()](), self.loop).result()
        os._exit(0)


if __name__ == "__main__":
    Load(*sys.argv[1:]).main()
