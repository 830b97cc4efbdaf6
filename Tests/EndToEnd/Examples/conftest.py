from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from support.connecting import connect  # noqa: F401
from support.engine import PATIENCE_SECONDS, Engine
from support.examples import EXAMPLES


@pytest.fixture
def run_worker(directory):
    """Starts an example's worker.py against an engine. Its output is shown when the test failed."""
    processes: list[subprocess.Popen[bytes]] = []
    logs: list[pathlib.Path] = []

    def start(example: str, engine: Engine, **environment: str) -> subprocess.Popen[bytes]:
        logs.append(directory / f"{example}-worker-{len(logs)}.log")
        with logs[-1].open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(EXAMPLES / example / "worker.py")],
                env={**os.environ, "III_URL": engine.url, **environment},
                stdout=log,
                stderr=log,
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)
    for path in logs:
        print(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}")

