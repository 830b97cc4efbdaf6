"""Shows that an acknowledged write survives `kill -9`, and that the worker comes back by itself.

    python demo.py PATH-TO-iii      (`./run --demo` does this with everything prepared)

The engine runs in a temporary directory on free ports; nothing is left behind.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_SECONDS = 60
CONFIGURATION = """\
workers:
  - name: iii-worker-manager
    config: {{host: 127.0.0.1, port: {worker_port}}}
  - name: iii-http
    config: {{host: 127.0.0.1, port: {http_port}}}
  - name: iii-state
    config:
      adapter:
        name: kv
        config: {{store_method: file_based, file_path: ./data/store}}
"""


class Failed(Exception):
    pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value is not None:
            return value
        time.sleep(0.05)
    raise Failed(f"{what}: not after {PATIENCE_SECONDS} s")


class Demo:
    def __init__(self, binary: str, directory: pathlib.Path) -> None:
        self.binary, self.directory = binary, directory
        self.worker_port, self.http_port = free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        ports = {"worker_port": self.worker_port, "http_port": self.http_port}
        (directory / "config.yaml").write_text(CONFIGURATION.format(**ports))

    def start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.directory, env={**os.environ, **environment}, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def start_engine(self) -> subprocess.Popen[bytes]:
        return self.start("engine", [self.binary, "--config", "config.yaml"])

    def request(self, text: str | None = None):
        """The decoded answer of GET /notes, or of POST /notes with a text. None when there's no good answer."""
        data = None if text is None else json.dumps({"text": text}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/notes", data, {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except (urllib.error.URLError, OSError):
            return None

    def run(self) -> None:
        worker_file = str(pathlib.Path(__file__).with_name("worker.py"))
        engine = self.start_engine()
        self.start("worker", [sys.executable, worker_file], III_URL=f"ws://127.0.0.1:{self.worker_port}")
        print(f"engine {engine.pid}: http://127.0.0.1:{self.http_port}, ws://127.0.0.1:{self.worker_port}")
        wait_until(self.request, "the worker registers its routes")

        for text in ("buy milk", "call Ada", "survive a power cut"):
            print(f"POST /notes -> {self.request(text)}")
        before = self.request()

        print(f"kill -9 {engine.pid}")
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        killed = time.monotonic()
        engine = self.start_engine()
        print(f"engine {engine.pid}: started again; the worker has to reconnect by itself")
        after = wait_until(self.request, "the worker is back")
        print(f"GET /notes -> {after}   ({time.monotonic() - killed:.1f} s after the kill)")

        if not before or len(before) != 3 or after != before:
            raise Failed(f"before the kill there was {before}")
        fourth = self.request("carry on")
        if not fourth or fourth["number"] != 4:
            raise Failed(f"the next note was {fourth}, not number 4")
        engine.send_signal(signal.SIGTERM)
        if engine.wait(PATIENCE_SECONDS) != 0:
            raise Failed(f"SIGTERM ended the engine with {engine.returncode}, not with 0")

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="iii-demo-") as name:
        demo = Demo(os.path.abspath(sys.argv[1]), pathlib.Path(name))
        try:
            demo.run()
        except Failed as failure:
            print(f"FAILED: {failure}")
            for log in sorted(demo.directory.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
            return 1
        finally:
            demo.end()
    print("PASSED: every acknowledged note survived kill -9, and the worker reconnected by itself.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
