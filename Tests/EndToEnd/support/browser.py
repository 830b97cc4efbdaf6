"""A headless Chromium, spoken to over its DevTools pipe: one page at a time, no driver, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import time
from typing import Any

from .engine import PATIENCE_SECONDS

# Chromium reads commands from descriptor 3 and writes answers to 4, each ended by a zero byte.
COMMANDS, ANSWERS = 3, 4
# Descriptors of ours lie above those two.
FIRST_FREE_DESCRIPTOR = 10
FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-gpu",
    # /dev/shm is small in containers.
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
]


def executable() -> str:
    """`III_CHROMIUM`, or what the distribution calls it."""
    names = [os.environ.get("III_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if found is None:
        raise FileNotFoundError("no Chromium: `apt-get install chromium`, or name one with III_CHROMIUM")
    return found


class BrowserError(Exception):
    pass


class Browser:
    """A process with a profile of its own. `exceptions` are the uncaught errors of its pages' scripts."""

    def __init__(self, profile: pathlib.Path) -> None:
        self.exceptions: list[str] = []
        self.buffer = bytearray()
        self.last_id = 0
        self.session: str | None = None
        self.log_file = profile.with_suffix(".log")
        commands_read, self.commands = high_pipe()
        self.answers, answers_write = high_pipe()

        def take_descriptors() -> None:
            os.dup2(commands_read, COMMANDS)
            os.dup2(answers_write, ANSWERS)

        flags = FLAGS + ["--no-sandbox"] * (os.geteuid() == 0) + [f"--user-data-dir={profile}"]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [executable(), *flags, "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=take_descriptors,
                pass_fds=(COMMANDS, ANSWERS),
                # Its many children are ended with it, as a group.
                start_new_session=True,
            )
        os.close(commands_read)
        os.close(answers_write)

    def open(self, url: str) -> None:
        """Goes to the page, which `evaluate` is about from then on."""
        if self.session is None:
            target = self.command("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.command("Runtime.enable")
            self.command("Page.enable")
        answer = self.command("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")

    def evaluate(self, expression: str) -> Any:
        """The value of the JavaScript expression, as far as JSON can say it."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(description(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self, path: pathlib.Path) -> None:
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)
        os.close(self.commands)
        os.close(self.answers)

    # The DevTools protocol

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.last_id += 1
        message: dict[str, Any] = {"id": self.last_id, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        self.send(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.receive(deadline)).get("id") != self.last_id:
            self.note(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self.commands, data) :]
        except BrokenPipeError:
            raise BrowserError(f"Chromium is gone:\n{self.log()}") from None

    def receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError(f"Chromium doesn't answer:\n{self.log()}")
            chunk = os.read(self.answers, 1 << 18)
            if not chunk:
                raise BrowserError(f"Chromium is gone:\n{self.log()}")
            self.buffer += chunk
        message, _, rest = self.buffer.partition(b"\0")
        self.buffer = bytearray(rest)
        return json.loads(message)

    def note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.exceptions.append(description(event["params"]["exceptionDetails"]))

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:]


def description(details: dict[str, Any]) -> str:
    return details.get("exception", {}).get("description") or details["text"]


def high_pipe() -> tuple[int, int]:
    """A pipe whose ends don't lie where the child's descriptors will."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
