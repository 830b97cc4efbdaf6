"""Clients that take and don't give: silent, half-spoken, slow, never reading. Others mustn't notice."""

from __future__ import annotations

import resource
import select
import socket
import threading
import time
import uuid

import pytest

from support.httpclient import request, request_json, send_raw
from support.rawsocket import TEXT, Bystander, Dropped, RawSocket, RawWorker, encode_frame
from support.waiting import eventually

SILENT_CONNECTIONS = 10_000
# What a test may find as the time of one check by a bystander: far above any stall-free run, far below a stall.
STALL_SECONDS = 5.0


def route(worker: RawWorker, port: int, path: str) -> None:
    """An HTTP route whose handler is answered by hand."""
    worker.register_function(path)
    worker.register_trigger("http", path, {"api_path": path, "http_method": "POST"})
    worker.pending_messages()


def open_silently(port: int, count: int, first_bytes: bytes = b"") -> list[socket.socket]:
    peers = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port), timeout=60)
        if first_bytes:
            peer.sendall(first_bytes)
        peers.append(peer)
    return peers


def wait_until_closed(peers: list[socket.socket], check) -> None:
    """Until the engine has closed each of them; `check` is called in between."""
    watch = select.poll()
    for peer in peers:
        watch.register(peer, select.POLLIN)
    by_number = {peer.fileno(): peer for peer in peers}
    deadline = time.monotonic() + 150
    while by_number:
        for number, _ in watch.poll(200):
            try:
                ended = not by_number[number].recv(4096)
            except ConnectionError:
                ended = True
            if ended:
                watch.unregister(number)
                del by_number[number]
        assert time.monotonic() < deadline, f"{len(by_number)} of {len(peers)} are still open"
        check()


def test_ten_thousand_silent_connections(engine_factory):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < SILENT_CONNECTIONS + 500:
        pytest.skip("the hard limit of open files is too low")
    engine = engine_factory(manager="handshake_timeout_ms: 8000").start()
    others = Bystander(engine.worker_port)
    others.check()
    peers = open_silently(engine.worker_port, SILENT_CONNECTIONS)
    assert others.slowest_check(2) < STALL_SECONDS
    assert engine.resident_bytes() < 400 << 20
    wait_until_closed(peers, others.check)
    for peer in peers:
        peer.close()
    others.close()
    engine.stop()


@pytest.mark.parametrize("beginning", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n"])
def test_half_a_handshake_ends_at_the_deadline(engine_factory, beginning):
    engine = engine_factory(manager="handshake_timeout_ms: 500").start()
    others = Bystander(engine.worker_port)
    peers = open_silently(engine.worker_port, 200, beginning)
    wait_until_closed(peers, others.check)
    others.check()


def test_handshake_deadline_spares_upgraded_sockets(engine_factory):
    engine = engine_factory(manager="handshake_timeout_ms: 300").start()
    worker = RawWorker(engine.worker_port)
    wait_until_closed(open_silently(engine.worker_port, 1), lambda: None)
    assert worker.pending_messages() == []


class Dribble(threading.Thread):
    """Sends one more header byte to each connection every second, for as long as it's let."""

    def __init__(self, peers: list[socket.socket]) -> None:
        super().__init__(daemon=True)
        self.peers = peers
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(1):
            for peer in self.peers:
                try:
                    peer.sendall(b"a")
                except OSError:
                    pass  # closed by the engine: what the test waits for


@pytest.mark.parametrize("target", ["worker", "http"])
def test_slow_loris(engine_factory, target):
    """Headers that never end are cut off by a deadline, however steadily they trickle."""
    engine = engine_factory(manager="handshake_timeout_ms: 4000").start()
    others = Bystander(engine.worker_port)
    port = engine.worker_port if target == "worker" else engine.http_port
    peers = open_silently(port, 200, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    dribble = Dribble(peers)
    dribble.start()

    def check():
        others.check()
        assert request(engine.http_port, "GET", "/none").status == 404

    try:
        wait_until_closed(peers, check)
    finally:
        dribble.ended.set()
    check()


def test_client_that_never_reads_its_results(engine_factory):
    """A gigabyte of answers to somebody who doesn't take them: paused or dropped, never kept in memory."""
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    key = {"scope": "large", "key": "k"}
    others.caller.call("state::set", {**key, "value": "x" * (1 << 20)})
    before = engine.resident_bytes()
    greedy = RawWorker(engine.worker_port)
    greedy.socket.settimeout(2)
    try:
        for _ in range(1000):
            greedy.invoke("state::get", key)
    except OSError:
        pass  # paused by the engine's back-pressure, or dropped
    assert others.slowest_check(2) < STALL_SECONDS
    grown = engine.resident_bytes() - before
    assert grown < 400 << 20, f"grew by {grown >> 20} MiB"
    greedy.close()
    others.check()


def test_pings_whose_answers_nobody_reads(engine_factory):
    """Small frames count too: two million unread pongs once took a gigabyte and a half."""
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    before = engine.resident_bytes()
    greedy = RawWorker(engine.worker_port)
    greedy.socket.settimeout(1)
    burst = encode_frame(TEXT, b'{"type":"ping"}') * 1000
    try:
        for _ in range(2000):
            greedy.send_bytes(burst)
    except OSError:
        pass  # no longer read by the engine
    assert others.slowest_check(2) < STALL_SECONDS
    grown = engine.resident_bytes() - before
    assert grown < 100 << 20, f"grew by {grown >> 20} MiB"
    greedy.close()
    others.check()


def test_a_burst_of_requests_for_large_values(engine_factory):
    """Everything is answered, in pieces, to a client that does read; it isn't dropped for having asked."""
    engine = engine_factory().start()
    key = {"scope": "large", "key": "k"}
    reader = RawWorker(engine.worker_port)
    reader.call("state::set", {**key, "value": "x" * (1 << 20)})
    for _ in range(300):
        reader.invoke("state::get", key)
    answered = 0
    while answered < 300:
        message = reader.receive()
        if message["type"] == "invocationresult":
            assert len(message["result"]) == 1 << 20
            answered += 1


def test_executor_that_never_reads_its_calls(engine_factory):
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    before = engine.resident_bytes()
    deaf = RawWorker(engine.worker_port)
    function_id = f"deaf::{uuid.uuid4()}"
    deaf.register_function(function_id)
    deaf.pending_messages()
    caller = RawWorker(engine.worker_port)
    caller.socket.settimeout(2)
    frame = f'{{"type":"invokefunction","function_id":"{function_id}","data":"{"x" * (1 << 20)}"}}'.encode()
    encoded = encode_frame(TEXT, frame)
    try:
        for _ in range(1000):
            caller.send_bytes(encoded)
    except OSError:
        pass
    assert others.slowest_check(2) < STALL_SECONDS
    grown = engine.resident_bytes() - before
    assert grown < 400 << 20, f"grew by {grown >> 20} MiB"


def test_http_client_that_never_reads_its_response(engine_factory):
    engine = engine_factory().start()
    others = Bystander(engine.worker_port)
    worker = RawWorker(engine.worker_port)
    route(worker, engine.http_port, "large")
    before = engine.resident_bytes()
    head = b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    peers = open_silently(engine.http_port, 60, head)
    body = {"status_code": 200, "body": "x" * (8 << 20)}
    for _ in peers:
        worker.answer_next(body)
    others.check()
    for peer in peers:
        peer.close()
    eventually(lambda: engine.resident_bytes() - before < 700 << 20, "memory is bounded")
    others.check()


def test_many_calls_in_flight_end_with_their_executor(engine_factory):
    engine = engine_factory().start()
    executor, caller = RawWorker(engine.worker_port), RawWorker(engine.worker_port)
    executor.register_function("f")
    executor.pending_messages()
    calls = {caller.invoke("f", {"n": n}) for n in range(20_000)}
    caller.pending_messages()
    executor.close()
    while calls:
        frame = caller.receive_type("invocationresult")
        assert frame["error"]["code"] == "invocation_stopped"
        calls.discard(frame["invocation_id"])


HTTP_GARBAGE = {
    "nonsense": (b"\x00\x01\x02\x03\r\n\r\n", (b"400",)),
    "bad version": (b"GET / HTTP/9.9\r\n\r\n", (b"400", b"505")),
    "bad header": (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", (b"400",)),
    "negative length": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", (b"400",)),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", (b"400",)),
    "too many headers": (b"GET / HTTP/1.1\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(200)) + b"\r\n", (b"431",)),
    "long header": (b"GET / HTTP/1.1\r\nx: " + b"y" * 500_000 + b"\r\n\r\n", (b"431", b"400")),
    "long target": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (b"414",)),
}


@pytest.mark.parametrize("name", HTTP_GARBAGE)
def test_http_garbage(shared_engine, bystander, name):
    data, statuses = HTTP_GARBAGE[name]
    try:
        answer = send_raw(shared_engine.http_port, data)
    except ConnectionError:
        answer = b""  # closed while we were still sending
    if answer:
        assert answer.split(b" ")[1] in statuses, answer[:200]
    bystander.check()


def test_pipelined_requests_are_answered_in_order(shared_engine, raw):
    worker = raw()
    route(worker, shared_engine.http_port, "pipe")
    head = b"POST /pipe?n=%d HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%s\r\n"
    with socket.create_connection(("127.0.0.1", shared_engine.http_port), timeout=60) as peer:
        peer.sendall(b"".join(head % (n, b"Connection: close\r\n" if n == 4 else b"") for n in range(5)))
        for n in range(5):
            frame = worker.answer_next({"body": f"answer-{n}"})
            assert frame["data"]["query_params"] == {"n": str(n)}
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
    places = [received.index(b'"answer-%d"' % n) for n in range(5)]
    assert places == sorted(places)


def test_a_half_closed_client_gets_its_answer(shared_engine, raw):
    """apple/swift-nio#115: `printf … | nc -N` got none. The socket's own options matter here."""
    worker = raw()
    route(worker, shared_engine.http_port, "half")
    with socket.create_connection(("127.0.0.1", shared_engine.http_port), timeout=60) as peer:
        peer.sendall(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        peer.shutdown(socket.SHUT_WR)
        worker.answer_next({"body": "late"})
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 OK") and received.endswith(b'"late"')


def test_http_body_cut_off(shared_engine, bystander):
    for length in (1, 1000, 10_000_000):
        head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{" % length
        for peer in open_silently(shared_engine.http_port, 20, head):
            peer.close()
    bystander.check()


def test_http_body_over_the_limit(shared_engine, raw, bystander):
    worker = raw()
    route(worker, shared_engine.http_port, "limit")
    head = b"POST /limit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 80000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_engine.http_port), timeout=60) as peer:
        peer.sendall(head)
        try:
            for _ in range(80):
                peer.sendall(b"1" * 1_000_000)
        except OSError:
            pass
        try:
            answer = peer.recv(65536)
        except ConnectionError:
            answer = b""
    assert not answer or b" 413 " in answer.split(b"\r\n")[0], answer[:200]
    bystander.check()


def test_json_body_of_20_mib(shared_engine, raw):
    worker = raw()
    route(worker, shared_engine.http_port, "large-body")
    outcome = []
    value = {"text": "ä" * (10 << 20)}
    thread = threading.Thread(
        target=lambda: outcome.append(request_json(shared_engine.http_port, "POST", "/large-body", value))
    )
    thread.start()
    frame = worker.answer_next({"body": "taken"})
    thread.join(60)
    assert frame["data"]["body"] == value and outcome[0].json == "taken"


def test_plain_http_on_the_worker_port(shared_engine, bystander):
    answer = send_raw(shared_engine.worker_port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ")[1] in (b"400", b"426")
    with pytest.raises(Dropped):
        RawSocket(shared_engine.worker_port, headers={"Sec-WebSocket-Version": "8"})
    bystander.check()
