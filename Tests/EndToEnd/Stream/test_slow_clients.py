"""Clients that don't read: closed with 1013, and nobody else notices (stream.md §6.8, Better)."""

from __future__ import annotations

import json
import socket
import uuid

from support.rawsocket import CONTINUATION, TEXT, Dropped
from support.streamclient import StreamClient
from support.waiting import eventually

MEGABYTE = 1 << 20


def with_small_buffer(client: StreamClient) -> StreamClient:
    # Much smaller, and loopback crawls: its segments are larger than the window.
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return client


def read_to_the_end(client: StreamClient) -> tuple[list, int | None]:
    """The data of the events that still come, and the close code."""
    received = []
    try:
        while True:
            received.append(client.receive()["event"].get("data"))
    except Dropped as dropped:
        return received, dropped.code


def test_a_stuck_client_is_closed_and_stalls_nobody(own_streams, name):
    streams = own_streams(f"max_connection_queue_bytes: {MEGABYTE}")
    stuck = with_small_buffer(streams.client())
    quick = streams.client()
    for client in (stuck, quick):
        client.joined(name, "g")
    leaves = streams.worker()
    leaves.register_function(f"{name}::left")
    leaves.register_trigger("stream:leave", f"{name}::left", {})
    leaves.pending_messages()
    text = "x" * 20_000
    for number in range(500):  # 10 MB
        streams.set(name, "g", "k", [number, text])
        # In step: if the stuck one held up anybody, this would never come.
        assert quick.receive()["event"]["data"][0] == number
    assert leaves.answer_next(None)["data"]["subscription_id"] == "s", "it has been left before it reads again"
    received, code = read_to_the_end(stuck)
    assert code == 1013
    assert [value[0] for value in received] == list(range(len(received))) and len(received) < 500
    assert "stream client dropped" in streams.engine.log()
    streams.set(name, "g", "k", "still here")
    assert quick.receive()["event"]["data"] == "still here"


def test_a_hundred_stuck_clients_take_a_bounded_part_of_the_memory(own_streams, name):
    streams = own_streams(f"max_connection_queue_bytes: {MEGABYTE}")
    stuck = [with_small_buffer(streams.client()) for _ in range(100)]
    quick = streams.client()
    for client in [*stuck, quick]:
        client.joined(name, "g")
    before = streams.engine.resident_bytes()
    largest = before
    text = "x" * 50_000
    for number in range(200):  # 10 MB for each of them, 1 GB together
        streams.set(name, "g", "k", [number, text])
        assert quick.receive()["event"]["data"][0] == number
        largest = max(largest, streams.engine.resident_bytes())
    assert largest - before < 100 * 2 * MEGABYTE + 64 * MEGABYTE
    assert {read_to_the_end(client)[1] for client in stuck} == {1013}


def test_a_client_that_pauses_gets_everything(own_streams, name):
    streams = own_streams(f"max_connection_queue_bytes: {8 * MEGABYTE}")
    client = with_small_buffer(streams.client())
    client.joined(name, "g")
    for _ in range(3):
        for number in range(60):  # 6 MB, more than the kernel's buffers take
            streams.set(name, "g", "k", [number, "x" * 100_000])
        assert [message["event"]["data"][0] for message in client.take(60)] == list(range(60))


def test_joins_without_reading_the_syncs(own_streams, name):
    """What a client asks for and doesn't take isn't made: its further frames wait."""
    streams = own_streams()
    value = "x" * (4 * MEGABYTE)
    streams.set(name, "g", "k", value)
    before = streams.engine.resident_bytes()
    client = with_small_buffer(streams.client())
    for number in range(500):  # 2 GB
        client.join(name, "g", name=f"s{number}")
    other = streams.client()
    for _ in range(50):
        assert other.joined(name, "empty")["event"] == {"type": "sync", "data": []}
    assert streams.engine.resident_bytes() - before < 160 * MEGABYTE
    for _ in range(20):
        assert client.receive()["event"]["data"] == [value]
    client.close()
    assert eventually(lambda: streams.call("list", name, "g") == [value], "the engine serves")


def test_events_wait_for_a_sync_that_is_long_in_coming(own_streams, name):
    """In order behind it; too many close that client only."""
    streams = own_streams(f"max_connection_queue_bytes: {MEGABYTE}")
    keeper = streams.worker()
    keeper.register_function(f"stream::list({name})")
    keeper.pending_messages()
    client, other = streams.client(), streams.client()
    frames = []
    for waiting in (client, other):
        waiting.join(name, "g")
        frames.append(keeper.receive_type("invokefunction"))
    for number in range(10):
        streams.send(name, "g", [number, "x" * 50_000])
    keeper.answer(frames[0], ["listed"])
    assert client.receive()["event"] == {"type": "sync", "data": ["listed"]}
    assert [message["event"]["event"]["data"][0] for message in client.take(10)] == list(range(10))
    for number in range(20):
        streams.send(name, "g", [number, "x" * 50_000])
        assert client.receive()["event"]["event"]["data"][0] == number
    assert other.drop_code() == 1013
    keeper.answer(frames[1], ["too late"])
    streams.send(name, "g", "last")
    assert client.receive()["event"]["event"]["data"] == "last"


def test_a_value_that_is_larger_than_the_queue_s_limit(streams, name):
    """24 MB reach those who read, one after the other; the limit is about what waits in front of them."""
    clients = [streams.client() for _ in range(2)]
    clients[0].joined(name, "g", resume=None)
    clients[1].joined(name, "g", "k")
    value = "x" * 24_000_000
    invocation = {"stream_name": name, "group_id": "g", "item_id": "k"}
    worker = streams.worker()
    for number in range(2):
        call_with_large_value(worker, {**invocation, "data": f"{number}{value}"})
        for client in clients:
            data = client.receive()["event"]["data"]
            assert len(data) == len(value) + 1 and data[0] == str(number)
    late = streams.client()
    [data] = late.joined(name, "g")["event"]["data"]
    assert len(data) == len(value) + 1
    assert late.joined(name, "g", "k")["event"]["data"] == data
    streams.set(name, "g", "k", 1)
    assert [client.receive()["event"]["data"] for client in clients] == [1, 1]


def call_with_large_value(worker, data: dict) -> None:
    """In frames that the engine takes, each at most 16 MiB."""
    call = str(uuid.uuid4())
    frame = {"type": "invokefunction", "invocation_id": call, "function_id": "stream::set", "data": data}
    message = json.dumps(frame).encode()
    half = len(message) // 2
    worker.send_frame(TEXT, message[:half], final=False)
    worker.send_frame(CONTINUATION, message[half:])
    assert worker.result_of(call)["result"]["new_value"] == data["data"]


def test_a_queue_smaller_than_what_a_client_asks_for(own_streams, name):
    """Its own syncs don't count, however small the limit: it is served as fast as it reads."""
    streams = own_streams("max_connection_queue_bytes: 65536")
    value = "x" * 20_000
    streams.set(name, "g", "k", value)
    client = with_small_buffer(streams.client())
    for number in range(500):  # 10 MB of syncs
        client.join(name, "g", name=f"s{number}")
    other = streams.client()
    assert other.joined(name, "empty")["event"] == {"type": "sync", "data": []}
    for _ in range(500):
        assert client.receive()["event"]["data"] == [value]
    streams.send(name, "g", "small")
    assert [message["event"]["event"]["data"] for message in client.take(500)] == ["small"] * 500


def test_a_sync_larger_than_the_queue(own_streams, name):
    """Taken slowly; the events behind it count, it doesn't."""
    streams = own_streams(f"max_connection_queue_bytes: {MEGABYTE}")
    for number in range(8):
        streams.set(name, "g", f"k{number}", str(number) * (4 * MEGABYTE))
    client = with_small_buffer(streams.client())
    client.join(name, "g", resume=None)
    for number in range(10):
        streams.send(name, "g", [number, "x" * 50_000])
    sync = client.receive()["event"]
    assert [len(data) for data in sync["data"]] == [4 * MEGABYTE] * 8 and sync["reason"] == "new"
    assert [message["event"]["event"]["data"][0] for message in client.take(10)] == list(range(10))
