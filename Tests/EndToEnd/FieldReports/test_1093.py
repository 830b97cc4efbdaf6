"""iii-hq/iii#1093: an idle engine burned a core after 40 hours.

Here nothing polls: an engine with connected workers, subscribers and stores that have worked uses no measurable processor
time when nobody asks for anything, and hardly wakes up.
"""

from __future__ import annotations

import time

from support.entries import STATE, STREAM, STREAMS
from support.rawsocket import RawSocket, RawWorker
from support.resources import processor_ticks, wakeups

IDLE_SECONDS = 20
# Of 10 ms each.
IDLE_TICKS = 2
# Pings of the sockets, the store's checkpoint of what was written before, sweeps every ten seconds. Polling every 100 ms
# by one thread would be 200.
IDLE_WAKEUPS = 150
SOCKETS = 10
WRITES = 500


def work(engine, worker) -> None:
    """Writes that reach triggers, subscribers, the log and both stores."""
    for entries in (STATE, STREAMS):
        for n in range(WRITES):
            worker.trigger(*entries.set("g", f"k{n % 7}", {"n": n}))
        worker.trigger(*entries.list("g"))


def subscriber(port: int, group: str) -> RawSocket:
    socket = RawSocket(port)
    join = {"subscriptionId": "s", "streamName": STREAM, "groupId": group}
    socket.send({"type": "join", "data": join})
    assert socket.receive()["event"]["type"] == "sync"
    return socket


def test_1093_idle_after_work(engine, connect):
    engine.start()
    worker = connect(engine)
    seen = []
    worker.function("idle::on", seen.append)
    worker.bind("state", "idle::on", {"scope": "g"})
    worker.bind("stream", "idle::on", {"stream_name": STREAM})
    worker.bind("subscribe", "idle::on", {"topic": "t"})
    others = [RawWorker(engine.worker_port) for _ in range(SOCKETS)]
    subscribers = [subscriber(engine.stream_port, f"g{n}") for n in range(SOCKETS)]
    work(engine, worker)
    # What the work left to do is done: seals, events on their way, pages to give back.
    time.sleep(3)
    before = processor_ticks(engine.pid), wakeups(engine.pid)
    time.sleep(IDLE_SECONDS)
    ticks, woken = processor_ticks(engine.pid) - before[0], wakeups(engine.pid) - before[1]
    print(f"{ticks} ticks of 10 ms and {woken} wake-ups in {IDLE_SECONDS} s")
    assert ticks <= IDLE_TICKS and woken <= IDLE_WAKEUPS
    # Idle, not dead.
    assert len(seen) == 2 * WRITES and worker.trigger(*STATE.get("g", "k0"))
    assert len(others) == len(subscribers) == SOCKETS
    engine.stop()
