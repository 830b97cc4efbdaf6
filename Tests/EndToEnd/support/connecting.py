"""The fixture of suites whose SDK workers connect to engines of their own."""

from __future__ import annotations

import pytest

from support.engine import Engine
from support.sdk import Worker


@pytest.fixture
def connect():
    """Makes SDK workers on an engine."""
    workers: list[Worker] = []

    def make(engine: Engine, **options) -> Worker:
        workers.append(Worker(engine.url, **options))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()
