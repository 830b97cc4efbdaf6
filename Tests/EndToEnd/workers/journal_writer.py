"""A worker to be outlived: `journal_writer.py URL KIND GROUP` writes new keys without pause, several at a time.

Prints the number of each write that was acknowledged, one a line. SIGTERM: one more write, under the key `last`; prints
`last` when that is acknowledged, and ends.
"""

import asyncio
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from iii import InitOptions, register_worker  # noqa: E402
from support.entries import Entries  # noqa: E402

IN_FLIGHT = 8
TIMEOUT_MILLISECONDS = 60_000

url, kind, group = sys.argv[1:]
entries = Entries(kind)
client = register_worker(url, InitOptions(worker_name=f"writer-{group}"))
is_ending = False


async def write(key, value):
    function_id, payload = entries.set(group, key, value)
    request = {"function_id": function_id, "payload": payload, "timeout_ms": TIMEOUT_MILLISECONDS}
    await client.trigger_async(request)
    os.write(1, f"{key}\n".encode())


async def write_for_ever(first):
    number = first
    while not is_ending:
        await write(str(number), {"n": number})
        number += IN_FLIGHT


async def main():
    await asyncio.gather(*(write_for_ever(first) for first in range(IN_FLIGHT)))
    await write("last", {"n": "last"})


def end(*_):
    global is_ending
    is_ending = True


signal.signal(signal.SIGTERM, end)
finished = asyncio.run_coroutine_threadsafe(main(), client._loop)
while not finished.done():
    time.sleep(0.01)
finished.result()
os._exit(0)
