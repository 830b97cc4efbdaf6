"""Input that no decent client sends. Each test asserts the error, and the fixture that others are still served."""

from __future__ import annotations

import json
import random
import struct
import uuid

import pytest

from support.rawsocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, RawWorker, encode_frame

SEED = 20261123


@pytest.fixture(autouse=True)
def others(bystander):
    """Every test in this file: another client is served before and after."""
    return bystander


def call_text(function_id: str, data: str, invocation_id: str) -> str:
    return f'{{"type":"invokefunction","invocation_id":"{invocation_id}","function_id":"{function_id}","data":{data}}}'


# JSON

MALFORMED = [
    '{"a":}',
    '{"a":1,}',
    "[1,]",
    "{'a':1}",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "NaN",
    "Infinity",
    "tru",
    '"\\x"',
    '"\\u12"',
    '"\t"',
    '"open',
    "{",
    "1 2",
    '{"a" 1}',
    '"\\ud800"',
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_payload_is_answered_and_never_forwarded(raw, data):
    worker = raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    invocation_id = str(uuid.uuid4())
    worker.send_text(call_text(function_id, data, invocation_id))
    (answer,) = worker.pending_messages()  # so nothing was forwarded
    assert (answer["type"], answer["invocation_id"]) == ("invocationresult", invocation_id)
    assert answer["error"]["code"] == "INVALID_MESSAGE"
    assert answer["error"]["message"].startswith("Message could not be decoded: ")


WRONG_TYPES = [
    ({"data": {}, "function_id": 5}, "function_id"),
    ({"data": {}, "function_id": "f", "action": "void"}, "action"),
    ({"data": {}, "function_id": "f", "action": {"type": "nonsense"}}, "nonsense"),
    ({"data": {}, "function_id": "f", "action": {"type": "enqueue", "queue": 5}}, "queue"),
    ({"data": {}}, "function_id"),
]


@pytest.mark.parametrize(("fields", "culprit"), WRONG_TYPES)
def test_call_with_wrong_types_is_answered(raw, fields, culprit):
    worker = raw()
    invocation_id = str(uuid.uuid4())
    worker.send({"type": "invokefunction", "invocation_id": invocation_id, **fields})
    error = worker.result_of(invocation_id)["error"]
    assert error["code"] == "INVALID_MESSAGE"
    assert culprit in error["message"], error["message"]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_deep_nesting(raw):
    """128 containers inside each other, the message's own object among them, and not one more."""
    worker = raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    invocation_id = str(uuid.uuid4())
    worker.send_text(call_text(function_id, nested(127), invocation_id))
    frame = worker.receive_type("invokefunction")
    assert json.dumps(frame["data"]) == nested(127)
    worker.answer(frame, None)
    worker.result_of(invocation_id)
    for depth in (128, 129, 100_000):
        invocation_id = str(uuid.uuid4())
        worker.send_text(call_text(function_id, nested(depth), invocation_id))
        error = worker.result_of(invocation_id)["error"]
        assert error["code"] == "INVALID_MESSAGE"
        assert "nesting deeper than 128" in error["message"]


def test_duplicate_keys(raw):
    """In a payload the last one counts, as in every client's JSON library; in the envelope nothing breaks."""
    worker = raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    worker.send_text(call_text(function_id, '{"a":1,"a":2}', str(uuid.uuid4())))
    assert worker.answer_next(None)["data"]["a"] == 2
    scope = str(uuid.uuid4())
    worker.call_raw("state::set", f'{{"scope":"{scope}","key":"k","value":{{"a":1,"b":0,"a":2}}}}')
    assert worker.call("state::get", {"scope": scope, "key": "k"}) == {"a": 2, "b": 0}
    worker.send_text('{"type":"nonsense","type":"registerservice","id":"a","id":"b"}')
    worker.send_text(f'{{"type":"registerfunction","id":"a","id":5,"id":"{function_id}"}}')
    assert worker.call("state::get", {"scope": scope, "key": "k"})["a"] == 2


NUMBERS = [
    "12345678901234567890123",
    "-12345678901234567890123",
    "1e400",
    "-1e-400",
    "0.1000000000000000055",
    "18446744073709551615",
    "-9223372036854775808",
    "2.0",
    "1E5",
    "-0",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits_through_a_forward(raw, number):
    worker = raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    invocation_id = str(uuid.uuid4())
    worker.send_text(call_text(function_id, f'{{"n":{number},"l":[{number}]}}', invocation_id))
    while "invokefunction" not in (text := worker.receive_text()):
        pass
    assert f'"n":{number},' in text and f"[{number}]" in text
    echo = json.loads(text)["invocation_id"]
    worker.send_text(
        f'{{"type":"invocationresult","invocation_id":"{echo}","function_id":"{function_id}","result":{{"n":{number}}}}}'
    )
    while "invocationresult" not in (text := worker.receive_text()):
        pass
    assert f'{{"n":{number}}}' in text


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits_through_state(raw, number):
    worker = raw()
    scope = str(uuid.uuid4())
    key = f'"scope":"{scope}","key":"k"'
    answer = worker.call_raw("state::set", f'{{{key},"value":{{"n":{number}}}}}')
    assert f'"new_value":{{"n":{number}}}' in answer
    assert f'"result":{{"n":{number}}}' in worker.call_raw("state::get", f"{{{key}}}")
    worker.call_raw("state::update", f'{{{key},"ops":[{{"type":"set","path":"m","value":1}}]}}')
    assert f'"n":{number}' in worker.call_raw("state::get", f"{{{key}}}"), "an update leaves the rest as it was"


def test_strings_keep_their_bytes(raw):
    """Two spellings of é are two keys: identifiers are compared by bytes."""
    worker = raw()
    scope = str(uuid.uuid4())
    for index, key in enumerate(["é", "e\u0301", "\u0000", "\U0001f600", '"\\', "\u2028"]):
        worker.call("state::set", {"scope": scope, "key": key, "value": index})
        worker.register_function(f"{scope}::{key}")
    assert worker.call("state::list", {"scope": scope}) == [0, 1, 2, 3, 4, 5]
    rows = worker.call("engine::functions::list", {"prefix": f"{scope}::"})["functions"]
    assert len(rows) == 6


# Frames


def test_invalid_utf8_in_a_text_frame(raw):
    worker = raw()
    for payload in (b'{"type":"ping","x":"\xff"}', b"\xc3", b'{"type":"ping","x":"\xed\xa0\x80"}', b"\xf8\x88\x80\x80\x80"):
        worker.send_frame(TEXT, payload)
    assert worker.pending_messages() == []


def test_invalid_utf8_in_a_payload_is_never_forwarded(raw):
    worker = raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    invocation_id = str(uuid.uuid4())
    text = call_text(function_id, '"@@"', invocation_id).encode()
    worker.send_frame(TEXT, text.replace(b"@@", b"\xff\xfe"))
    messages = worker.pending_messages()
    assert [message["type"] for message in messages if message["type"] == "invokefunction"] == []


CLEAN = (1000, 1001, 1005)
VIOLATIONS = {
    "unmasked": encode_frame(TEXT, b'{"type":"ping"}', masked=False),
    "reserved opcode": encode_frame(0x3, b"x"),
    "reserved bit": bytes([encode_frame(TEXT, b"x")[0] | 0x40]) + encode_frame(TEXT, b"x")[1:],
    "continuation of nothing": encode_frame(CONTINUATION, b"x"),
    "message inside a message": encode_frame(TEXT, b"x", final=False) + encode_frame(TEXT, b"x"),
    "long ping": encode_frame(PING, b"x" * 126),
    "fragmented ping": encode_frame(PING, b"x", final=False),
    "17 MiB in one frame": encode_frame(TEXT, b"", claimed_length=17 << 20),
    "8 EiB in one frame": encode_frame(TEXT, b"", claimed_length=(1 << 63) - 1),
    "length with the top bit": b"\x81\xff" + b"\xff" * 8 + bytes(4),
    "binary over the limit": encode_frame(BINARY, b"", claimed_length=(16 << 20) + 1),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_of_the_framing_drops_the_connection(raw, name, shared_engine):
    worker = raw()
    worker.send_bytes(VIOLATIONS[name])
    assert worker.drop_code() not in CLEAN


def test_largest_single_frame_works(raw):
    worker = raw()
    payload = b'{"type":"ping","x":"' + b"x" * ((16 << 20) - 22) + b'"}'
    assert len(payload) == 16 << 20
    worker.send_frame(TEXT, payload)
    assert worker.receive() == {"type": "pong"}


@pytest.mark.parametrize("cut", [1, 2, 5, 9, 50])
def test_truncated_frame_then_silence(raw, shared_engine, cut):
    """Half a frame and a vanished client: its registrations go."""
    worker, observer = raw(), raw()
    function_id = f"t::{uuid.uuid4()}"
    worker.register_function(function_id)
    worker.pending_messages()
    worker.send_bytes(encode_frame(TEXT, b'{"type":"ping","x":"' + b"x" * 200 + b'"}')[:cut])
    worker.close()
    while observer.call("engine::functions::list", {"prefix": function_id})["functions"]:
        pass


def test_client_s_close_is_answered(raw):
    worker = raw()
    worker.send_frame(CLOSE, struct.pack(">H", 1000) + b"bye")
    assert worker.drop_code() == 1000, "the same code comes back"


@pytest.mark.parametrize("payload", [b"", b"\x03", struct.pack(">H", 5), struct.pack(">H", 1000) + b"\xff"])
def test_odd_close_frames(raw, payload):
    worker = raw()
    worker.send_frame(CLOSE, payload)
    worker.drop_code()


def test_bytes_one_at_a_time(raw):
    worker = raw()
    for byte in encode_frame(TEXT, b'{"type":"ping"}'):
        worker.send_bytes(bytes([byte]))
    assert worker.receive() == {"type": "pong"}


def test_random_bytes_never_stop_the_engine(shared_engine, others):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    templates = [
        b'{"type":"invokefunction","invocation_id":"7e0a7e0a-7e0a-4e0a-8e0a-7e0a7e0a7e0a","function_id":"state::set","data":{}}',
        b'{"type":"registertrigger","id":"a","trigger_type":"http","function_id":"f","config":{"api_path":"x"}}',
        b'{"type":"registerfunction","id":"f","metadata":{"a":[1,2,3]}}',
    ]
    for _ in range(150):
        worker = RawWorker(shared_engine.worker_port)
        try:
            for _ in range(10):
                payload = bytearray(chance.choice(templates))
                for _ in range(chance.randint(1, 8)):
                    payload[chance.randrange(len(payload))] = chance.randrange(256)
                worker.send_frame(chance.choice([TEXT, TEXT, BINARY]), bytes(payload))
            worker.send_bytes(chance.randbytes(chance.randint(1, 40)))
        except OSError:
            pass  # the engine hung up on us, as it may
        worker.close()
    others.check()
