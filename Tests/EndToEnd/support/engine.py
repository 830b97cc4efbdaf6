"""The engine binary as a child process on free loopback ports."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import textwrap
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
# How long a child may take for a step before the test gives up on it. A guard against hanging, not a measurement.
PATIENCE_SECONDS = 60
# A stop may take 8 s (docs/operations.md); the rest is for machines that do other things too.
STOP_PATIENCE_SECONDS = 20


def binary() -> pathlib.Path:
    """The engine under test: `III_BINARY`, or the release build of this tree."""
    path = pathlib.Path(os.environ.get("III_BINARY", REPOSITORY / ".build/release/iii")).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no engine binary; build it or set III_BINARY")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def config_text(
    worker_port: int,
    http_port: int | None,
    store: pathlib.Path | None,
    *,
    http: str = "",
    manager: str = "",
    state: str = "",
    kv: str = "",
    stream_port: int | None = None,
    stream: str | None = None,
    stream_kv: str = "store_method: file_based\nfile_path: ./data/streams",
    extra: str = "",
) -> str:
    """A config.yaml.

    `http`, `manager`, `state`, `kv` (state's adapter) and `stream` are further `key: value` lines of those blocks.
    There is a stream worker when `stream` is given, even empty; `stream_kv` are all lines of its adapter.
    """

    def block(name: str, lines: str) -> str:
        return f"  - name: {name}\n    config:\n" + textwrap.indent(textwrap.dedent(lines).strip("\n"), " " * 6) + "\n"

    text = "workers:\n"
    text += block("iii-worker-manager", f"host: 127.0.0.1\nport: {worker_port}\n{manager}")
    if http_port is not None:
        text += block("iii-http", f"host: 127.0.0.1\nport: {http_port}\n{http}")
    if store is not None:
        adapter = f"adapter:\n  name: kv\n  config:\n    store_method: file_based\n    file_path: {store}\n"
        adapter += textwrap.indent(textwrap.dedent(kv).strip("\n") + "\n", " " * 4) if kv else ""
        text += block("iii-state", adapter + state)
        text += "  - name: iii-pubsub\n"
    if stream is not None:
        adapter = f"adapter:\n  name: kv\n  config:\n{textwrap.indent(textwrap.dedent(stream_kv).strip(), ' ' * 4)}\n"
        text += block("iii-stream", f"host: 127.0.0.1\nport: {stream_port}\n{adapter}{stream}")
    return text + extra


JSON_LOG = "  - name: iii-observability\n    config: {format: json}\n"


class Engine:
    """One engine: a directory with its config.yaml, store and log, and the process while it runs."""

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        text: str | None = None,
        env: dict[str, str] | None = None,
        user: int | None = None,
        store: pathlib.Path | None = None,
        **blocks: str,
    ) -> None:
        self.directory = directory
        self.worker_port = free_port()
        self.http_port = free_port()
        self.stream_port = free_port()
        # What `start` waits for.
        self.ports = [self.worker_port, self.http_port] + [self.stream_port] * ("stream" in blocks)
        self.store = store or directory / "data" / "store"
        self.config = directory / "config.yaml"
        self.log_file = directory / "engine.log"
        self.env = env or {}
        # None: the one under test.
        self.binary: pathlib.Path | None = None
        self.user = user
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        ports = {"worker_port": self.worker_port, "http_port": self.http_port, "stream_port": self.stream_port}
        self.config.write_text(text or config_text(store=self.store, **ports, **blocks))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.worker_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "the engine isn't running"
        return self.process.pid

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts the process without waiting for it to listen."""
        # Tests open many sockets: let the child use everything that the hard limit allows.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binary or binary()), "--config", str(self.config)],
                cwd=self.directory,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)),
            )
        return self.process

    def start(self) -> "Engine":
        process = self.spawn()
        self.wait_for(lambda: all(map(accepts_connections, self.ports)), process)
        return self

    def wait_for(self, condition, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if process.poll() is not None:
                raise RuntimeError(f"the engine exited with {process.returncode} at its start:\n{self.log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the engine doesn't listen after {PATIENCE_SECONDS} s:\n{self.log()}")
            time.sleep(0.02)

    def run_to_exit(self, patience: float = PATIENCE_SECONDS) -> int:
        """For boots that must fail: starts the process and returns its exit code."""
        return self.spawn().wait(patience)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, patience: float = PATIENCE_SECONDS) -> int:
        assert self.process is not None
        code = self.process.wait(patience)
        self.process = None
        return code

    def stop(self) -> None:
        """A graceful stop, which must end with 0."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"SIGTERM ended the engine with {code}:\n{self.log()}"

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def restart(self) -> None:
        """A power cut, as far as the process is concerned, and a new start on the same ports and store."""
        self.kill()
        self.start()

    def dispose(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def opened(self, worker: str = "") -> dict[str, str]:
        """The facts of the latest `store opened` line, of one worker if it's named. Needs a JSON log."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        facts = [line["fields"] for line in lines if line["fields"].get("message") == "store opened"]
        facts = [line for line in facts if worker in line["worker"]]
        assert facts, f"no `store opened`:\n{self.log()}"
        return {key: str(value) for key, value in facts[-1].items()}

    def resident_bytes(self) -> int:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS line")
