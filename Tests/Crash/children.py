"""Processes and threads that load the engine, as `crash.py` sees them."""

from __future__ import annotations

import json
import pathlib
import queue
import subprocess
import threading
import time

from oracle import Oracle
from support.engine import REPOSITORY, Engine
from support.httpclient import request_json

HERE = pathlib.Path(__file__).resolve().parent
# A guard against hanging: who isn't back by then never comes back.
PATIENCE_SECONDS = 90


class Child:
    """A process with an SDK version's Python, and the thread that reads its journal into the oracle."""

    def __init__(self, engine: Engine, oracle: Oracle, version: str, name: str, script: str, *arguments: str) -> None:
        python = REPOSITORY / f".venv-sdk-{version}" / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"{python} is missing: run tools/dev/sdk-venvs")
        self.name, self.version, self.oracle = name, version, oracle
        self.marks: queue.Queue[str] = queue.Queue()
        # The SDK logs every call that a kill interrupted.
        with (engine.directory / f"{name}.log").open("w") as log:
            command = [python, HERE / script, *arguments]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
            self.process = subprocess.Popen(command, text=True, **pipes)
        threading.Thread(target=self._read_journal, daemon=True).start()

    def _read_journal(self) -> None:
        for line in self.process.stdout:
            entry = json.loads(line)
            if len(entry) == 1:
                self.marks.put(entry[0])
            else:
                self.oracle.hear(entry)
        self.marks.put("end of the process")

    def command(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def wait_for(self, mark: str) -> None:
        try:
            found = self.marks.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise TimeoutError(f"{self.name} (SDK {self.version}) didn't come back to {mark}") from None
        assert found == mark, f"{self.name} (SDK {self.version}): {found} instead of {mark}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class HTTPWriter(threading.Thread):
    """Writes one key and one counter through a worker's HTTP routes, one request at a time."""

    def __init__(self, engine: Engine, oracle: Oracle, via: str, number: int) -> None:
        super().__init__(daemon=True)
        self.engine, self.oracle, self.via = engine, oracle, via
        self.key, self.writer = f"http-{number}", f"http-{number}"
        self.counter = f"http-counter-{number % 2}"
        self.may_run = threading.Event()
        # Held during a request: who has it after `may_run` was cleared knows that nothing is under way.
        self.under_way = threading.Lock()
        self.acknowledged = 0

    def post(self, operation: str, body: dict) -> dict | None:
        """The answer's body, or None when the outcome is unknown."""
        try:
            response = request_json(self.engine.http_port, "POST", f"/{self.via}/{operation}", body)
        except OSError:
            return None
        except Exception:  # http.client: a response cut off in the middle
            return None
        return response.json if response.status == 200 else None

    def run(self) -> None:
        sequence = 0
        while True:
            self.may_run.wait()
            with self.under_way:
                if self.may_run.is_set():
                    sequence += 1
                    self.write(sequence)

    def write(self, sequence: int) -> None:
        self.oracle.hear(["intend", self.key, sequence, False])
        if answer := self.post("set", {"key": self.key, "sequence": sequence}):
            self.oracle.hear(["done", self.key, sequence, answer["old"]])
            self.acknowledged += 1
        self.oracle.hear(["count", self.counter])
        if answer := self.post("count", {"key": self.counter}):
            self.oracle.hear(["counted", self.counter, self.writer, answer["value"]])
            self.acknowledged += 1
        else:
            time.sleep(0.01)

    def wait_for_pause(self) -> None:
        if not self.under_way.acquire(timeout=PATIENCE_SECONDS):
            raise TimeoutError(f"{self.writer} has an HTTP request that never ends")
        self.under_way.release()
