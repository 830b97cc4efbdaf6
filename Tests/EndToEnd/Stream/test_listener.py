"""Port 3112 as a listener: its start, a changed configuration, its end (stream.md §6.7, §8)."""

from __future__ import annotations

import re
import socket

import pytest

from support.engine import accepts_connections, free_port
from support.rawsocket import Dropped
from support.streamclient import StreamClient, briefs
from support.waiting import eventually


def test_a_graceful_stop_closes_with_1001(own_streams, name):
    streams = own_streams()
    clients = [streams.client() for _ in range(200)]
    for client in clients:
        client.join(name, "g")
    for client in clients:
        client.receive()
    streams.engine.stop()
    assert {client.drop_code() for client in clients} == {1001}


def test_a_stuck_client_can_t_hold_the_engine(own_streams, name):
    streams = own_streams()
    client = streams.client()
    client.joined(name, "g")
    for number in range(100):
        streams.set(name, "g", "k", "x" * 100_000)
    streams.engine.stop()


def test_a_half_open_handshake_can_t_hold_the_engine(own_streams):
    streams = own_streams()
    peers = [socket.create_connection(("127.0.0.1", streams.engine.stream_port)) for _ in range(10)]
    peers[0].sendall(b"GET / HTTP/1.1\r\nHo")
    streams.engine.stop()


def test_port_0_is_any_port(own_streams, name):
    streams = own_streams(start=False)
    engine = streams.engine
    engine.config.write_text(engine.config.read_text().replace(f"port: {engine.stream_port}", "port: 0"))
    engine.ports = [engine.worker_port]
    engine.start()
    [port] = re.findall(r"Stream API listening on address: 127.0.0.1:(\d+)", engine.log())
    assert int(port) > 0
    assert streams.client(int(port)).joined(name, "g")["event"]["type"] == "sync"


def test_a_port_that_is_taken_stops_the_boot(own_streams):
    """As with every listener of this engine's; upstream goes on without port 3112."""
    streams = own_streams(start=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", streams.engine.stream_port))
        taken.listen()
        assert streams.engine.run_to_exit() == 1
    words = f"failed to start worker 'iii-stream': address 127.0.0.1:{streams.engine.stream_port} is already in use"
    assert words in streams.engine.log()


# A changed configuration: a worker serves `configuration::get` as the configuration worker would.


class Keeper:
    """What is stored, and the news that it has changed."""

    def __init__(self, streams) -> None:
        self.streams = streams
        self.worker = streams.worker()
        for operation in ("get", "register"):
            self.worker.register_function(f"configuration::{operation}")
        self.worker.pending_messages()
        adapter = {"name": "kv", "config": {"store_method": "file_based", "file_path": "./data/streams"}}
        self.value = {"host": "127.0.0.1", "port": streams.engine.stream_port, "adapter": adapter}

    def change(self, **fields) -> None:
        """Stores and tells, until the engine has taken it into use or refused it."""
        self.value.update(fields)
        self.tell({"id": "iii-stream", "value": self.value})

    def tell(self, answer) -> None:
        call = self.streams.caller.invoke("iii-stream::on-config-change", {"anything": 1})
        assert self.worker.answer_next(answer)["data"] == {"id": "iii-stream"}
        assert self.streams.caller.result_of(call)["result"] == {}


@pytest.fixture
def served(own_streams):
    streams = own_streams()
    return streams, Keeper(streams)


def test_a_new_port(served, name):
    streams, keeper = served
    old = streams.engine.stream_port
    clients = [streams.client() for _ in range(20)]
    for number, client in enumerate(clients):
        position = client.joined(name, "g", resume=None, name=f"s{number}")["position"]
    leaves = streams.worker()
    leaves.register_function(f"{name}::left")
    leaves.register_trigger("stream:leave", f"{name}::left", {})
    leaves.pending_messages()
    port = free_port()
    keeper.change(port=port)
    assert {client.drop_code() for client in clients} == {1001}
    assert len({leaves.answer_next(None)["data"]["subscription_id"] for _ in clients}) == 20
    eventually(lambda: not accepts_connections(old), "the old port is given up")
    streams.set(name, "g", "k", 1)
    client = streams.client(port)
    assert client.joined(name, "g", resume=position)["event"] == {"type": "resumed", "missed": 1}
    assert briefs(client.take(1)) == [("k", "create", 1)]
    assert f"Stream API listening on address: 127.0.0.1:{port}" in streams.engine.log()
    # And back.
    keeper.change(port=old)
    assert client.drop_code() == 1001
    assert streams.client(old).joined(name, "g")["event"]["data"] == [1]


def test_another_host_on_the_same_port(served, name):
    streams, keeper = served
    client = streams.client()
    keeper.change(host="127.0.0.2")
    assert client.drop_code() == 1001
    with socket.create_connection(("127.0.0.2", streams.engine.stream_port)) as peer:
        peer.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 404")
    assert not accepts_connections(streams.engine.stream_port), "127.0.0.1 is given up"


def test_an_address_that_can_t_be_bound_changes_nothing(served, name):
    streams, keeper = served
    client = streams.client()
    client.joined(name, "g")

    def is_as_before() -> None:
        streams.send(name, "g", 1)
        assert briefs(client.arrived()) == [(None, "event", {"type": "note", "data": 1})]
        assert streams.client().joined(name, "g")["event"]["type"] == "sync"

    # The same port of an overlapping host.
    keeper.change(host="0.0.0.0", auth_function="test::nowhere")
    is_as_before()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        keeper.change(host="127.0.0.1", port=taken.getsockname()[1])
        is_as_before()
    keeper.change(host="192.0.2.1", port=streams.engine.stream_port)
    is_as_before()
    assert streams.engine.log().count("failed to apply changed configuration; keeping previous config") == 3


@pytest.mark.parametrize(
    "change",
    [{"port": 65_536}, {"port": "x"}, {"port": None}, {"host": 5}, {"max_ids": 1}, {"max_connections": 0}],
    ids=repr,
)
def test_a_malformed_value_changes_nothing(served, name, change):
    streams, keeper = served
    client = streams.client()
    client.joined(name, "g")
    keeper.change(**{"port": free_port(), **change})
    assert client.arrived() == []
    assert "stored `iii-stream` configuration is invalid: " in streams.engine.log()


@pytest.mark.parametrize("answer", [None, {}, {"id": "iii-stream", "value": None}])
def test_nothing_stored_changes_nothing(served, name, answer):
    streams, keeper = served
    client = streams.client()
    keeper.tell(answer)
    assert client.joined(name, "g")["event"]["type"] == "sync"


def test_settings_of_new_connections_and_joins(served, name):
    streams, keeper = served
    client = streams.client()
    client.joined(name, "g")
    keeper.change(auth_function="test::nowhere", max_subscriptions_per_connection=1)
    with pytest.raises(Dropped) as caught:
        StreamClient(streams.engine.stream_port)
    assert "401" in str(caught.value)
    # Who is connected stays.
    streams.set(name, "g", "k", 1)
    assert briefs(client.take(1)) == [("k", "create", 1)]
    event = client.joined(name, "g", name="second")["event"]
    assert event == {"type": "unauthorized", "reason": "the connection already has 1 subscriptions"}
    keeper.change(auth_function=None, max_subscriptions_per_connection=2)
    assert streams.client().joined(name, "g")["event"]["type"] == "sync"
    assert client.joined(name, "g", name="second")["event"]["type"] == "sync"


def test_a_changed_adapter_has_no_effect_here(served, name):
    streams, keeper = served
    streams.set(name, "g", "k", 1)
    keeper.change(adapter={"name": "kv", "config": {"store_method": "in_memory"}})
    assert streams.call("list", name, "g") == [1]
    assert streams.set(name, "g", "k", 2, ack=True)["durable"]["mode"] == "synced"
    assert "have no effect in this version" in streams.engine.log()
