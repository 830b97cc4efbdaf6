"""Many subscriptions, many groups, any name (stream.md §1, §2; structured keys are the Better there)."""

from __future__ import annotations

import time

import pytest

from support.streamclient import briefs


def test_ten_thousand_subscriptions_on_one_socket(streams, name):
    client = streams.client()
    for number in range(10_000):
        client.join(name, f"g{number}", name=f"s{number}", resume=None)
        if number % 1000 == 999:
            assert [m["groupId"] for m in client.take(1000)] == [f"g{n}" for n in range(number - 999, number + 1)]
    calls = [
        streams.caller.invoke(
            "stream::set", {"stream_name": name, "group_id": f"g{number}", "item_id": "k", "data": number}
        )
        for number in range(10_000)
    ]
    assert [m["event"]["data"] for m in client.take(10_000)] == list(range(10_000))
    streams.caller.result_of(calls[-1])
    for number in range(0, 10_000, 2):
        client.leave(name, f"g{number}", name=f"s{number}")
    assert client.arrived() == []
    for number in (0, 1, 9998, 9999):
        streams.set(name, f"g{number}", "k", -1)
    assert [m["groupId"] for m in client.arrived()] == ["g1", "g9999"]
    begin = time.monotonic()
    assert client.close_with() < 30
    assert streams.client().joined(name, "g1")["event"]["data"] == [-1]
    assert time.monotonic() - begin < 30


def test_a_hundred_subscriptions_of_one_group_on_one_socket(streams, name):
    client = streams.client()
    for number in range(100):
        client.joined(name, "g", name=f"s{number}")
    streams.set(name, "g", "k", 1)
    assert briefs(client.arrived()) == [("k", "create", 1)] * 100


GROUPS = 100_000


def test_a_hundred_thousand_groups(streams, name):
    payload = {"stream_name": name, "item_id": "k", "data": 1}
    for begin in range(0, GROUPS, 5000):
        calls = [
            streams.caller.invoke("stream::set", {**payload, "group_id": f"{number:06}"})
            for number in range(begin, begin + 5000)
        ]
        for call in calls:
            streams.caller.result_of(call)
    groups = streams.caller.call("stream::list_groups", {"stream_name": name})
    assert sorted(groups) == [f"{number:06}" for number in range(GROUPS)]
    [row] = [row for row in streams.caller.call("stream::list_all", {})["stream"] if row["id"] == name]
    assert row["groups"] == sorted(groups)
    client = streams.client()
    assert client.joined(name, f"{GROUPS - 1:06}")["event"]["data"] == [1]
    assert streams.delete(name, f"{GROUPS - 1:06}", "k") == {"old_value": 1}
    assert briefs(client.arrived()) == [("k", "delete", 1)]
    assert len(streams.caller.call("stream::list_groups", {"stream_name": name})) == GROUPS - 1


NAMES = {
    "empty": "",
    "zero": "\0",
    "controls": "".join(map(chr, range(32))) + "\x7f",
    "quotes": "\"\\/'`",
    "paths": "../../etc/passwd",
    "colons": "a:b::c:",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "right to left": "\u202e\u05d0",
    "byte order mark": "\ufeff",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "every plane": "".join(chr((plane << 16) + 0x1234) for plane in range(17)),
    "emoji": "👩‍👩‍👧‍👦",
    "spaces": " \t\n",
    "10 KB": "10 KB é " * 1280,
    "glob": "*[a]?",
    "function": "chat)(",
}


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_any_text_is_a_stream_a_group_and_an_item(streams, name, text):
    """Everywhere: functions, frames, events, lists, triggers' filters, positions."""
    handler = streams.worker()
    handler.register_function(f"{name}::on")
    handler.register_trigger("stream", f"{name}::on", {"stream_name": text, "group_id": text, "item_id": text})
    handler.pending_messages()
    client = streams.client()
    sync = client.joined(text, text, text, name=text, resume=None)
    assert (sync["streamName"], sync["groupId"], sync["id"]) == (text, text, text)
    client.joined(text, text, name="group")
    assert streams.set(text, text, text, text) == {"old_value": None, "new_value": text}
    assert streams.call("get", text, text, item_id=text) == text
    assert streams.call("list", text, text) == [text]
    assert streams.caller.call("stream::list_groups", {"stream_name": text}) == [text]
    assert {"id": text, "groups": [text]} in streams.caller.call("stream::list_all", {})["stream"]
    events = client.take(2)
    assert briefs(events) == [(text, "create", text)] * 2
    wanted = {key: value for key, value in events[0].items() if key != "position"}
    assert handler.answer_next(None)["data"] == wanted
    streams.send(text, text, text, type=text, id=text)
    again = streams.client()
    [position] = [event["position"] for event in events if "position" in event]
    assert again.joined(text, text, text, name=text, resume=position)["event"]["missed"] == 1
    assert briefs(again.take(1)) == [(text, "event", {"type": text, "data": text})]
    assert streams.delete(text, text, text) == {"old_value": text}
    assert streams.caller.call("stream::list_groups", {"stream_name": text}) == []
    assert text not in [row["id"] for row in streams.caller.call("stream::list_all", {})["stream"]]


def test_names_with_colons_stay_apart(own_streams):
    """Upstream joins them with `:`: `a:b` / `c` and `a` / `b:c` are one there, and its lists cut them."""
    streams = own_streams()
    places = [("a:b", "c"), ("a", "b:c"), ("a", "b"), ("a:b:c", ""), ("", "a:b:c"), (":", ":")]
    for number, (stream, group) in enumerate(places):
        assert streams.set(stream, group, "k", number)["old_value"] is None
    for number, (stream, group) in enumerate(places):
        assert streams.call("list", stream, group) == [number]
    assert sorted(streams.caller.call("stream::list_groups", {"stream_name": "a"})) == ["b", "b:c"]
    assert streams.caller.call("stream::list_all", {}) == {
        "stream": [
            {"id": "", "groups": ["a:b:c"]},
            {"id": ":", "groups": [":"]},
            {"id": "a", "groups": ["b", "b:c"]},
            {"id": "a:b", "groups": ["c"]},
            {"id": "a:b:c", "groups": [""]},
        ],
        "count": 5,
    }
    streams.restart()
    assert streams.caller.call("stream::list_all", {})["count"] == 5
