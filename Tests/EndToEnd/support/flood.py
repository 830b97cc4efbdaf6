"""As many writes as one connection takes: frames are made in advance, and many are in flight."""

from __future__ import annotations

import base64
import json
import random
import threading
import uuid
from typing import Iterable, Iterator

from .entries import Call, Entries
from .rawsocket import TEXT, Dropped, RawWorker, encode_frame

# In flight at once. Fewer bytes than the engine queues for a client, since answers are read after the sending.
WINDOW_BYTES = 4 << 20
WINDOW_FRAMES = 1000


def text_source(seed: int, length: int = 1 << 20) -> str:
    """Letters that no compression makes smaller."""
    return base64.b64encode(random.Random(seed).randbytes(length * 3 // 4)).decode()


def frame_of(call: Call) -> bytes:
    function_id, payload = call
    message = {"type": "invokefunction", "invocation_id": str(uuid.uuid4()), "function_id": function_id, "data": payload}
    return encode_frame(TEXT, json.dumps(message).encode())


def windows(frames: Iterable[bytes]) -> Iterator[list[bytes]]:
    window, size = [], 0
    for frame in frames:
        window.append(frame)
        size += len(frame)
        if size >= WINDOW_BYTES or len(window) == WINDOW_FRAMES:
            yield window
            window, size = [], 0
    if window:
        yield window


def exchange(worker: RawWorker, window: list[bytes]) -> None:
    """Sends the calls and takes as many results."""
    worker.send_bytes(b"".join(window))
    for _ in window:
        text = worker.receive_text()
        assert '"invocationresult"' in text and '"error"' not in text, text[:400]


def fill(port: int, calls: Iterable[Call]) -> int:
    """Makes the calls, and returns their number when all are acknowledged."""
    worker = RawWorker(port)
    count = 0
    for window in windows(map(frame_of, calls)):
        exchange(worker, window)
        count += len(window)
    worker.close()
    return count


class Flood:
    """Writes the same keys again and again until it's told to stop or the connection ends."""

    def __init__(self, port: int, entries: Entries, keys: int, value_bytes: int) -> None:
        text = text_source(len(entries.kind))
        # Neighbours have nothing in common, so that the log can't make them smaller.
        values = (text[n * value_bytes % (len(text) - value_bytes) :][:value_bytes] for n in range(keys))
        self.windows = list(windows(frame_of(entries.set(f"g{n % 10}", f"k{n}", v)) for n, v in enumerate(values)))
        self.worker = RawWorker(port)
        self.acknowledged = 0
        self.failure: BaseException | None = None
        self.drop_code: int | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                for window in self.windows:
                    if self._ending.is_set():
                        return
                    exchange(self.worker, window)
                    self.acknowledged += len(window)
        except Dropped as dropped:
            self.drop_code = dropped.code
        except BaseException as error:
            self.failure = error

    def finish(self) -> None:
        self._ending.set()
        self._thread.join()
        self.worker.close()
        assert self.failure is None, f"the flood failed: {self.failure!r}"
