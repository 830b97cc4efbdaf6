"""A subscriber isn't calm on a connection whose engine has been killed, though it hasn't read the end of it yet.

Story: in round 38 of a CI run two subscribers were taken to be settled by the joins that the killed engine had answered. They
came back behind the marker, got it among the missed events, and one event that stood behind it "never came".
"""

from __future__ import annotations

import random
import socket
import threading

from subscribers import Subscriber


class Held:
    """What `Subscriber` looks at of a raw socket."""

    def __init__(self, held: socket.socket) -> None:
        self.socket = held

    def close(self) -> None:
        self.socket.close()


def test_joins_of_a_dead_engine_count_for_nothing():
    subscriber = Subscriber(1, 5, random.Random(1), threading.Event())
    ours, engines = socket.socketpair()
    assert not subscriber.is_current, "not connected"
    subscriber.socket = Held(ours)
    for subscription in subscriber.subscriptions.values():
        assert not subscriber.is_current, "a join isn't answered"
        subscription.is_current = True
    engines.sendall(b"something that nobody has read")
    assert subscriber.is_current
    engines.close()
    assert not subscriber.is_current
    ours.close()
