"""What a process uses, as the kernel counts it in /proc."""

from __future__ import annotations

import pathlib
import threading
from typing import Callable


def proc(pid: int, name: str) -> str:
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def field(pid: int, file: str, name: str) -> int:
    """The number behind `name:` in a file of lines such as `VmRSS:  1234 kB`."""
    for line in proc(pid, file).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"no {name} in /proc/{pid}/{file}")


def resident_bytes(pid: int) -> int:
    return field(pid, "status", "VmRSS") * 1024


def peak_resident_bytes(pid: int) -> int:
    """The most since the start, or since `forget_peak`. The kernel keeps it, so no spike is missed."""
    return field(pid, "status", "VmHWM") * 1024


def own_bytes(pid: int) -> int:
    """Resident but for pages of files, which the kernel can take back at any moment."""
    return field(pid, "status", "RssAnon") * 1024


def forget_peak(pid: int) -> None:
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def written_bytes(pid: int) -> int:
    """Sent to the storage layer, by all threads."""
    return field(pid, "io", "write_bytes")


def processor_ticks(pid: int) -> int:
    """User and system time of all threads, in ticks of 10 ms."""
    fields = proc(pid, "stat").rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def wakeups(pid: int) -> int:
    """How often its threads went to sleep, which is how often they woke up."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(field(pid, f"task/{task.name}/status", "voluntary_ctxt_switches") for task in tasks)


class PeakWatch:
    """The most that `probe` says of a process, until it ends: for the time in which it can't be asked any more."""

    PAUSE_SECONDS = 0.02

    def __init__(self, pid: int, probe: Callable[[int], int] = peak_resident_bytes) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(pid, probe), daemon=True)
        self._thread.start()

    def _run(self, pid: int, probe: Callable[[int], int]) -> None:
        while not self._ended.is_set():
            try:
                self.bytes = max(self.bytes, probe(pid))
            except (OSError, LookupError):
                return  # it has ended
            self._ended.wait(self.PAUSE_SECONDS)

    def finish(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.bytes
