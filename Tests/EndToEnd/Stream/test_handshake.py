"""Who may connect to port 3112: the upgrade, its refusals, the auth function (stream.md §6.1, §6.2)."""

from __future__ import annotations

import base64
import json
import os
import socket

import pytest

from support.engine import PATIENCE_SECONDS
from support.httpclient import request
from support.rawsocket import TEXT, Dropped, encode_frame
from support.streamclient import StreamClient
from support.waiting import eventually

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    "Sec-WebSocket-Version": "13",
}


def upgrade_without(*names: str, **changes: str) -> dict[str, str]:
    fields = {key: value for key, value in UPGRADE.items() if key not in names}
    return {**fields, **{key.replace("_", "-"): value for key, value in changes.items()}}


CONNECTION = "Connection header did not include 'upgrade'"
UPGRADE_HEADER = "`Upgrade` header did not include 'websocket'"
KEY = "`Sec-WebSocket-Key` header missing"
VERSION = "`Sec-WebSocket-Version` header did not include '13'"
REFUSED = [
    # The path is looked at first, then the method, then the headers in this order.
    ("GET", "/stream/chat/room-1", UPGRADE, 404, ""),
    ("GET", "/stream/chat/room-1", {}, 404, ""),
    ("POST", "/stream", {}, 404, ""),
    ("POST", "/", UPGRADE, 405, None),
    ("PUT", "/", {}, 405, None),
    ("DELETE", "/?token=1", {}, 405, None),
    ("GET", "/", {}, 400, CONNECTION),
    ("GET", "/", {"Connection": "keep-alive"}, 400, CONNECTION),
    ("GET", "/", upgrade_without("Connection"), 400, CONNECTION),
    ("GET", "/", {"Connection": "Upgrade"}, 400, UPGRADE_HEADER),
    ("GET", "/", upgrade_without(Upgrade="h2c"), 400, UPGRADE_HEADER),
    ("GET", "/", upgrade_without("Sec-WebSocket-Key"), 400, KEY),
    ("GET", "/", upgrade_without("Sec-WebSocket-Key", "Sec-WebSocket-Version"), 400, KEY),
    ("GET", "/", upgrade_without("Sec-WebSocket-Version"), 400, VERSION),
    ("GET", "/", upgrade_without(Sec_WebSocket_Version="8"), 400, VERSION),
]


@pytest.mark.parametrize(("method", "target", "headers", "status", "text"), REFUSED)
def test_refusals(stream_engine, method, target, headers, status, text):
    response = request(stream_engine.stream_port, method, target, headers=headers)
    assert response.status == status
    if text is not None:
        assert response.body.decode() == text
    if status == 400:
        assert response.header("content-type").startswith("text/plain")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/?token=a&b", {}),
        ("/", {"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket"}),
        ("/", {"Origin": "https://elsewhere.example"}),
        ("/", {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}),
    ],
)
def test_upgrades(streams, path, headers, name):
    client = streams.client(path=path, headers=headers)
    assert client.joined(name, "g")["event"] == {"type": "sync", "data": []}
    head = client.response_head.lower()
    assert "sec-websocket-extensions" not in head and "access-control" not in head
    assert "sec-websocket-protocol" not in head, "none was asked for"


@pytest.mark.parametrize("asked", ["chat", "graphql-ws, chat", "a.b, c"])
def test_the_first_subprotocol_is_chosen(streams, asked):
    """Browsers that ask for one fail unless one is chosen."""
    head = streams.client(headers={"Sec-WebSocket-Protocol": asked}).response_head.lower()
    assert f"sec-websocket-protocol: {asked.split(',')[0]}\r\n" in head


# The auth function

AUTH = "auth_function: test::auth"


@pytest.fixture
def guarded(own_streams):
    return own_streams(AUTH)


def open_later(port: int, head: str) -> socket.socket:
    """Sends the head as it is, without waiting for the answer."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    peer.sendall(head.encode("latin-1"))
    return peer


def status_of(peer: socket.socket) -> str:
    received = b""
    while b"\r\n" not in received and (chunk := peer.recv(4096)):
        received += chunk
    return received.split(b"\r\n")[0].decode()


def head_of(target: str, *lines: str) -> str:
    fields = [f"{key}: {value}" for key, value in UPGRADE.items()]
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: 127.0.0.1", *fields, *lines]) + "\r\n\r\n"


def test_auth_payload(guarded):
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    head = head_of(
        "/?token=t%201&token=t2&flag&=none&a=b=c&pl+us=1+2&&empty=",
        "X-Twice: first",
        "x-twice: last",
        "Cookie: sid=1; b=2",
        "Authorization: Bearer x",
        "X-Latin: caf\xe9",
        "X-Empty:",
    )
    peer = open_later(guarded.engine.stream_port, head)
    frame = worker.answer_next({"context": {"user": 7}})
    assert status_of(peer) == "HTTP/1.1 101 Switching Protocols"
    host, port = peer.getsockname()
    assert frame["data"] == {
        "headers": {
            "host": "127.0.0.1",
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-key": UPGRADE["Sec-WebSocket-Key"],
            "sec-websocket-version": "13",
            "x-twice": "last",
            "cookie": "sid=1; b=2",
            "authorization": "Bearer x",
            "x-empty": "",
        },
        "path": "/",
        "query_params": {
            "token": ["t%201", "t2"],
            "flag": [""],
            "a": ["b=c"],
            "pl+us": ["1+2"],
            "empty": [""],
        },
        "addr": f"{host}:{port}",
    }
    peer.close()


CONTEXTS = [
    ({"context": {"user": [1, "ü"]}}, {"user": [1, "ü"]}),
    ({"context": None}, None),
    ({"context": 0}, 0),
    ({"user": 1}, None),
    ({}, None),
    (None, None),
    ("yes", None),
    ([1], None),
    (True, None),
]


@pytest.mark.parametrize(("answer", "context"), CONTEXTS)
def test_auth_result_is_the_context_of_joins_and_leaves(guarded, answer, context):
    worker = guarded.worker()
    for kind in ("auth", "join", "leave"):
        worker.register_function(f"test::{kind}")
    worker.register_trigger("stream:join", "test::join", {})
    worker.register_trigger("stream:leave", "test::leave", {})
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/"))
    worker.answer_next(answer)
    assert status_of(peer) == "HTTP/1.1 101 Switching Protocols"
    client = StreamClient.__new__(StreamClient)
    client.socket, client.buffer, client.marks = peer, bytearray(), 0
    client.join("chat", "room")
    expected = {"subscription_id": "s", "stream_name": "chat", "group_id": "room", "id": None, "context": context}
    assert worker.answer_next({"unauthorized": False})["data"] == expected
    assert client.receive()["event"] == {"type": "sync", "data": []}
    client.close()
    assert worker.answer_next(None)["data"] == expected


def refused_with_401(port: int) -> bool:
    with pytest.raises(Dropped) as caught:
        StreamClient(port)
    return "401" in str(caught.value)


def test_without_the_auth_function_nobody_is_admitted(guarded):
    """Upstream lets everybody in, without context."""
    assert refused_with_401(guarded.engine.stream_port)
    assert "auth function" in guarded.engine.log()
    # It comes, and goes.
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/"))
    worker.answer_next({})
    assert status_of(peer).startswith("HTTP/1.1 101")
    worker.close()
    eventually(lambda: refused_with_401(guarded.engine.stream_port), "nobody is admitted again")


def test_an_auth_function_that_fails_refuses(guarded):
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/"))
    frame = worker.receive_type("invokefunction")
    fields = {key: frame[key] for key in ("invocation_id", "function_id")}
    error = {"code": "no", "message": "not today"}
    worker.send({"type": "invocationresult", **fields, "error": error})
    assert status_of(peer) == "HTTP/1.1 401 Unauthorized"
    assert "not today" in guarded.engine.log()


def test_a_worker_that_leaves_instead_of_answering_refuses(guarded):
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/"))
    worker.receive_type("invokefunction")
    worker.close()
    assert status_of(peer) == "HTTP/1.1 401 Unauthorized"


def test_an_auth_function_that_hangs_refuses_and_holds_nobody(guarded, name):
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/?who=hanging"))
    worker.receive_type("invokefunction")
    # Others are asked about and admitted meanwhile; somebody who gives up is no trouble.
    open_later(guarded.engine.stream_port, head_of("/?who=impatient")).close()
    worker.receive_type("invokefunction")
    second = open_later(guarded.engine.stream_port, head_of("/?who=second"))
    assert worker.answer_next(None)["data"]["query_params"] == {"who": ["second"]}
    assert status_of(second).startswith("HTTP/1.1 101")
    assert status_of(peer) == "HTTP/1.1 401 Unauthorized"


def test_ten_thousand_headers_or_a_huge_one(stream_engine):
    """Bounded before anything is made of them."""
    for lines in ([f"X-{n}: {n}" for n in range(10_000)], ["X-Long: " + os.urandom(100_000).hex()]):
        peer = open_later(stream_engine.stream_port, "")
        try:
            peer.sendall(head_of("/", *lines).encode())
            assert not status_of(peer).startswith("HTTP/1.1 101")
        except ConnectionError:
            pass
        peer.close()
    assert request(stream_engine.stream_port, "GET", "/x").status == 404


def test_what_a_client_sends_before_it_is_admitted(guarded, name):
    """Stays in its socket until the function has answered; then it counts."""
    worker = guarded.worker()
    worker.register_function("test::auth")
    worker.pending_messages()
    peer = open_later(guarded.engine.stream_port, head_of("/"))
    frame = worker.receive_type("invokefunction")
    before = guarded.engine.resident_bytes()
    join = {"type": "join", "data": {"subscriptionId": "s", "streamName": name, "groupId": "g"}}
    # Leaves of what isn't there: nothing is answered.
    leave = {"type": "leave", "data": {"subscriptionId": "none", "streamName": name, "groupId": "g"}}
    frames = encode_frame(TEXT, json.dumps(leave).encode()) * 500
    peer.settimeout(1)
    sent, size = 0, 64 << 20
    try:
        while sent < size:
            offset = sent % len(frames)
            sent += peer.send(frames[offset:])
    except TimeoutError:
        pass
    assert sent < size, "nobody reads it"
    assert guarded.engine.resident_bytes() - before < 16 << 20
    worker.answer(frame, None)
    peer.settimeout(PATIENCE_SECONDS)
    peer.sendall(frames[sent % len(frames) :] + encode_frame(TEXT, json.dumps(join).encode()))
    assert status_of(peer) == "HTTP/1.1 101 Switching Protocols"
    received = b""
    while b'"sync"' not in received:
        received = received[-8:] + peer.recv(65536)
    peer.close()
