"""The public reports of what hurts people who run iii: one file each, named after it (docs/testing.md has the table)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from support.connecting import connect  # noqa: F401
from support.engine import JSON_LOG, PATIENCE_SECONDS, Engine
from support.entries import STATE, STREAMS, Entries
from support.sdk import VERSION

WORKERS = pathlib.Path(__file__).parents[1] / "workers"


def pytest_report_header() -> str:
    return f"iii-sdk {VERSION}"


@pytest.fixture
def engine(engine_factory) -> Engine:
    """State and streams on two durable stores. Not yet started."""
    return engine_factory(stream="", extra=JSON_LOG)


@pytest.fixture(params=[STATE, STREAMS], ids=lambda entries: entries.kind)
def entries(request) -> Entries:
    """What the reports say of state is asked of streams too."""
    return request.param


@pytest.fixture
def run_worker():
    """Starts a program of Tests/EndToEnd/workers that talks over its pipes."""
    processes: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(WORKERS / program), *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env={**os.environ, "OTEL_ENABLED": "false"}, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)
        process.stdin.close()
        process.stdout.close()
