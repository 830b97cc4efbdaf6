"""What bounds streams, and what is said beyond it (docs/streams.md, "Limits")."""

from __future__ import annotations

import pytest

from support.rawsocket import CallFailed, Dropped
from support.streamclient import briefs


def reason_of(message: dict) -> str:
    assert message["event"]["type"] == "unauthorized"
    return message["event"]["reason"]


def refused(call, code: str) -> str:
    with pytest.raises(CallFailed) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


def test_connections(own_streams, name):
    streams = own_streams("max_connections: 3")
    # `start` has knocked; its socket may take a moment to go.
    clients = [streams.client() for _ in range(3)]
    with pytest.raises(Dropped):
        streams.client()
    for client in clients:
        assert client.joined(name, "g")["event"]["type"] == "sync"
    clients[0].close_with()
    assert streams.client().joined(name, "g")["event"]["type"] == "sync"


def test_subscriptions_of_a_connection(own_streams, name):
    streams = own_streams("max_subscriptions_per_connection: 2")
    client = streams.client()
    for number in range(2):
        assert client.joined(name, f"g{number}", name=f"s{number}")["event"]["type"] == "sync"
    message = client.joined(name, "g2", "item", name="s2")
    message.pop("timestamp")
    assert message == {
        "type": "stream",
        "streamName": name,
        "groupId": "g2",
        "id": "item",
        "event": {"type": "unauthorized", "reason": "the connection already has 2 subscriptions"},
    }
    assert client.joined(name, "g3", name="s1")["event"]["type"] == "sync", "in place of another"
    client.leave(name, "g0", name="s0")
    assert client.joined(name, "g2", name="s2")["event"]["type"] == "sync"
    streams.set(name, "g0", "k", 0)
    streams.set(name, "g2", "k", 2)
    assert briefs(client.take(1)) == [("k", "create", 2)]


def test_subscriptions_of_all(own_streams, name):
    streams = own_streams("max_subscriptions: 3")
    clients = [streams.client() for _ in range(3)]
    for number, client in enumerate(clients):
        assert client.joined(name, f"g{number}")["event"]["type"] == "sync"
    reason = "the engine already has 3 subscriptions"
    assert reason_of(clients[0].joined(name, "g", name="second")) == reason
    clients[1].close_with()
    assert clients[0].joined(name, "g", name="second")["event"]["type"] == "sync"
    assert reason_of(clients[2].joined(name, "g", name="second")) == reason


def test_the_default_for_one_connection(streams, name):
    """16,384 subscriptions on one socket work; the next one is told why it isn't taken."""
    client = streams.client()
    for number in range(16_384):
        client.join(name, f"g{number % 100}", f"i{number}", name=f"s{number}")
        if number % 1000 == 999:
            client.take(1000)
    client.take(384)
    message = client.joined(name, "g", name="one more")
    assert message["event"] == {"type": "unauthorized", "reason": "the connection already has 16384 subscriptions"}
    for number in range(0, 16_384, 999):
        streams.set(name, f"g{number % 100}", f"i{number}", number)
        message = client.receive()
        assert message["groupId"] == f"g{number % 100}"
        assert briefs([message]) == [(f"i{number}", "create", number)]
    assert client.close_with() < 30
    assert streams.client().joined(name, "g")["event"]["type"] == "sync"


LONG = "é" * 5 + "x"
ID_REASON = "a name of 11 bytes exceeds the configured max_id_bytes limit of 10"


@pytest.mark.parametrize("field", ["stream_name", "group_id", "item_id"])
def test_ids_of_functions(own_streams, field):
    streams = own_streams("max_id_bytes: 10")
    fields = {"stream_name": "é" * 5, "group_id": "g" * 10, "item_id": "i" * 10}
    calls = {"set": {"data": 1}, "get": {}, "update": {"ops": []}, "delete": {}}
    for operation, more in calls.items():
        streams.caller.call(f"stream::{operation}", {**fields, **more})
        assert refused(lambda: streams.caller.call(f"stream::{operation}", {**fields, **more, field: LONG}),
                       "ID_TOO_LARGE") == ID_REASON
    changed = {**fields, field: LONG}
    send = {"stream_name": changed["stream_name"], "group_id": changed["group_id"], "id": changed["item_id"]}
    assert refused(lambda: streams.caller.call("stream::send", {**send, "type": LONG, "data": 1}),
                   "ID_TOO_LARGE") == ID_REASON
    if field != "item_id":
        assert refused(lambda: streams.caller.call("stream::list", changed), "ID_TOO_LARGE") == ID_REASON
    if field == "stream_name":
        assert refused(lambda: streams.caller.call("stream::list_groups", changed), "ID_TOO_LARGE") == ID_REASON
    assert streams.caller.call("stream::list_all", {})["count"] == 0


def test_ids_of_joins(own_streams):
    streams = own_streams("max_id_bytes: 10")
    client = streams.client()
    assert client.joined("é" * 5, "g" * 10, "i" * 10, name="n" * 10)["event"]["type"] == "sync"
    assert reason_of(client.joined(LONG, "g")) == ID_REASON
    assert reason_of(client.joined("s", LONG)) == ID_REASON
    assert reason_of(client.joined("s", "g", LONG)) == ID_REASON
    assert reason_of(client.joined("s", "g", name=LONG)) == ID_REASON


def test_the_default_for_ids(streams, name):
    longest = name + "x" * (65_536 - len(name))
    assert streams.set(longest, longest, longest, 1) == {"old_value": None, "new_value": 1}
    message = streams.client().joined(longest, longest, longest, name=longest)
    assert message["event"] == {"type": "sync", "data": 1} and message["groupId"] == longest
    assert refused(lambda: streams.set(name, name, longest + "x", 1), "ID_TOO_LARGE") == (
        "a name of 65537 bytes exceeds the configured max_id_bytes limit of 65536"
    )
    assert streams.delete(longest, longest, longest) == {"old_value": 1}


def test_values(own_streams, name):
    streams = own_streams("max_value_bytes: 10")
    assert streams.set(name, "g", "k", "12345678")["new_value"] == "12345678"
    words = "value of 11 bytes exceeds the configured max_value_bytes limit of 10"
    assert refused(lambda: streams.set(name, "g", "k", "123456789"), "VALUE_TOO_LARGE") == words
    assert refused(lambda: streams.set(name, "g", "k", {"a": [1, 2]}), "VALUE_TOO_LARGE") == words
    # White space isn't stored, so it doesn't count. Only what `stream::set` stores is measured, as in `iii-state`.
    data = f'{{"stream_name":"{name}","group_id":"g","item_id":"k","data":[ 1,\n 2 ,  3,4 ]}}'
    assert '"new_value"' in streams.caller.call_raw("stream::set", data)
    append = [{"type": "append", "path": "", "value": "x" * 50}]
    assert len(streams.call("update", name, "g", item_id="k", ops=append)["new_value"]) == 5
    streams.send(name, "g", "x" * 50)


REFUSED = [
    ("max_connections: 0", "invalid value: integer `0`, expected a number from 1 to 1000000"),
    ("max_subscriptions: -1", "invalid value: integer `-1`, expected a number from 1 to 100000000"),
    ("max_id_bytes: 5.5", "invalid type: floating point `5.5`"),
    ("max_connection_queue_bytes: 1", "invalid value: integer `1`, expected a number from 65536 to 1073741824"),
    ("join_guard_errors: maybe", "unknown variant 'maybe', expected 'refuse' or 'allow'"),
    ("history: {max_events: -1}", "invalid value: integer `-1`, expected a number from 0 to 10000000"),
    ("history: {events: 1}", "unknown field `events`"),
    ("retention: 5", "invalid type: integer `5`, expected a map"),
    ("auth_function: 5", "invalid type: integer `5`, expected a string"),
    ("max_streams: 5", "unknown field `max_streams`"),
    ("join_guard_error: allow", "unknown field `join_guard_error`"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_settings_that_stop_the_boot(own_streams, line, words):
    streams = own_streams(line, start=False)
    assert streams.engine.run_to_exit() == 1
    log = streams.engine.log()
    assert f": {words}" in log and "config.yaml:27:" in log and "(failed to create worker 'iii-stream')" in log


def test_a_client_frame_that_no_join_can_need(own_streams, name):
    """Ignored without being read; the connection and its other frames are served."""
    streams = own_streams("max_id_bytes: 100")
    client = streams.client()
    client.joined(name, "g")
    padding = "x" * (2 << 20)
    client.send({"type": "join", "data": {"subscriptionId": "large", "streamName": name, "groupId": "g", "p": padding}})
    streams.set(name, "g", "k", 1)
    assert briefs(client.arrived()) == [("k", "create", 1)], "subscribed once"
