"""Guards of subscriptions and news of their end: `stream:join` and `stream:leave` (stream.md §5, §6.4, §6.5)."""

from __future__ import annotations

import signal
import time

import pytest

from support.rawsocket import RawWorker
from support.streamclient import briefs
from support.waiting import eventually

UNAUTHORIZED = {"type": "unauthorized"}
FAILED = {"type": "unauthorized", "reason": "a stream:join guard failed"}


def membership(stream, group, item=None, *, name="s", context=None):
    return {"subscription_id": name, "stream_name": stream, "group_id": group, "id": item, "context": context}


def bound(streams, kind: str, function_id: str, config=None, **fields) -> RawWorker:
    """A worker whose function is bound to `stream:<kind>`."""
    worker = streams.worker()
    worker.register_function(function_id)
    worker.register_trigger(f"stream:{kind}", function_id, config or {}, **fields)
    worker.pending_messages()
    return worker


def refuse_with_error(worker: RawWorker, message: str) -> None:
    frame = worker.receive_type("invokefunction")
    fields = {key: frame[key] for key in ("invocation_id", "function_id")}
    worker.send({"type": "invocationresult", **fields, "error": {"code": "no", "message": message}})


@pytest.mark.parametrize("item", [None, "msg-1"])
def test_a_refused_join(streams, name, item):
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name})
    client = streams.client()
    client.join(name, "g", item, name="sub-1")
    frame = guard.answer_next({"unauthorized": True})
    assert frame["data"] == membership(name, "g", item, name="sub-1")
    message = client.receive()
    now = time.time() * 1000
    assert abs(message.pop("timestamp") - now) < 60_000
    assert message == {"type": "stream", "streamName": name, "groupId": "g", "id": item, "event": UNAUTHORIZED}
    # Nothing is subscribed, the connection stays open, and there is nothing to leave.
    streams.set(name, "g", "msg-1", 1)
    assert client.arrived() == []
    client.close_with()
    streams.client().join(name, "g", name="last")
    guard.answer_next({"unauthorized": True})
    assert [m for m in leaves.pending_messages() if m["type"] == "invokefunction"] == []


ANSWERS = [
    ({"unauthorized": False}, True),
    ({"unauthorized": False, "reason": "x"}, True),
    (None, True),
    ({}, True),
    ({"unauthorized": "nope"}, True),
    ({"unauthorized": None}, True),
    ({"unauthorized": 1}, True),
    ("no", True),
    (True, True),
    ([{"unauthorized": True}], True),
    ({"unauthorized": True}, False),
    ({"unauthorized": True, "other": 1}, False),
]


@pytest.mark.parametrize(("answer", "is_admitted"), ANSWERS)
def test_guard_answers(streams, name, answer, is_admitted):
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    client = streams.client()
    client.join(name, "g")
    guard.answer_next(answer)
    assert client.receive()["event"] == ({"type": "sync", "data": []} if is_admitted else UNAUTHORIZED)


def test_a_guard_that_fails_refuses(streams, name):
    """Upstream admits."""
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    client = streams.client()
    client.join(name, "g")
    refuse_with_error(guard, "database gone")
    assert client.receive()["event"] == FAILED
    assert "database gone" in streams.engine.log()
    # Its worker goes away instead of answering, and so does its trigger.
    client.join(name, "g")
    guard.receive_type("invokefunction")
    guard.close()
    assert client.receive()["event"] == FAILED
    assert eventually(lambda: client.joined(name, "g")["event"]["type"] == "sync", "nobody guards it")


def test_a_guard_without_a_function_refuses(streams, name):
    worker = streams.worker()
    worker.register_trigger("stream:join", f"{name}::nowhere", {"stream_name": name})
    worker.pending_messages()
    assert streams.client().joined(name, "g")["event"] == FAILED


def test_guard_errors_can_admit(own_streams, name):
    streams = own_streams("join_guard_errors: allow")
    guard = bound(streams, "join", f"{name}::guard")
    client = streams.client()
    client.join(name, "g")
    refuse_with_error(guard, "database gone")
    assert client.receive()["event"]["type"] == "sync"
    client.join(name, "other")
    guard.answer_next({"unauthorized": True})
    assert client.receive()["event"] == UNAUTHORIZED, "a plain refusal counts all the same"


@pytest.mark.parametrize("refusing", [0, 1, 2])
def test_one_guard_of_several_refuses_and_all_are_asked(streams, name, refusing):
    guards = [bound(streams, "join", f"{name}::guard-{n}", {"stream_name": name}) for n in range(3)]
    client = streams.client()
    client.join(name, "g")
    for number, guard in enumerate(guards):
        guard.answer_next({"unauthorized": number == refusing})
    assert client.receive()["event"] == UNAUTHORIZED


def test_a_plain_refusal_outweighs_a_failure(streams, name):
    failing = bound(streams, "join", f"{name}::failing", {"stream_name": name})
    refusing = bound(streams, "join", f"{name}::refusing", {"stream_name": name})
    client = streams.client()
    client.join(name, "g")
    refuse_with_error(failing, "no")
    refusing.answer_next({"unauthorized": True})
    assert client.receive()["event"] == UNAUTHORIZED


def test_stream_name_is_honoured(streams, name):
    """Upstream runs every guard for every join."""
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    client = streams.client()
    assert client.joined(f"{name}-other", "g")["event"]["type"] == "sync"
    client.join(name, "g")
    assert guard.answer_next({"unauthorized": True})["data"]["stream_name"] == name
    assert client.receive()["event"] == UNAUTHORIZED


@pytest.mark.parametrize("config", [{}, None, 5, "text", [], {"stream_name": ""}, {"stream_name": 5}])
def test_any_config_is_accepted_and_guards_everything(own_streams, name, config):
    streams = own_streams()
    worker = streams.worker()
    worker.register_function(f"{name}::guard")
    worker.register_trigger("stream:join", f"{name}::guard", config)
    worker.pending_messages()
    client = streams.client()
    client.join(name, "g")
    worker.answer_next({"unauthorized": True})
    assert client.receive()["event"] == UNAUTHORIZED


def test_condition_of_a_guard_is_honoured(streams, name):
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name, "condition_function_id": f"{name}::if"})
    guard.register_function(f"{name}::if")
    guard.pending_messages()
    client = streams.client()
    client.join(name, "public")
    frame = guard.answer_next(False)
    assert (frame["function_id"], frame["data"]) == (f"{name}::if", membership(name, "public"))
    assert client.receive()["event"]["type"] == "sync", "the guard wasn't asked"
    client.join(name, "private")
    guard.answer_next(True)
    assert guard.answer_next({"unauthorized": True})["function_id"] == f"{name}::guard"
    assert client.receive()["event"] == UNAUTHORIZED
    client.join(name, "private")
    refuse_with_error(guard, "no verdict")
    assert client.receive()["event"] == FAILED, "not known to be unguarded"


def test_metadata_and_replacement_of_a_guard(streams, name):
    """Upstream keeps the first function of an id."""
    worker = streams.worker()
    for number in range(2):
        worker.register_function(f"{name}::guard-{number}")
        config = {"stream_name": name}
        worker.register_trigger("stream:join", f"{name}::guard-{number}", config, id=name, metadata={"n": number})
    worker.pending_messages()
    client = streams.client()
    client.join(name, "g")
    frame = worker.answer_next(None)
    assert (frame["function_id"], frame["metadata"]) == (f"{name}::guard-1", {"n": 1})
    assert client.receive()["event"]["type"] == "sync"
    worker.send({"type": "unregistertrigger", "id": name})
    worker.pending_messages()
    assert client.joined(name, "g")["event"]["type"] == "sync"


def test_frames_wait_for_the_guard_and_other_clients_don_t(streams, name):
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    client, other = streams.client(), streams.client()
    client.join(name, "g", name="first")
    frame = guard.receive_type("invokefunction")
    client.join(f"{name}-free", "g", name="second")
    client.leave(f"{name}-free", "g", name="second")
    client.join(f"{name}-free", "last", name="third")
    assert other.joined(f"{name}-free", "g")["groupId"] == "g"
    guard.answer(frame, None)
    assert [message["groupId"] for message in client.take(3)] == ["g", "g", "last"]
    streams.set(f"{name}-free", "g", "k", 1)
    assert client.arrived() == [], "the second subscription has been left"
    assert briefs(other.take(1)) == [("k", "create", 1)]


def test_a_client_that_goes_while_its_guard_decides(streams, name):
    guard = bound(streams, "join", f"{name}::guard", {"stream_name": name})
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name})
    client = streams.client()
    client.join(name, "g")
    frame = guard.receive_type("invokefunction")
    client.close()
    eventually(lambda: streams.client().joined(f"{name}-free", "g"), "others are served")
    guard.answer(frame, {"unauthorized": False})
    guard.pending_messages()
    second = streams.client()
    second.join(name, "g", name="second")
    guard.answer_next(None)
    second.receive()
    second.close_with()
    left = [leaves.answer_next(None)["data"]["subscription_id"] for _ in range(2)]
    assert left == ["s", "second"], "the guard let the first in, so it is told that it went"


# Leave

def test_a_leave_frame(streams, name):
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name}, metadata={"tenant": "a"})
    client = streams.client()
    client.joined(name, "g", "msg-1", name="sub-1")
    client.leave(name, "g", "msg-1", name="sub-1")
    frame = leaves.answer_next({"anything": 1})
    assert (frame["data"], frame["metadata"]) == (membership(name, "g", "msg-1", name="sub-1"), {"tenant": "a"})
    streams.set(name, "g", "msg-1", 1)
    assert client.arrived() == [], "no reply and no event"
    # Of a subscription that isn't there: what the frame says.
    client.leave(name, "nowhere", name="unknown")
    assert leaves.answer_next(None)["data"] == membership(name, "nowhere", name="unknown")
    client.close_with()
    assert client_is_gone(streams, leaves, name) == []


def test_a_client_that_goes_while_it_is_leaving(streams, name):
    """Each of its subscriptions is left once."""
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name})
    client = streams.client()
    client.joined(name, "g", name="first")
    client.joined(name, "g", name="second")
    client.leave(name, "g", name="first")
    frame = leaves.receive_type("invokefunction")
    client.close()
    second = leaves.receive_type("invokefunction")
    assert [f["data"]["subscription_id"] for f in (frame, second)] == ["first", "second"]
    for told in (frame, second):
        leaves.answer(told, None)
    assert client_is_gone(streams, leaves, name) == []


def client_is_gone(streams, leaves: RawWorker, name: str) -> list:
    """What the leave function is told before another client's leave."""
    marker = streams.client()
    marker.leave(name, "end", name="end")
    told = []
    while (frame := leaves.answer_next(None)["data"])["group_id"] != "end":
        told.append((frame["subscription_id"], frame["group_id"]))
    return told


@pytest.mark.parametrize("end", ["close frame", "connection lost", "protocol violation"])
def test_every_live_subscription_is_left_when_the_connection_ends(streams, name, end):
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name})
    client = streams.client()
    for number in range(5):
        client.joined(name, f"g{number}", name=f"sub-{number}")
    client.joined(name, "replaced", name="sub-1")  # in place of the one before, which isn't left
    if end == "close frame":
        client.close_with()
    elif end == "connection lost":
        client.close()
    else:
        client.send_frame(0xF, b"")
    told = [leaves.answer_next(None)["data"] for _ in range(5)]
    assert sorted(frame["subscription_id"] for frame in told) == [f"sub-{number}" for number in range(5)]
    assert {frame["group_id"] for frame in told} == {"g0", "replaced", "g2", "g3", "g4"}
    assert client_is_gone(streams, leaves, name) == []


def test_the_close_handshake_doesn_t_wait_for_leave_functions(streams, name):
    leaves = bound(streams, "leave", f"{name}::left", {"stream_name": name})
    client = streams.client()
    client.joined(name, "g", name="sub-1")
    client.joined(name, "g", name="sub-2")
    assert client.close_with() < 5, "the function hasn't answered"
    first = leaves.receive_type("invokefunction")
    streams.set(name, "g", "k", 1)  # nobody is subscribed, nothing breaks
    leaves.answer(first, None)
    leaves.answer_next(None)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_graceful_stop_leaves_everything(own_streams, name, in_memory):
    """Upstream's sockets just drop, and with kv nobody is told."""
    streams = own_streams(in_memory=in_memory)
    leaves = bound(streams, "leave", f"{name}::left")
    clients = [streams.client() for _ in range(3)]
    for number, client in enumerate(clients):
        client.joined(name, "g", name=f"sub-{number}")
    streams.engine.signal(signal.SIGTERM)
    told = set()
    for _ in clients:
        told.add(leaves.answer_next(None)["data"]["subscription_id"])
    assert told == {"sub-0", "sub-1", "sub-2"}
    assert [client.drop_code() for client in clients] == [1001] * 3
    assert streams.engine.wait() == 0


def test_a_leave_function_that_hangs_can_t_hold_the_engine(own_streams, name):
    streams = own_streams()
    leaves = bound(streams, "leave", f"{name}::left")
    client = streams.client()
    client.joined(name, "g")
    streams.engine.signal(signal.SIGTERM)
    leaves.receive_type("invokefunction")
    assert client.drop_code() == 1001
    assert streams.engine.wait() == 0
