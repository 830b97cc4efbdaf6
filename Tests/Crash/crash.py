#!/usr/bin/env python3
"""Kills a loaded engine at random moments and checks after each restart that it kept its promises.

    python3 Tests/Crash/crash.py [--rounds 50] [--seed N]

Real SDK workers in processes of their own write over WebSocket, and this process through HTTP. After each SIGKILL and
restart the workers reconnect by themselves, everything is read back, and `oracle.py` judges it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from oracle import Oracle  # noqa: E402
from support.engine import REPOSITORY, Engine  # noqa: E402
from support.httpclient import request_json  # noqa: E402
from support.rawsocket import RawWorker  # noqa: E402

SCOPE = "crash"
# The SDK versions of the worker processes.
VERSIONS = ("0.22.1", "0.25.0", "0.20.0")
HTTP_WRITERS = 3
# The longest and shortest time from the start of the load to the kill, seconds.
LOAD_SECONDS = (0.02, 1.2)
# How often the engine is killed once more while it recovers.
KILL_DURING_RECOVERY = 0.25
# A guard against hanging: a worker that isn't back by then never comes back.
PATIENCE_SECONDS = 90


class LoadProcess:
    """One worker process and the thread that reads its journal into the oracle."""

    def __init__(self, engine: Engine, oracle: Oracle, version: str, name: str) -> None:
        python = REPOSITORY / f".venv-sdk-{version}" / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"{python} is missing: run tools/dev/sdk-venvs")
        self.name, self.version, self.oracle = name, version, oracle
        self.marks: queue.Queue[str] = queue.Queue()
        command = [python, HERE / "load.py", engine.url, name]
        # The SDK logs every call that a kill interrupted.
        with (engine.directory / f"{name}.log").open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        threading.Thread(target=self._read_journal, daemon=True).start()

    def _read_journal(self) -> None:
        for line in self.process.stdout:
            match json.loads(line):
                case ["intend", key, sequence, deletes]:
                    self.oracle.intend_write(key, sequence, deletes)
                case ["done", key, sequence, old]:
                    self.oracle.acknowledge_write(key, sequence, old)
                case ["count", key]:
                    self.oracle.intend_increment(key)
                case ["counted", key, writer, value]:
                    self.oracle.acknowledge_increment(key, writer, value)
                case [mark]:
                    self.marks.put(mark)

    def command(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def wait_for(self, mark: str) -> None:
        try:
            found = self.marks.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise TimeoutError(f"{self.name} (SDK {self.version}) didn't come back to {mark}") from None
        assert found == mark, f"{found} instead of {mark}"

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
        self.oracle.intend_write(self.key, sequence, False)
        if answer := self.post("set", {"key": self.key, "sequence": sequence}):
            self.oracle.acknowledge_write(self.key, sequence, answer["old"])
            self.acknowledged += 1
        self.oracle.intend_increment(self.counter)
        if answer := self.post("count", {"key": self.counter}):
            self.oracle.acknowledge_increment(self.counter, self.writer, answer["value"])
            self.acknowledged += 1
        else:
            time.sleep(0.01)


class CrashTest:
    def __init__(self, directory: pathlib.Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.oracle = Oracle()
        self.engine = Engine(directory).start()
        self.loads = [
            LoadProcess(self.engine, self.oracle, version, f"load{number}") for number, version in enumerate(VERSIONS)
        ]
        self.writers = [
            HTTPWriter(self.engine, self.oracle, f"load{number % len(VERSIONS)}", number)
            for number in range(HTTP_WRITERS)
        ]
        self.kills = 0
        self.slowest_start = 0.0

    def prepare(self) -> None:
        for load in self.loads:
            load.wait_for("ready")
        for writer in self.writers:
            writer.start()

    def round(self) -> None:
        for load in self.loads:
            load.command("run")
        for writer in self.writers:
            writer.may_run.set()
        time.sleep(self.chance.uniform(*LOAD_SECONDS))
        for writer in self.writers:
            writer.may_run.clear()
        self.engine.kill()
        self.kills += 1
        for load in self.loads:
            load.command("pause")
        while self.chance.random() < KILL_DURING_RECOVERY:
            self.engine.spawn()
            time.sleep(self.chance.uniform(0, 0.15))
            self.engine.kill()
            self.kills += 1
        before = time.monotonic()
        self.engine.start()
        self.slowest_start = max(self.slowest_start, time.monotonic() - before)
        self.settle()

    def settle(self) -> None:
        """Waits until nothing is under way and every worker is connected; then reads everything back."""
        for writer in self.writers:
            if not writer.under_way.acquire(timeout=PATIENCE_SECONDS):
                raise TimeoutError(f"{writer.writer} has an HTTP request that never ends")
            writer.under_way.release()
        for load in self.loads:
            load.wait_for("paused")
        reader = RawWorker(self.engine.worker_port)
        self.oracle.settle(lambda key: reader.call("state::get", {"scope": SCOPE, "key": key}))
        reader.close()
        if self.oracle.violations:
            raise AssertionError("; ".join(self.oracle.violations))

    def graceful_round(self) -> None:
        """A stop in the midst of the load instead of a kill."""
        for load in self.loads:
            load.command("run")
        time.sleep(0.3)
        self.engine.stop()
        for load in self.loads:
            load.command("pause")
        self.engine.start()
        self.settle()

    def end(self) -> None:
        for load in self.loads:
            load.end()
        self.engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"crash test: {options.rounds} rounds, seed {options.seed}", flush=True)

    directory = pathlib.Path(tempfile.mkdtemp(prefix="iii-crash-"))
    test = CrashTest(directory, options.seed)
    began, passed = time.monotonic(), 0
    steps = [test.round] * options.rounds + [test.graceful_round]
    try:
        test.prepare()
        for number, step in enumerate(steps, 1):
            step()
            passed += 1
            if number % 10 == 0:
                print(f"  round {number}: {test.oracle.acknowledged} writes acknowledged, none lost", flush=True)
    except Exception:
        traceback.print_exc()
        print(f"round {passed + 1} failed; seed {options.seed}; store and log are kept in {directory}")
        print(test.engine.log()[-4000:])
    finally:
        test.end()
    oracle = test.oracle
    through_http = sum(writer.acknowledged for writer in test.writers)
    print(
        f"{test.kills} kills, {oracle.intended} writes intended, {oracle.acknowledged} acknowledged "
        f"({through_http} of them through HTTP), slowest start {test.slowest_start:.2f} s, "
        f"{time.monotonic() - began:.0f} s"
    )
    if through_http == 0 or oracle.acknowledged == 0:
        print("nothing was acknowledged: this run proves nothing")
        passed = 0
    failed = len(steps) - passed
    print(f"{passed} passed, {failed} failed")
    if failed == 0:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
