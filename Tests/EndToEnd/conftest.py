"""Fixtures of the end-to-end tests.

Run with the Python of one SDK's environment (`tools/dev/sdk-venvs`), since one process can hold one SDK version:

    .venv-sdk-0.22.1/bin/python -m pytest Tests/EndToEnd/SDK
"""

from __future__ import annotations

import os
import pathlib
import resource
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
# Telemetry sockets belong to the tests that are about them.
os.environ["OTEL_ENABLED"] = "false"

from support.engine import Engine  # noqa: E402
from support.rawsocket import Bystander, RawWorker  # noqa: E402

_, HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_LIMIT, HARD_LIMIT))


@pytest.fixture
def directory():
    """A directory of its own that other users may enter, unlike pytest's."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="iii-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def engine_factory(directory, request):
    """Makes engines that are gone when the test is over. Their log is shown when it failed."""
    engines: list[Engine] = []

    def make(name: str = "engine", **options) -> Engine:
        engine = Engine(directory / name, **options)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.dispose()
        if getattr(request.node, "failed", False):
            print(f"--- log of {engine.directory.name}, last 4000 characters\n{engine.log()[-4000:]}")


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    """One engine for all tests of a module: for tests that leave it as they found it."""
    engine = Engine(tmp_path_factory.mktemp("engine")).start()
    yield engine
    assert engine.process is not None and engine.process.poll() is None, f"the engine died:\n{engine.log()[-4000:]}"
    engine.stop()


@pytest.fixture
def bystander(shared_engine):
    """Clients that must be served before and after whatever the test does."""
    clients = Bystander(shared_engine.worker_port)
    clients.check()
    yield clients
    clients.check()
    clients.close()


@pytest.fixture
def raw(shared_engine):
    """Makes raw workers on the shared engine."""
    workers: list[RawWorker] = []

    def make(**options) -> RawWorker:
        worker = RawWorker(shared_engine.worker_port, **options)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
