from __future__ import annotations

import uuid

import pytest

from support.engine import Engine
from support.rawsocket import RawWorker
from support.streamclient import StreamClient


class Streams:
    """An engine's workers and stream clients, and the calls that tests make most."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sockets: list = []
        self._caller: RawWorker | None = None

    @property
    def caller(self) -> RawWorker:
        """A worker that only calls."""
        if self._caller is None:
            self._caller = self.worker()
        return self._caller

    def worker(self) -> RawWorker:
        self.sockets.append(RawWorker(self.engine.worker_port))
        return self.sockets[-1]

    def client(self, port: int | None = None, **options) -> StreamClient:
        self.sockets.append(StreamClient(port or self.engine.stream_port, **options))
        return self.sockets[-1]

    def set(self, stream: str, group: str, item: str, data, **fields):
        return self.call("set", stream, group, item_id=item, data=data, **fields)

    def delete(self, stream: str, group: str, item: str, **fields):
        return self.call("delete", stream, group, item_id=item, **fields)

    def send(self, stream: str, group: str, data, **fields):
        return self.call("send", stream, group, **{"type": "note", "data": data, **fields})

    def call(self, operation: str, stream: str, group: str, **fields):
        return self.caller.call(f"stream::{operation}", {"stream_name": stream, "group_id": group, **fields})

    def restart(self) -> None:
        """SIGKILL, and a new start on the same store."""
        self.close()
        self.engine.restart()

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        self.sockets = []
        self._caller = None


@pytest.fixture(scope="module")
def stream_engine(tmp_path_factory):
    """One engine with durable streams for all tests of a module."""
    engine = Engine(tmp_path_factory.mktemp("streams"), stream="").start()
    yield engine
    assert engine.process is not None and engine.process.poll() is None, f"the engine died:\n{engine.log()[-4000:]}"
    engine.stop()


@pytest.fixture
def streams(stream_engine):
    found = Streams(stream_engine)
    yield found
    found.close()


@pytest.fixture
def own_streams(engine_factory):
    """Engines of the test's own; `stream` are further lines of the block."""
    made: list[Streams] = []

    def make(stream: str = "", *, in_memory: bool = False, start: bool = True, **options) -> Streams:
        if in_memory:
            options["stream_kv"] = "store_method: in_memory"
        engine = engine_factory(stream=stream, **options)
        made.append(Streams(engine.start() if start else engine))
        return made[-1]

    yield make
    for streams in made:
        streams.close()


@pytest.fixture
def name() -> str:
    """A stream name that no other test uses."""
    return f"s{uuid.uuid4().hex[:12]}"
