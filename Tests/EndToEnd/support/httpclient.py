"""HTTP requests to the engine under test, and raw bytes where http.client is too well behaved."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any

from .engine import PATIENCE_SECONDS


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.header_values(name)
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    port: int,
    method: str,
    target: str,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Response(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def request_json(port: int, method: str, target: str, value: Any) -> Response:
    return request(port, method, target, json.dumps(value), {"content-type": "application/json"})


def send_raw(port: int, data: bytes) -> bytes:
    """Sends bytes as they are and returns everything up to the end of the stream."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as peer:
        peer.sendall(data)
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
        return received
