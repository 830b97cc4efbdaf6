"""What no decent caller sends to `stream::*`, and what lies at the edge of its limits (stream.md §2, state.md §4)."""

from __future__ import annotations

from typing import Any

import pytest

from support.rawsocket import CallFailed
from support.streamclient import briefs

S, G, I = {"stream_name": "s"}, {"group_id": "g"}, {"item_id": "i"}
ITEM = {**S, **G, **I}
STRUCTS = {
    "set": "StreamSetInput",
    "get": "StreamGetInput",
    "delete": "StreamDeleteInput",
    "update": "StreamUpdateInput",
    "list": "StreamListInput",
    "list_groups": "StreamListGroupsInput",
    "list_all": "StreamListAllInput",
    "send": "StreamSendInput",
}
MISTAKES = [
    ("set", {**G, **I, "data": 1}, "missing field `stream_name`"),
    ("set", {**S, **I, "data": 1}, "missing field `group_id`"),
    ("set", {**S, **G, "data": 1}, "missing field `item_id`"),
    ("set", ITEM, "missing field `data`"),
    ("set", {**ITEM, "value": 1}, "missing field `data`"),
    ("set", {**ITEM, "stream_name": 5, "data": 1}, "invalid type: integer `5`, expected a string"),
    ("set", {**ITEM, "group_id": None, "data": 1}, "invalid type: null, expected a string"),
    ("set", {**ITEM, "item_id": ["i"], "data": 1}, "invalid type: sequence, expected a string"),
    ("set", {**ITEM, "data": 1, "ack": 1}, "invalid type: integer `1`, expected a boolean"),
    ("set", {**ITEM, "data": 1, "require": "x"}, "unknown variant `x`, expected `synced`"),
    ("get", {**S, **G}, "missing field `item_id`"),
    ("get", {**ITEM, "group_id": {}}, "invalid type: map, expected a string"),
    ("delete", {**S, **I}, "missing field `group_id`"),
    ("delete", {**ITEM, "item_id": True}, "invalid type: boolean `true`, expected a string"),
    ("update", ITEM, "missing field `ops`"),
    ("update", {**ITEM, "ops": {}}, "invalid type: map, expected a sequence"),
    ("update", {**ITEM, "ops": None}, "invalid type: null, expected a sequence"),
    ("list", S, "missing field `group_id`"),
    ("list_groups", {}, "missing field `stream_name`"),
    ("send", {**S, **G, "data": 1}, "missing field `type`"),
    ("send", {**S, **G, "type": "t"}, "missing field `data`"),
    ("send", {**S, **G, "type": 5, "data": 1}, "invalid type: integer `5`, expected a string"),
    ("send", {**S, **G, "type": "t", "data": 1, "id": 5}, "invalid type: integer `5`, expected a string"),
    *((operation, None, f"invalid type: null, expected struct {name}") for operation, name in STRUCTS.items()),
    *((operation, "x", f'invalid type: string "x", expected struct {name}') for operation, name in STRUCTS.items()),
    *((call, True, f"invalid type: boolean `true`, expected struct {name}") for call, name in STRUCTS.items()),
]


def failure(streams, operation: str, data: Any) -> tuple[str, str]:
    with pytest.raises(CallFailed) as caught:
        streams.caller.call(f"stream::{operation}", data)
    assert "stacktrace" not in caught.value.error
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(("operation", "data", "detail"), MISTAKES)
def test_arguments(streams, operation, data, detail):
    message = f"Failed to deserialize input for stream::{operation}: {detail}"
    assert failure(streams, operation, data) == ("deserialization_error", message)


def op(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        ({"type": "foo"}, "unknown variant `foo`, expected one of `set`, `merge`, `increment`, `decrement`"),
        ({"path": "a"}, "missing field `type`"),
        (op("increment", path="a", by=5.0), "invalid type: floating point `5.0`"),
        (op("set", path=["a"], value=1), "invalid type: sequence, expected a string"),
        (op("merge", path=5, value={}), "data did not match any variant of untagged enum MergePath"),
        ("set", "invalid type: string"),
    ],
)
def test_one_malformed_operation_refuses_all(streams, name, operation, detail):
    client = streams.client()
    client.joined(name, "g")
    payload = {"stream_name": name, **G, **I, "ops": [op("set", path="a", value=1), operation]}
    code, message = failure(streams, "update", payload)
    assert code == "deserialization_error" and detail in message
    assert streams.call("list", name, "g") == [] and client.arrived() == []


LIMITS = [
    (op("merge", path=["s"] * 32, value={"a": 1}), None),
    (op("merge", path=["s"] * 33, value={"a": 1}), "merge.path.too_deep"),
    (op("append", path=["a", ""], value=1), "append.path.empty_segment"),
    (op("set", path="é" * 128, value=1), None),
    (op("set", path="é" * 128 + "x", value=1), "set.path.segment_too_long"),
    (op("remove", path="constructor"), "remove.path.proto_polluted"),
    (op("merge", value={f"k{n}": n for n in range(1024)}), None),
    (op("merge", value={f"k{n}": n for n in range(1025)}), "merge.value.too_many_keys"),
    (op("merge", value={"__proto__": 1}), "merge.value.proto_polluted"),
    (op("merge", value=[1]), "merge.value.not_an_object"),
]


@pytest.mark.parametrize(("operation", "code"), LIMITS)
def test_update_at_and_past_its_limits(streams, name, operation, code):
    client = streams.client()
    client.joined(name, "g")
    answer = streams.call("update", name, "g", item_id="i", ops=[operation, op("set", path="after", value=True)])
    assert [error["code"] for error in answer.get("errors", [])] == ([code] if code else [])
    stored = streams.call("get", name, "g", item_id="i")
    assert stored == answer["new_value"] and stored["after"] is True
    assert briefs(client.take(1)) == [("i", "create", stored)], "what subscribers are told is what is stored"


def test_ten_thousand_operations_are_one_event(streams, name):
    client = streams.client()
    client.joined(name, "g")
    ops = [op("increment", path=f"k{n % 100}", by=1) for n in range(10_000)] + [op("set", path="__proto__", value=1)]
    answer = streams.call("update", name, "g", item_id="i", ops=ops)
    assert set(answer["new_value"].values()) == {100} and [e["op_index"] for e in answer["errors"]] == [10_000]
    assert briefs(client.arrived()) == [("i", "create", answer["new_value"])]


def test_a_refused_update_leaves_the_item(streams, name):
    """Nothing succeeded, and the item was there: still an update, as with `state::update`."""
    streams.set(name, "g", "i", [1])
    client = streams.client()
    client.joined(name, "g")
    answer = streams.call("update", name, "g", item_id="i", ops=[op("append", path=["a", "b"], value=1)])
    assert (answer["old_value"], answer["new_value"]) == ([1], [1])
    assert [error["code"] for error in answer["errors"]] == ["append.target_not_object"]
    assert briefs(client.arrived()) == [("i", "update", [1])]


# Acknowledgements


def test_memory_can_t_be_synced(own_streams, name):
    streams = own_streams(in_memory=True)
    client = streams.client()
    client.joined(name, "g")
    place = {"stream_name": name, **G}
    calls = {
        "set": {**place, **I, "data": 1},
        "update": {**place, **I, "ops": [op("increment", path="", by=1)]},
        "delete": {**place, **I},
        "send": {**place, "type": "t", "data": 1},
    }
    for operation, payload in calls.items():
        code, message = failure(streams, operation, {**payload, "require": "synced"})
        assert code == "NOT_SYNCED" and "nothing was written" in message and "file_based" in message
    assert client.arrived() == [] and streams.call("list", name, "g") == []
    for operation, payload in calls.items():
        answer = streams.caller.call(f"stream::{operation}", {**payload, "ack": True})
        assert answer["durable"] == {"lsn": None, "mode": "memory"}
    assert briefs(client.arrived()) == [
        ("i", "create", 1),
        ("i", "update", 2),
        ("i", "delete", 2),
        (None, "event", {"type": "t", "data": 1}),
    ]


def test_acknowledged_writes_and_their_events_survive_sigkill(own_streams, name):
    streams = own_streams()
    position = streams.client().joined(name, "g", resume=None)["position"]
    for round_ in range(3):
        calls = [
            streams.caller.invoke("stream::set", {"stream_name": name, **G, "item_id": f"{round_}-{n}", "data": n})
            for n in range(200)
        ]
        for call in calls[:100]:
            streams.caller.result_of(call)
        streams.restart()
        client = streams.client()
        missed = client.joined(name, "g", resume=position)["event"]["missed"]
        assert missed >= 100
        events = client.take(missed)
        ids = [event["id"] for event in events]
        assert ids == [f"{round_}-{n}" for n in range(missed)], "a prefix of the writes, each once"
        position = events[-1]["position"]
        values = client.joined(name, "g", resume=None)["event"]
        assert [i for i in values["ids"] if i.startswith(f"{round_}-")] == ids, "no item without its event"


# Values


VALUES = [0, -0.0, 2.0, 1e300, 2**64 - 1, -(2**63), "", "\u2028\0", [], {}, [[[]]], False, "😀"]


@pytest.mark.parametrize("data", VALUES, ids=repr)
def test_values_come_back_as_they_are(streams, name, data):
    client = streams.client()
    client.joined(name, "g")
    stored = streams.set(name, "g", "i", data)["new_value"]
    for seen in (stored, streams.call("get", name, "g", item_id="i"), client.receive()["event"]["data"],
                 streams.client().joined(name, "g", "i")["event"]["data"]):
        assert (seen, type(seen)) == (data, type(data))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_deeply_nested_value(streams, name):
    """As deep as a message may be, seen from the frame that holds it."""
    client = streams.client()
    client.joined(name, "g")
    streams.set(name, "g", "i", nested(120))
    assert client.receive()["event"]["data"] == nested(120)
    streams.send(name, "g", nested(120))
    assert client.receive()["event"]["event"]["data"] == nested(120)
    assert streams.client().joined(name, "g")["event"]["data"] == [nested(120)]
