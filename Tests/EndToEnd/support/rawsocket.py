"""A WebSocket client that does what it's told: right or wrong frames, one at a time, over a blocking socket."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
import uuid
from typing import Any, Callable

from .engine import PATIENCE_SECONDS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
# Larger payloads are sent under the mask key 0, which is as valid and needs no work in Python.
MASKED_BYTES = 1 << 16


class Dropped(Exception):
    """The engine ended the connection. `code` is the Close frame's, None without a Close frame, 1005 for an empty one."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"dropped: {reason} (close code {code})")
        self.code = code


def encode_frame(
    opcode: int, payload: bytes, *, final: bool = True, masked: bool = True, claimed_length: int | None = None
) -> bytes:
    """One frame. `claimed_length` lets the header lie about the payload's length."""
    length = len(payload) if claimed_length is None else claimed_length
    head = bytes([(0x80 if final else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    if len(payload) > MASKED_BYTES:
        return head + bytes(4) + payload
    key = os.urandom(4)
    pad = (key * (len(payload) // 4 + 1))[: len(payload)]
    xored = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + key + xored.to_bytes(len(payload), "big")


class RawSocket:
    """A WebSocket connection to the engine."""

    def __init__(self, port: int, path: str = "/", headers: dict[str, str] | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.response_head = self._shake_hands(path, headers or {})

    def _shake_hands(self, path: str, headers: dict[str, str]) -> str:
        fields = {
            "Host": "127.0.0.1",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        self.socket.sendall(head.encode())
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        end = self.buffer.index(b"\r\n\r\n") + 4
        response = self.buffer[:end].decode("latin-1")
        del self.buffer[:end]
        if not response.startswith("HTTP/1.1 101"):
            raise Dropped(None, response.splitlines()[0])
        return response

    # Sending

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_frame(self, opcode: int, payload: bytes, **options: Any) -> None:
        self.send_bytes(encode_frame(opcode, payload, **options))

    def send_text(self, text: str) -> None:
        self.send_frame(TEXT, text.encode())

    def send(self, message: dict[str, Any]) -> None:
        self.send_text(json.dumps(message))

    # Receiving

    def _fill(self) -> None:
        try:
            chunk = self.socket.recv(1 << 18)
        except ConnectionError as error:
            raise Dropped(None, str(error)) from None
        if not chunk:
            raise Dropped(None, "end of stream")
        self.buffer += chunk

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._fill()
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def receive_frame(self) -> tuple[int, bool, bytes]:
        """Opcode, whether it's final, payload. Raises Dropped at the end of the stream, not for a Close frame."""
        first, second = self._take(2)
        assert not second & 0x80, "a server's frame is masked"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, bool(first & 0x80), self._take(length)

    def receive_text(self) -> str:
        """The next message. Pings of the engine's are answered. Raises Dropped when the connection ends."""
        message = bytearray()
        while True:
            opcode, final, payload = self.receive_frame()
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Dropped(code, payload[2:].decode(errors="replace") or "Close frame")
            elif opcode in (TEXT, CONTINUATION):
                message += payload
                if final:
                    return message.decode()

    def receive(self, wanted: Callable[[dict[str, Any]], bool] = lambda message: True) -> dict[str, Any]:
        """The next message that is wanted; others before it are discarded."""
        while True:
            message = json.loads(self.receive_text())
            if wanted(message):
                return message

    def receive_type(self, kind: str) -> dict[str, Any]:
        return self.receive(lambda message: message["type"] == kind)

    def pending_messages(self) -> list[dict[str, Any]]:
        """Everything that the engine sent before now: a JSON ping marks the place, since its answer comes in order."""
        self.send({"type": "ping"})
        messages = []
        while (message := self.receive())["type"] != "pong":
            messages.append(message)
        return messages

    def drop_code(self) -> int | None:
        """Waits for the end of the connection. The Close frame's code, None when there was no Close frame."""
        try:
            while True:
                self.receive_text()
        except Dropped as dropped:
            return dropped.code

    def close(self) -> None:
        self.socket.close()


class RawWorker(RawSocket):
    """A worker without an SDK."""

    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(port, **options)
        self.greeting = self.receive()
        self.worker_id: str = self.greeting["worker_id"]
        self.reattach_token: str = self.greeting.get("reattach_token", "")

    def register_function(self, function_id: str, **fields: Any) -> None:
        self.send({"type": "registerfunction", "id": function_id, **fields})

    def register_trigger(self, trigger_type: str, function_id: str, config: Any = None, **fields: Any) -> str:
        trigger_id = fields.pop("id", str(uuid.uuid4()))
        frame = {"type": "registertrigger", "id": trigger_id, "trigger_type": trigger_type}
        self.send({**frame, "function_id": function_id, "config": config, **fields})
        return trigger_id

    def invoke(self, function_id: str, data: Any, **fields: Any) -> str:
        """Sends a call and returns its id without waiting."""
        invocation_id = str(uuid.uuid4())
        frame = {"type": "invokefunction", "invocation_id": invocation_id, "function_id": function_id, "data": data}
        self.send({**frame, **fields})
        return invocation_id

    def result_of(self, invocation_id: str) -> dict[str, Any]:
        return self.receive(
            lambda message: message["type"] == "invocationresult" and message["invocation_id"] == invocation_id
        )

    def call(self, function_id: str, data: Any, **fields: Any) -> Any:
        """A synchronous call: its result, or CallFailed."""
        frame = self.result_of(self.invoke(function_id, data, **fields))
        if frame.get("error"):
            raise CallFailed(frame["error"])
        return frame.get("result")

    def call_raw(self, function_id: str, data_text: str) -> str:
        """A synchronous call with the payload's text as given; returns the result frame's text."""
        invocation_id = str(uuid.uuid4())
        self.send_text(
            f'{{"type":"invokefunction","invocation_id":"{invocation_id}","function_id":"{function_id}","data":{data_text}}}'
        )
        while invocation_id not in (text := self.receive_text()):
            pass
        return text

    def answer_next(self, result: Any) -> dict[str, Any]:
        """Waits for an invocation, answers it, and returns the invocation's frame."""
        frame = self.receive_type("invokefunction")
        self.answer(frame, result)
        return frame

    def answer(self, frame: dict[str, Any], result: Any) -> None:
        fields = {key: frame[key] for key in ("invocation_id", "function_id")}
        self.send({"type": "invocationresult", **fields, "result": result})

    def function_ids(self, prefix: str) -> list[str]:
        rows = self.call("engine::functions::list", {"prefix": prefix})["functions"]
        return [row["function_id"] for row in rows]

    def live_triggers(self, function_id: str) -> list[str]:
        rows = self.call("engine::registered-triggers::list", {"function_id": function_id})["registered_triggers"]
        return [row["id"] for row in rows]


class CallFailed(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.error = error
        self.code: str = error["code"]
        self.message: str = error["message"]


class Bystander:
    """Two well-behaved clients. `check` proves that they're still served, whatever else goes on."""

    def __init__(self, port: int) -> None:
        self.caller = RawWorker(port)
        self.callee = RawWorker(port)
        self.function_id = f"bystander::{uuid.uuid4()}"
        self.callee.register_function(self.function_id)
        self.callee.pending_messages()
        self.count = 0

    def check(self) -> None:
        self.count += 1
        call = self.caller.invoke(self.function_id, {"n": self.count})
        frame = self.callee.answer_next({"seen": self.count})
        assert frame["data"]["n"] == self.count
        assert self.caller.result_of(call)["result"] == {"seen": self.count}
        key = {"scope": self.function_id, "key": "n"}
        self.caller.call("state::set", {**key, "value": self.count})
        assert self.caller.call("state::get", key) == self.count

    def slowest_check(self, seconds: float) -> float:
        """Checks again and again for that long; the longest that one took, seconds."""
        slowest, end = 0.0, time.monotonic() + seconds
        while time.monotonic() < end:
            before = time.monotonic()
            self.check()
            slowest = max(slowest, time.monotonic() - before)
        return slowest

    def close(self) -> None:
        self.caller.close()
        self.callee.close()
