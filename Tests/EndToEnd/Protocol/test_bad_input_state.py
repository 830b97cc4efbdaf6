"""What no decent client does to `iii-state`, and what lies at the edge of its limits (docs/state.md)."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any, Iterable, Iterator

import pytest

from support.rawsocket import CONTINUATION, TEXT, Bystander, CallFailed, Dropped, RawWorker, encode_frame
from support.waiting import eventually

# For a long run: `III_TINY_VALUES=1000000`, some minutes.
TINY_VALUES = int(os.environ.get("III_TINY_VALUES", "20000"))
SCOPES = int(os.environ.get("III_SCOPES", "100000"))
MESSAGE_BYTES = 64 << 20
FRAME_BYTES = 16 << 20
# Calls that `pipelined` has in flight.
WINDOW = 1000


@pytest.fixture(autouse=True)
def others(bystander):
    """Every test in this file: another client is served before and after."""
    return bystander


@pytest.fixture
def scope(name) -> str:
    return name


def pipelined(
    worker: RawWorker, others: Bystander, function_id: str, payloads: Iterable[dict[str, Any]]
) -> Iterator[Any]:
    """Calls in order, many in flight; their results in order. A failed call raises CallFailed. Others are served meanwhile."""
    window: list[str] = []
    frames = bytearray()

    def flush() -> Iterator[Any]:
        worker.send_bytes(bytes(frames))
        answers = {}
        while len(answers) < len(window):
            message = worker.receive_type("invocationresult")
            answers[message["invocation_id"]] = message
        for invocation_id in window:
            if "error" in answers[invocation_id] and answers[invocation_id]["error"]:
                raise CallFailed(answers[invocation_id]["error"])
            yield answers[invocation_id].get("result")
        window.clear()
        frames.clear()
        others.check()

    for payload in payloads:
        invocation_id = str(uuid.uuid4())
        window.append(invocation_id)
        frame = {"type": "invokefunction", "invocation_id": invocation_id, "function_id": function_id, "data": payload}
        frames += encode_frame(TEXT, json.dumps(frame).encode())
        if len(window) == WINDOW:
            yield from flush()
    if window:
        yield from flush()


def send_large(worker: RawWorker, message: bytes) -> None:
    """One message in frames that the engine takes."""
    pieces = [message[start : start + FRAME_BYTES] for start in range(0, len(message), FRAME_BYTES)]
    for index, piece in enumerate(pieces):
        worker.send_frame(CONTINUATION if index else TEXT, piece, final=index == len(pieces) - 1)


def call_of_bytes(function_id: str, data: dict[str, Any], filler: str, size: int) -> tuple[str, bytes, int]:
    """A call whose message has exactly `size` bytes, by the length of the string `data[filler]`."""
    invocation_id = str(uuid.uuid4())

    def message(text: str) -> str:
        frame = {"type": "invokefunction", "invocation_id": invocation_id, "function_id": function_id}
        return json.dumps({**frame, "data": {**data, filler: text}})

    length = size - len(message(""))
    return invocation_id, message("x" * length).encode(), length


# Arguments

MISTAKES = [
    ("state::set", {"key": "k", "value": 1}, "missing field `scope`"),
    ("state::set", {"scope": "s", "value": 1}, "missing field `key`"),
    ("state::set", {"scope": "s", "key": "k"}, "missing field `value`"),
    ("state::set", {"scope": "s", "key": "k", "value": 1, "data": 2}, "duplicate field `value`"),
    ("state::set", {"scope": 5, "key": "k", "value": 1}, "invalid type: integer `5`, expected a string"),
    ("state::set", {"scope": "s", "key": None, "value": 1}, "invalid type: null, expected a string"),
    ("state::set", None, "invalid type: null, expected struct StateSetInput"),
    ("state::set", "text", 'invalid type: string "text", expected struct StateSetInput'),
    ("state::set", [1], "invalid type: sequence, expected struct StateSetInput"),
    ("state::set", {"scope": "s", "key": "k", "value": 1, "ack": 1}, "invalid type: integer `1`, expected a boolean"),
    ("state::set", {"scope": "s", "key": "k", "value": 1, "require": "x"}, "unknown variant `x`, expected `synced`"),
    ("state::get", None, "invalid type: null, expected struct StateGetInput"),
    ("state::get", {"scope": ["s"], "key": "k"}, "invalid type: sequence, expected a string"),
    ("state::delete", True, "invalid type: boolean `true`, expected struct StateDeleteInput"),
    ("state::delete", {"scope": "s", "key": {}}, "invalid type: map, expected a string"),
    ("state::update", None, "invalid type: null, expected struct StateUpdateInput"),
    ("state::update", {"scope": "s", "key": "k"}, "missing field `ops`"),
    ("state::update", {"scope": "s", "key": "k", "ops": {}}, "invalid type: map, expected a sequence"),
    ("state::list", None, "invalid type: null, expected struct StateGetGroupInput"),
    ("state::list", {}, "missing field `scope`"),
    ("state::list_groups", None, "invalid type: null, expected struct StateListGroupsInput"),
    ("state::list_keys", {"scope": "s", "limit": 0}, "invalid value: integer `0`, expected a number from 1 to 10000"),
    ("state::list_entries", {"scope": "s", "cursor": "?"}, 'invalid value: string "?", expected the cursor of an '
     "earlier page, or none to begin"),
]


@pytest.mark.parametrize(("function_id", "data", "detail"), MISTAKES)
def test_arguments(raw, function_id, data, detail):
    with pytest.raises(CallFailed) as caught:
        raw().call(function_id, data)
    assert caught.value.code == "deserialization_error"
    assert caught.value.message == f"Failed to deserialize input for {function_id}: {detail}"
    assert "stacktrace" not in caught.value.error


def op(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


MALFORMED_OPERATIONS = [
    ({"type": "foo"}, "unknown variant `foo`, expected one of `set`, `merge`, `increment`, `decrement`, `append`, `remove`"),
    ({"path": "a"}, "missing field `type`"),
    (op("SET", path="a"), "unknown variant `SET`"),
    (op("set"), "missing field `path`"),
    (op("merge", path="a"), "missing field `value`"),
    (op("append"), "missing field `value`"),
    (op("increment", path="a"), "missing field `by`"),
    (op("increment", by=1), "missing field `path`"),
    (op("increment", path="a", by=5.0), "invalid type: floating point `5.0`"),
    (op("decrement", path="a", by=1.5), "invalid type: floating point `1.5`"),
    (op("decrement", path="a", by=1 << 63), "invalid value: integer `9223372036854775808`"),
    (op("set", path=["a"], value=1), "invalid type: sequence, expected a string"),
    (op("remove", path=None), "invalid type: null, expected a string"),
    (op("merge", path=5, value={}), "data did not match any variant of untagged enum MergePath"),
    (op("append", path=["a", 5], value=1), "data did not match any variant of untagged enum MergePath"),
]


@pytest.mark.parametrize(("operation", "detail"), MALFORMED_OPERATIONS)
def test_one_malformed_operation_refuses_all(raw, scope, operation, detail):
    worker = raw()
    key = {"scope": scope, "key": "k"}
    with pytest.raises(CallFailed) as caught:
        worker.call("state::update", {**key, "ops": [op("set", path="a", value=1), operation]})
    assert caught.value.code == "deserialization_error"
    assert caught.value.message.startswith("Failed to deserialize input for state::update: ")
    assert detail in caught.value.message
    assert scope not in worker.call("state::list_groups", {})["groups"]


# Update limits

LIMITS = [
    (op("merge", path=["s"] * 32, value={"a": 1}), None),
    (op("merge", path=["s"] * 33, value={"a": 1}), "merge.path.too_deep"),
    (op("append", path=["s"] * 32, value=1), None),
    (op("append", path=["s"] * 33, value=1), "append.path.too_deep"),
    (op("append", path=["a", ""], value=1), "append.path.empty_segment"),
    (op("set", path="é" * 128, value=1), None),
    (op("set", path="é" * 128 + "x", value=1), "set.path.segment_too_long"),
    (op("increment", path="x" * 257, by=1), "increment.path.segment_too_long"),
    (op("remove", path="constructor"), "remove.path.proto_polluted"),
    (op("merge", value={f"k{n}": n for n in range(1024)}), None),
    (op("merge", value={f"k{n}": n for n in range(1025)}), "merge.value.too_many_keys"),
    (op("merge", value={"prototype": 1}), "merge.value.proto_polluted"),
    (op("merge", value=[1]), "merge.value.not_an_object"),
]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("operation", "code"),
    LIMITS + [(op("merge", value=nested(16)), None), (op("merge", value=nested(17)), "merge.value.too_deep")],
)
def test_update_at_and_past_its_limits(raw, scope, operation, code):
    worker = raw()
    key = {"scope": scope, "key": "k"}
    answer = worker.call("state::update", {**key, "ops": [operation, op("set", path="after", value=True)]})
    assert [error["code"] for error in answer.get("errors", [])] == ([code] if code else [])
    for error in answer.get("errors", []):
        assert error["op_index"] == 0 and error["doc_url"].endswith("#error-codes")
    stored = worker.call("state::get", key)
    assert stored == answer["new_value"] and stored["after"] is True
    assert (len(stored) > 1) == (code is None and operation["type"] != "remove")


def test_ten_thousand_operations_in_one_update(raw, scope):
    worker = raw()
    ops = [op("increment", path=f"k{n % 100}", by=1) for n in range(10_000)] + [op("set", path="__proto__", value=1)]
    answer = worker.call("state::update", {"scope": scope, "key": "k", "ops": ops})
    assert set(answer["new_value"].values()) == {100} and len(answer["new_value"]) == 100
    assert [error["op_index"] for error in answer["errors"]] == [10_000]


# Sizes

def test_largest_value_that_can_be_answered(raw, scope):
    """63 MiB come in, are stored, and go out again, by every function."""
    worker = raw()
    key = {"scope": scope, "key": "k"}
    invocation_id, message, length = call_of_bytes("state::set", key, "value", 63 << 20)
    send_large(worker, message)
    result = worker.result_of(invocation_id)["result"]
    assert result["old_value"] is None and len(result["new_value"]) == length
    assert len(worker.call("state::get", key)) == length
    assert [len(value) for value in worker.call("state::list", {"scope": scope})] == [length]
    assert [len(row["value"]) for row in worker.call("state::list_entries", {"scope": scope})["entries"]] == [length]
    assert worker.call("state::list_keys", {"scope": scope}) == {"keys": ["k"], "cursor": None}
    assert len(worker.call("state::delete", key)) == length
    assert worker.call("state::get", key) is None


def test_largest_message_and_one_byte_more(raw, scope):
    """What fits a message but no answer is stored all the same, and the answer says so."""
    worker = raw()
    key = {"scope": scope, "key": "k"}
    invocation_id, message, _ = call_of_bytes("state::set", key, "value", MESSAGE_BYTES)
    send_large(worker, message)
    error = worker.result_of(invocation_id)["error"]
    assert error["code"] == "payload_too_large" and "was executed" in error["message"]
    assert worker.call("state::list_keys", {"scope": scope})["keys"] == ["k"]
    with pytest.raises(CallFailed) as caught:
        worker.call("state::get", key)
    assert caught.value.code == "payload_too_large"
    # A smaller value in its place, whose answer would hold the old one too.
    with pytest.raises(CallFailed) as caught:
        worker.call("state::set", {**key, "value": 1})
    assert caught.value.code == "payload_too_large"
    assert worker.call("state::get", key) == 1

    _, message, _ = call_of_bytes("state::set", key, "value", MESSAGE_BYTES + 1)
    with pytest.raises((Dropped, OSError)):
        send_large(worker, message)
        worker.drop_code()
        raise Dropped(None, "as it must be")
    assert raw().call("state::delete", key) == 1


def test_list_beyond_what_can_be_answered(raw, scope):
    """Refused before all of it is in memory; pages have no such limit, and the next scope is listed."""
    worker = raw()
    value = "x" * (8 << 20)
    for number in range(9):
        worker.call("state::set", {"scope": scope, "key": str(number), "value": value})
    with pytest.raises(CallFailed) as caught:
        worker.call("state::list", {"scope": scope})
    assert caught.value.code == "payload_too_large"
    assert "state::list_entries" in caught.value.message and "67104768 bytes" in caught.value.message
    found, cursor = [], None
    while True:
        page = worker.call("state::list_entries", {"scope": scope, "cursor": cursor})
        found += [row["key"] for row in page["entries"]]
        if (cursor := page["cursor"]) is None:
            break
    assert found == [str(number) for number in range(9)]
    worker.call("state::delete", {"scope": scope, "key": "0"})
    worker.call("state::delete", {"scope": scope, "key": "1"})
    assert len(worker.call("state::list", {"scope": scope})) == 7


def test_event_beyond_what_a_worker_can_read(raw, scope):
    """An event holds the old value and the new: such a call is not made, and its worker stays connected."""
    handler, worker = raw(), raw()
    function_id = f"{scope}::on-change"
    handler.register_function(function_id)
    handler.register_trigger("state", function_id, {"scope": scope})
    handler.pending_messages()
    key = {"scope": scope, "key": "k"}
    for _ in range(2):
        invocation_id, message, _ = call_of_bytes("state::set", key, "value", 33 << 20)
        send_large(worker, message)
        answer = worker.result_of(invocation_id)
    assert answer["error"]["code"] == "payload_too_large" and "was executed" in answer["error"]["message"]
    worker.call("state::set", {**key, "value": 3})
    told = [handler.answer_next(None)["data"] for _ in range(2)]
    assert [event["event_type"] for event in told] == ["state:created", "state:updated"]
    assert told[1]["new_value"] == 3, "the second event would have had 66 MiB"


def test_value_that_grows_beyond_what_a_store_takes(raw, scope):
    """An append can double a value again and again; the store's limit ends it, and the value before stays."""
    worker = raw()
    key = {"scope": scope, "key": "k"}
    half = "x" * (12 << 20)
    update = {**key, "ops": [op("append", path="", value=half)] * 3}
    invocation_id = str(uuid.uuid4())
    frame = {"type": "invokefunction", "invocation_id": invocation_id, "function_id": "state::update", "data": update}
    send_large(worker, json.dumps(frame).encode())
    assert len(worker.result_of(invocation_id)["result"]["new_value"]) == 3 * len(half)
    again = str(uuid.uuid4())
    send_large(worker, json.dumps({**frame, "invocation_id": again}).encode())
    error = worker.result_of(again)["error"]
    assert error["code"] == "UPDATE_ERROR" and error["message"].startswith("Failed to update value: tooLarge: ")
    assert len(worker.call("state::get", key)) == 3 * len(half)
    worker.call("state::delete", key)


def test_many_tiny_values(raw, others, scope):
    worker = raw()
    payloads = ({"scope": scope, "key": f"k{n}", "value": n} for n in range(TINY_VALUES))
    assert all(result["old_value"] is None for result in pipelined(worker, others, "state::set", payloads))
    assert worker.call("state::list", {"scope": scope}) == list(range(TINY_VALUES))
    found, cursor = [], None
    while True:
        page = worker.call("state::list_entries", {"scope": scope, "limit": 7000, "cursor": cursor})
        found += [(row["key"], row["value"]) for row in page["entries"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == sorted((f"k{n}", n) for n in range(TINY_VALUES))
    payloads = ({"scope": scope, "key": f"k{n}"} for n in range(TINY_VALUES))
    assert list(pipelined(worker, others, "state::delete", payloads)) == list(range(TINY_VALUES))
    assert scope not in worker.call("state::list_groups", {})["groups"]


def test_many_scopes(raw, others, name):
    worker = raw()
    scopes = [f"{name}-{n:06}" for n in range(SCOPES)]
    for result in pipelined(worker, others, "state::set", ({"scope": scope, "key": "k", "value": 1} for scope in scopes)):
        assert result["old_value"] is None
    groups = worker.call("state::list_groups", {})["groups"]
    assert [group for group in groups if group.startswith(name)] == scopes
    for result in pipelined(worker, others, "state::delete", ({"scope": scope, "key": "k"} for scope in scopes)):
        assert result == 1
    assert not [group for group in worker.call("state::list_groups", {})["groups"] if group.startswith(name)]


# Names

COMMON = "10 KB \u00e9 " * 1100
NAMES = {
    "empty": "",
    "zero": "\0",
    "controls": "".join(map(chr, range(32))) + "\x7f",
    "quotes": "\"\\/'`",
    "paths": "../../etc/passwd",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "right to left": "\u202e\u05d0",
    "byte order mark": "\ufeff",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "every plane": "".join(chr((plane << 16) + 0x1234) for plane in range(17)),
    "emoji": "👩‍👩‍👧‍👦",
    "spaces": " \t\n",
    "10 KB": COMMON,
    "10 KB, another end": COMMON + "x",
    "64 KiB": "k" * 65_536,
}


def test_any_name_is_a_scope_and_a_key(raw, scope):
    """Each its own: none is taken for another, in any function."""
    worker = raw()
    for label, text in NAMES.items():
        worker.call("state::set", {"scope": scope, "key": text, "value": label})
        worker.call("state::set", {"scope": text, "key": scope, "value": label})
    assert worker.call("state::list", {"scope": scope}) == list(NAMES)
    keys = worker.call("state::list_keys", {"scope": scope})["keys"]
    assert sorted(keys) == sorted(NAMES.values())
    short = [key for key in keys if len(key.encode()) <= 400]
    assert short == sorted(short, key=str.encode)
    groups = worker.call("state::list_groups", {})["groups"]
    assert set(NAMES.values()) <= set(groups) and groups == sorted(groups, key=str.encode)
    for label, text in NAMES.items():
        assert worker.call("state::get", {"scope": scope, "key": text}) == label
        page = worker.call("state::list_entries", {"scope": scope, "prefix": text, "limit": 10_000})
        assert {"key": text, "value": label} in page["entries"]
        assert worker.call("state::delete", {"scope": scope, "key": text}) == label
        assert worker.call("state::delete", {"scope": text, "key": scope}) == label
    assert worker.call("state::list", {"scope": scope}) == []
    assert not set(NAMES.values()) & set(worker.call("state::list_groups", {})["groups"])


@pytest.mark.parametrize("function_id", ["state::set", "state::get", "state::delete", "state::update"])
def test_names_beyond_the_limit(raw, scope, function_id):
    worker = raw()
    rest = {"value": 1, "ops": []}
    with pytest.raises(CallFailed) as caught:
        worker.call(function_id, {"scope": scope, "key": "k" * 65_537, **rest})
    assert caught.value.code == "KEY_TOO_LARGE"
    assert caught.value.message == "key of 65537 bytes exceeds the configured max_key_bytes limit of 65536"
    with pytest.raises(CallFailed) as caught:
        worker.call(function_id, {"scope": "é" * 32_768 + "x", "key": "k", **rest})
    assert caught.value.code == "SCOPE_TOO_LARGE"
    assert caught.value.message == "scope of 65537 bytes exceeds the configured max_scope_bytes limit of 65536"


# Conditions

class Triggered:
    """A state trigger of the scope with a condition, each on a connection of its own."""

    def __init__(self, raw, scope: str) -> None:
        self.caller, self.condition, self.handler = raw(), raw(), raw()
        self.ids = (f"{scope}::if", f"{scope}::on")
        self.condition.register_function(self.ids[0])
        self.handler.register_function(self.ids[1])
        config = {"scope": scope, "condition_function_id": self.ids[0]}
        self.handler.register_trigger("state", self.ids[1], config)
        eventually(lambda: self.caller.live_triggers(self.ids[1]), "the trigger is live")

    def set(self, scope: str, key: str, value: int) -> None:
        self.caller.call("state::set", {"scope": scope, "key": key, "value": value})

    def asked(self) -> dict[str, Any]:
        return self.condition.receive_type("invokefunction")

    def fail(self, frame: dict[str, Any]) -> None:
        fields = {key: frame[key] for key in ("invocation_id", "function_id")}
        self.condition.send({"type": "invocationresult", **fields, "error": {"code": "no", "message": "no"}})

    def handled(self) -> tuple[str, int]:
        data = self.handler.answer_next(None)["data"]
        return data["key"], data["new_value"]


def test_condition_that_fails_skips(raw, scope):
    triggered = Triggered(raw, scope)
    triggered.set(scope, "a", 1)
    triggered.fail(triggered.asked())
    triggered.set(scope, "a", 2)
    triggered.condition.answer(triggered.asked(), True)
    assert triggered.handled() == ("a", 2)


def test_condition_that_hangs_holds_up_its_key_only(raw, scope):
    triggered = Triggered(raw, scope)
    triggered.set(scope, "stuck", 1)
    stuck = triggered.asked()
    # Writes go on, and events of other keys too.
    triggered.set(scope, "stuck", 2)
    triggered.set(scope, "free", 3)
    triggered.condition.answer(triggered.asked(), True)
    assert triggered.handled() == ("free", 3)
    assert triggered.caller.call("state::get", {"scope": scope, "key": "stuck"}) == 2
    triggered.condition.answer(stuck, None)
    triggered.condition.answer(triggered.asked(), None)
    assert [triggered.handled(), triggered.handled()] == [("stuck", 1), ("stuck", 2)]


def test_condition_whose_worker_goes_skips(raw, scope):
    """The answer that will never come is an error: the events go, later ones find no condition and are skipped too."""
    triggered = Triggered(raw, scope)
    triggered.set(scope, "a", 1)
    triggered.asked()
    triggered.set(scope, "a", 2)
    triggered.condition.close()
    replacement = raw()
    replacement.register_function(triggered.ids[0])
    eventually(lambda: triggered.ids[0] in triggered.caller.function_ids(triggered.ids[0]), "the condition is back")
    triggered.condition = replacement

    # What the old worker left may still reach the new one.
    triggered.set(scope, "b", 7)
    while (frame := triggered.asked())["data"]["key"] != "b":
        triggered.condition.answer(frame, False)
    triggered.condition.answer(frame, True)
    assert triggered.handled() == ("b", 7)


BAD_CONFIGS = [
    ({"scope": 123}, "invalid type: integer `123`, expected a string"),
    ({"key": []}, "invalid type: sequence, expected a string"),
    ({"condition_function_id": {}}, "invalid type: map, expected a string"),
    (None, "invalid type: null, expected struct StateTriggerConfig"),
    ("s", 'invalid type: string "s", expected struct StateTriggerConfig'),
]


@pytest.mark.parametrize(("config", "detail"), BAD_CONFIGS)
def test_trigger_configs(raw, name, config, detail):
    worker = raw()
    worker.register_function(name)
    trigger_id = worker.register_trigger("state", name, config)
    result = worker.receive_type("triggerregistrationresult")
    assert result["id"] == trigger_id
    assert result["error"]["code"] == "trigger_registration_failed"
    assert result["error"]["message"] == f"Failed to parse trigger config: {detail}"
    with pytest.raises(CallFailed) as caught:
        worker.call("engine::register_trigger", {"trigger_type": "state", "function_id": name, "config": config})
    assert caught.value.code == "trigger_registration_failed"
    assert worker.live_triggers(name) == []
