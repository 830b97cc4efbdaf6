"""A sync and the events behind it, while others write: no gap, no repetition (stream.md §6.4, Better)."""

from __future__ import annotations

import threading

import pytest

from support.rawsocket import RawWorker
from support.streamclient import StreamClient

WRITERS = 50
WRITES = 120
JOINS = 40


class Writers:
    """Workers that each write to an item of their own, in turns: numbers from 1, each once."""

    def __init__(self, port: int, stream: str) -> None:
        self.stream = stream
        self.workers = [RawWorker(port) for _ in range(WRITERS)]
        self.threads = [threading.Thread(target=self.write, args=(n,), daemon=True) for n in range(WRITERS)]
        self.failures: list[BaseException] = []

    def __enter__(self) -> "Writers":
        for thread in self.threads:
            thread.start()
        return self

    def write(self, number: int) -> None:
        item = {"stream_name": self.stream, "group_id": "g", "item_id": f"item-{number}"}
        try:
            for n in range(1, WRITES + 1):
                self.workers[number].call("stream::set", {**item, "data": [number, n]})
        except BaseException as error:
            self.failures.append(error)

    def __exit__(self, *_) -> None:
        for thread in self.threads:
            thread.join()
        for worker in self.workers:
            worker.close()
        assert not self.failures


def follow(client: StreamClient) -> tuple[int, int]:
    """From the sync on, until every writer's last number. How many events followed, and how many of the sync's items
    there were."""
    sync = client.receive()["event"]
    assert sync["type"] == "sync"
    latest = dict(sync["data"])
    known, events = len(latest), 0
    while len(latest) < WRITERS or min(latest.values()) < WRITES:
        message = client.receive()
        number, n = message["event"]["data"]
        assert n == latest.get(number, 0) + 1, f"item {number}: {n} after {latest.get(number, 0)}"
        assert message["event"]["type"] == ("create" if n == 1 else "update")
        latest[number] = n
        events += 1
    assert client.arrived() == []
    return events, known


@pytest.mark.parametrize("in_memory", [False, True], ids=["durable", "in memory"])
def test_joins_under_fifty_writers(own_streams, name, in_memory):
    """A client that joins at any moment has, by its sync and the events after it, every number exactly once."""
    streams = own_streams(in_memory=in_memory)
    clients = []
    with Writers(streams.engine.worker_port, name) as writers:
        for number in range(JOINS):
            client = streams.client()
            client.join(name, "g", **({"resume": None} if number % 2 else {}))
            clients.append(client)
            writers.threads[0].join(0.01)
        outcomes = [follow(client) for client in clients]
    assert sum(events for events, _ in outcomes) > WRITERS * WRITES, "most joined while there was something to come"


def test_joins_of_one_item_under_fifty_writers(streams, name):
    clients = []
    with Writers(streams.engine.worker_port, name):
        for number in range(WRITERS):
            client = streams.client()
            client.join(name, "g", f"item-{number}")
            clients.append(client)
        for number, client in enumerate(clients):
            value = client.receive()["event"]["data"]
            n = 0 if value is None else value[1]
            while n < WRITES:
                assert client.receive()["event"]["data"] == [number, n + 1]
                n += 1


def test_joining_again_and_again_under_writers(streams, name):
    """The same subscription replaced: each sync begins anew, and nothing of the old one comes after it twice."""
    client = streams.client()
    with Writers(streams.engine.worker_port, name):
        latest: dict[int, int] = {}
        for _ in range(100):
            client.join(name, "g")
            while (event := client.receive()["event"])["type"] != "sync":
                number, n = event["data"]
                assert n == latest.get(number, 0) + 1
                latest[number] = n
            for number, n in event["data"]:
                assert n >= latest.get(number, 0), "a sync is never older than what was told before"
                latest[number] = n


def test_two_writers_of_one_item_leave_subscribers_with_the_last_value(streams, name):
    """Commit order is publish order; upstream's two steps could end with a stale value at the subscriber."""
    client = streams.client()
    client.joined(name, "g")
    workers = [streams.worker() for _ in range(8)]
    for n in range(200):
        for number, worker in enumerate(workers):
            item = {"stream_name": name, "group_id": "g", "item_id": "k", "data": [number, n]}
            worker.invoke("stream::set", item)
    for worker in workers:
        worker.pending_messages()
    for number, worker in enumerate(workers):
        worker.call("stream::get", {"stream_name": name, "group_id": "g", "item_id": "k"})
    streams.send(name, "g", "end")
    told = []
    while (event := client.receive()["event"])["type"] != "event":
        told.append(tuple(event["data"]))
    assert len(told) == len(set(told)) == 1600
    assert list(told[-1]) == streams.call("get", name, "g", item_id="k")
