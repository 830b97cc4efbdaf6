from __future__ import annotations

import uuid

import pytest

from support.engine import Engine
from support.sdk import VERSION, Worker


def pytest_report_header() -> str:
    return f"iii-sdk {VERSION}"


@pytest.fixture
def connect(shared_engine):
    """Makes SDK workers on the shared engine, or on another."""
    workers: list[Worker] = []

    def make(name: str | None = None, engine: Engine = shared_engine, **options) -> Worker:
        worker = Worker(engine.url, name, **options)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(connect) -> Worker:
    return connect()


@pytest.fixture
def prefix() -> str:
    """A function id prefix, path segment or scope that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"
