"""A process with raw stream subscribers: `subscribers.py PORT SEED`, commands on stdin, a journal on stdout.

They join again whenever they lose their connection, and some drop it themselves. Commands, one a line: `settle` (nobody
drops any more), `calm?` (answered when every join has been), `run`.
Journal, one JSON array a line:
  ["join", subscription]                 before the frame is sent
  ["sync", subscription, group, place of one item|null, marks]
  ["resumed", subscription, missed events]
  ["told", subscription, place, create|update|delete, mark] ["heard", subscription, group, writer, n]
  ["marker", subscription, token, model] everything before the marker has arrived
  ["lost", subscription, resumes]        its connection is over
  ["wrong", text]                        what no engine may send
  ["calm"]                               after `calm?`: every join has been answered
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import select
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from subscription import Subscription  # noqa: E402
from support.rawsocket import Dropped, RawSocket  # noqa: E402

# Each connection's subscriptions: group, item or None; and whether they resume.
CONNECTIONS: list[tuple[bool, list[tuple[str, str | None]]]] = [
    (False, [("g0", None)]),
    (False, [("g0", "load0-0"), ("g1", None)]),
    (False, [("g1", None)]),
    (True, [("g0", None)]),
    (True, [("g0", "load1-1"), ("g1", None)]),
    (True, [("g0", None), ("g1", "load0-0")]),
]
# The first of each kind keep their connection; the others drop it after so many frames.
STEADY = (0, 3)
DROP_AFTER_FRAMES = (1, 400)
REST_SECONDS = 0.01

journal_lock = threading.Lock()


def journal(*entry: object) -> None:
    with journal_lock:
        os.write(1, (json.dumps(entry) + "\n").encode())


def hung_up(socket: RawSocket) -> bool:
    """Whether the other side has closed the connection, read or not."""
    poll = select.poll()
    try:
        poll.register(socket.socket, select.POLLRDHUP)
    except ValueError:  # closed on this side meanwhile
        return True
    return bool(poll.poll(0))


class Subscriber(threading.Thread):
    def __init__(self, port: int, number: int, chance: random.Random, calm: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.number, self.chance, self.calm = port, number, chance, calm
        self.socket: RawSocket | None = None
        resumes, subscriptions = CONNECTIONS[number]
        kind = "resuming" if resumes else "plain"
        self.subscriptions: dict[str, Subscription] = {}
        for group, item in subscriptions:
            name = f"{kind}-{number}/{group}" + (f"/{item}" if item else "")
            self.subscriptions[group] = Subscription(name, group, item, resumes, journal)

    @property
    def is_current(self) -> bool:
        """Every join has been answered, by an engine that is still there: this thread may not have noticed a kill yet."""
        if self.socket is None or hung_up(self.socket):
            return False
        return all(subscription.is_current for subscription in self.subscriptions.values())

    def run(self) -> None:
        while True:
            try:
                socket = RawSocket(self.port)
            except (Dropped, OSError):
                time.sleep(REST_SECONDS)
                continue
            self.socket = socket
            try:
                self.serve(socket)
            except (Dropped, OSError):
                pass
            except Exception as error:
                journal("wrong", f"subscriber {self.number}: {error!r}")
            self.socket = None
            socket.close()
            for subscription in self.subscriptions.values():
                subscription.lose()

    def serve(self, socket: RawSocket) -> None:
        for subscription in self.subscriptions.values():
            socket.send(subscription.join())
        left = self.chance.randint(*DROP_AFTER_FRAMES)
        while self.number in STEADY or self.calm.is_set() or left > 0:
            message = json.loads(socket.receive_text())
            self.subscriptions[message["groupId"]].receive(message)
            left -= 1


def main() -> None:
    port, seed = int(sys.argv[1]), int(sys.argv[2])
    calm = threading.Event()
    subscribers = [Subscriber(port, n, random.Random(seed + n), calm) for n in range(len(CONNECTIONS))]
    for subscriber in subscribers:
        subscriber.start()
    for line in sys.stdin:
        if line.strip() == "run":
            calm.clear()
            continue
        calm.set()
        if line.strip() == "settle":
            continue
        while not all(subscriber.is_current for subscriber in subscribers):
            time.sleep(0.005)
        journal("calm")
    os._exit(0)


if __name__ == "__main__":
    main()
