"""Frames of port 3112: what is ignored, syncs, who gets which event, order, liveness (stream.md §6.3-§6.7)."""

from __future__ import annotations

import json
import time

import pytest

from support.rawsocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Dropped
from support.streamclient import briefs, subscription

JOIN = {"subscriptionId": "s", "streamName": "x", "groupId": "g"}


def wrapper(stream, group, item, event):
    return {"type": "stream", "streamName": stream, "groupId": group, "id": item, "event": event}


def timeless(message):
    timestamp = message.pop("timestamp")
    assert isinstance(timestamp, int) and abs(timestamp - time.time() * 1000) < 60_000
    return message


IGNORED = [
    "",
    " \n\t",
    "{",
    "null",
    "5",
    '"join"',
    "[]",
    "{}",
    '{"type":"join"}',
    '{"type":"join","data":null}',
    '{"type":"join","data":[]}',
    json.dumps({"data": JOIN}),
    json.dumps({"type": None, "data": JOIN}),
    json.dumps({"type": "JOIN", "data": JOIN}),
    json.dumps({"type": "subscribe", "data": JOIN}),
    json.dumps({"type": "ping"}),
    # As the console sends them.
    json.dumps({"type": "join", "data": {"streamName": "x"}}),
    *(json.dumps({"type": "join", "data": {**JOIN, field: None}}) for field in JOIN),
    *(json.dumps({"type": "join", "data": {**JOIN, field: 5}}) for field in JOIN),
    *(json.dumps({"type": "leave", "data": {k: v for k, v in JOIN.items() if k != field}}) for field in JOIN),
    json.dumps({"type": "join", "data": {**JOIN, "id": 5}}),
    json.dumps({"type": "join", "data": {**JOIN, "id": {}}}),
    json.dumps({"type": "join", "data": JOIN}) + "}",
    json.dumps({"type": "join", "data": JOIN}) + "\0",
    "[" * 100_000,
    '{"type":' * 1000,
    '{"type":"join","data":{"subscriptionId":"\\ud800","streamName":"x"',
]


def test_what_is_no_join_and_no_leave_is_ignored(streams):
    client = streams.client()
    for text in IGNORED:
        client.send_text(text)
        client.send_frame(BINARY, text.encode())
    for opcode in (BINARY, TEXT):
        client.send_frame(opcode, bytes(range(256)))
        client.send_frame(opcode, json.dumps({"type": "join", "data": JOIN}).encode().replace(b"g", b"\xff"))
    streams.set("x", "g", "k", 1)
    assert client.arrived() == []
    assert "level\":\"ERROR" not in streams.engine.log()


def test_frames_may_be_binary_fragmented_and_hold_more_than_is_asked_for(streams, name):
    client = streams.client()
    data = subscription("s", name, "g", None, extra={"a": [1]})
    text = json.dumps({"type": "join", "data": data, "more": 1}, indent=2).encode()
    client.send_frame(BINARY, text)
    assert timeless(client.receive()) == wrapper(name, "g", None, {"type": "sync", "data": []})
    for index, start in enumerate(range(0, len(text), 10)):
        piece = text[start : start + 10]
        client.send_frame(CONTINUATION if index else TEXT, piece, final=start + 10 >= len(text))
        client.send_frame(PING, b"between")
    assert client.receive()["event"]["type"] == "sync"


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.send_frame(TEXT, b"{}", masked=False),
        lambda client: client.send_frame(TEXT, b"", claimed_length=16 * 1024 * 1024 + 1),
        lambda client: client.send_frame(0x3, b""),
        lambda client: client.send_frame(CONTINUATION, b"{}"),
        lambda client: client.send_bytes(b"\x91\x80\0\0\0\0"),
        lambda client: client.send_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
    ids=["unmasked", "17 MiB", "unknown opcode", "stray continuation", "reserved bit", "HTTP"],
)
def test_a_violation_ends_that_connection_only(streams, name, send):
    other = streams.client()
    other.joined(name, "g")
    client = streams.client()
    send(client)
    client.drop_code()
    streams.set(name, "g", "k", 1)
    assert briefs(other.take(1)) == [("k", "create", 1)]


# Sync

def test_syncs(streams, name):
    client = streams.client()
    assert timeless(client.joined(name, "g")) == wrapper(name, "g", None, {"type": "sync", "data": []})
    assert timeless(client.joined(name, "g", None)) == wrapper(name, "g", None, {"type": "sync", "data": []})
    assert timeless(client.joined(name, "g", "a")) == wrapper(name, "g", "a", {"type": "sync", "data": None})
    streams.set(name, "g", "b", {"n": [1]})
    streams.set(name, "g", "a", None)
    streams.set(f"{name}-other", "g", "c", 3)
    streams.set(name, "other", "d", 4)
    client = streams.client()
    assert client.joined(name, "g")["event"] == {"type": "sync", "data": [{"n": [1]}, None]}
    assert client.joined(name, "g", "a")["event"] == {"type": "sync", "data": None}
    assert timeless(client.joined(name, "g", "b")) == wrapper(name, "g", "b", {"type": "sync", "data": {"n": [1]}})
    assert client.joined(name, "g", "")["event"] == {"type": "sync", "data": None}


def test_sync_of_a_large_group(streams, name):
    for number in range(1000):
        streams.caller.invoke(
            "stream::set", {"stream_name": name, "group_id": "g", "item_id": f"{number}", "data": [number, "x" * 2000]}
        )
    streams.caller.pending_messages()
    streams.set(name, "g", "last", "last")
    data = streams.client().joined(name, "g")["event"]["data"]
    assert [value[0] for value in data[:-1]] == list(range(1000)) and data[-1] == "last"


# Events

def test_events_of_items(streams, name):
    client = streams.client()
    client.joined(name, "g")
    streams.set(name, "g", "a", {"n": 1})
    streams.set(name, "g", "a", {"n": 1})
    streams.call("update", name, "g", item_id="a", ops=[{"type": "increment", "path": "n", "by": 2}])
    streams.call("update", name, "g", item_id="b", ops=[])
    streams.set(name, "g", "c", None)
    streams.set(name, "g", "c", 1)
    for item in ("a", "b", "c", "absent"):
        streams.delete(name, "g", item)
    streams.set(name, "g", "d", None)
    streams.delete(name, "g", "d")
    messages = client.arrived()
    assert briefs(messages) == [
        ("a", "create", {"n": 1}),
        ("a", "update", {"n": 1}),
        ("a", "update", {"n": 3}),
        ("b", "create", {}),
        ("c", "create", None),
        ("c", "update", 1),
        ("a", "delete", {"n": 3}),
        ("b", "delete", {}),
        ("c", "delete", 1),
        ("d", "create", None),
        ("d", "delete", None),
    ]
    assert timeless(messages[0]) == wrapper(name, "g", "a", {"type": "create", "data": {"n": 1}})
    assert all("data" in message["event"] for message in messages)


def test_sent_events(streams, name):
    group, item, other = streams.client(), streams.client(), streams.client()
    group.joined(name, "g")
    item.joined(name, "g", "a")
    other.joined(name, "g", "b")
    assert streams.send(name, "g", {"n": 1}, type="typing") is None
    streams.send(name, "g", None, id="a")
    streams.send(name, "g", [2], id=None, type="")
    streams.send(name, "elsewhere", 3)
    custom = {"type": "event", "event": {"type": "typing", "data": {"n": 1}}}
    messages = group.arrived()
    assert timeless(messages[0]) == wrapper(name, "g", None, custom)
    assert briefs(messages[1:]) == [
        ("a", "event", {"type": "note", "data": None}),
        (None, "event", {"type": "", "data": [2]}),
    ]
    assert briefs(item.arrived()) == [("a", "event", {"type": "note", "data": None})]
    assert other.arrived() == []
    assert streams.call("list", name, "g") == [], "nothing is stored"


def test_group_and_item_subscriptions(streams, name):
    client = streams.client()
    client.joined(name, "g", "a", name="item")
    for item in ("a", "b"):
        streams.set(name, "g", item, item)
    assert briefs(client.arrived()) == [("a", "create", "a")]
    client.joined(name, "g", name="group")
    for item in ("a", "b"):
        streams.set(name, "g", item, item + item)
    expected = [("a", "update", "aa")] * 2 + [("b", "update", "bb")]
    assert briefs(client.arrived()) == expected, "once for each subscription"
    client.joined(name, "g", name="again")
    client.leave(name, "g", name="item")
    streams.set(name, "g", "a", 1)
    assert briefs(client.arrived()) == [("a", "update", 1)] * 2


def test_a_subscription_id_is_replaced(streams, name):
    client = streams.client()
    client.joined(name, "old")
    client.joined(name, "new")
    streams.set(name, "old", "k", 1)
    streams.set(name, "new", "k", 2)
    assert briefs(client.arrived()) == [("k", "create", 2)]
    # Another connection's id is another subscription.
    other = streams.client()
    other.joined(name, "old")
    streams.set(name, "new", "k", 3)
    assert briefs(client.arrived()) == [("k", "update", 3)] and other.arrived() == []
    # The frame's stream and group don't matter when leaving; its id does.
    client.leave("anything", "else")
    streams.set(name, "new", "k", 4)
    assert client.arrived() == []


def test_events_come_in_the_order_of_the_writes(streams, name):
    clients = [streams.client() for _ in range(3)]
    clients[0].joined(name, "g")
    clients[1].joined(name, "g", "k1")
    clients[2].joined(name, "g", resume=None)
    for number in range(3000):
        payload = {"stream_name": name, "group_id": "g"}
        if number % 3 == 0:
            streams.caller.invoke("stream::send", {**payload, "type": "n", "data": number, "id": f"k{number % 5}"})
        else:
            streams.caller.invoke("stream::set", {**payload, "item_id": f"k{number % 5}", "data": number})
    streams.send(name, "g", "end", id="k1")
    for client, numbers in zip(clients, [range(3000), range(1, 3000, 5), range(3000)]):
        received = []
        while (event := client.receive()["event"]).get("event", {}).get("data") != "end":
            received.append(event["event"]["data"] if event["type"] == "event" else event["data"])
        assert received == list(numbers)


def test_an_event_comes_before_its_writer_s_next_step(streams, name):
    """What a result says has happened is what subscribers are told next, in both kinds of store."""
    client = streams.client()
    client.joined(name, "g")
    for number in range(50):
        streams.set(name, "g", "k", number)
        assert client.receive()["event"]["data"] == number


def test_unsubscribed_streams_cost_nobody_anything(streams, name):
    client = streams.client()
    client.joined(name, "g")
    for number in range(20):
        streams.set(f"{name}-{number}", "g", "k", number)
        streams.set(name, f"g-{number}", "k", number)
    assert client.arrived() == []


# Liveness and close

def test_pings_are_answered_once_and_pongs_are_ignored(streams):
    client = streams.client()
    client.send_frame(PONG, b"unasked")
    for payload in (b"", b"x" * 125):
        client.send_frame(PING, payload)
        assert client.receive_frame() == (PONG, True, payload)
    assert client.arrived() == []


@pytest.mark.parametrize(("sent", "answered"), [(1000, 1000), (1001, 1001), (4999, 4999), (None, 1005)])
def test_the_close_handshake(streams, name, sent, answered):
    client = streams.client()
    client.joined(name, "g")
    client.send_frame(CLOSE, b"" if sent is None else sent.to_bytes(2, "big") + b"bye")
    assert client.drop_code() == answered
    with pytest.raises((Dropped, OSError)):
        for _ in range(100):
            client.send_text("{}")
            time.sleep(0.01)
