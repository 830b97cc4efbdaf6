"""Measures this machine and writes the figures into the stream `metrics`, group `host`, for the dashboard.

    III_URL=ws://127.0.0.1:49134 INTERVAL_SECONDS=1 python worker.py

One item per figure (`stream::set`), one for each of the busiest processes, which comes and goes (`stream::delete`), a
count of samples (`stream::update`), and events that aren't stored (`stream::send`). Reads /proc: Linux only.
"""

import os
import pathlib
import shutil
import time

from iii import InitOptions, register_worker

try:
    from iii import InvocationError
except ImportError:  # its name before 0.20
    from iii import IIIInvocationError as InvocationError

URL = os.environ.get("III_URL", "ws://127.0.0.1:49134")
INTERVAL_SECONDS = float(os.environ.get("INTERVAL_SECONDS", "1"))
GROUP = {"stream_name": "metrics", "group_id": "host"}
BUSIEST_COUNT = 5
BUSY_PERCENT = 80.0
PROC = pathlib.Path("/proc")
PROCESS_PREFIX = "process:"


def cpu_ticks() -> tuple[int, int]:
    """Busy and all ticks of all processors since boot."""
    fields = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def process_ticks() -> dict[str, tuple[str, int]]:
    """Process id -> its name and the ticks that it used."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                head, _, tail = (entry / "stat").read_text().rpartition(")")
            except OSError:  # it ended meanwhile
                continue
            fields = tail.split()
            found[entry.name] = (head.partition("(")[2], int(fields[11]) + int(fields[12]))
    return found


def memory_percent() -> float:
    lines = (line.split() for line in (PROC / "meminfo").read_text().splitlines())
    kilobytes = {line[0].rstrip(":"): int(line[1]) for line in lines}
    return 100 * (1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"])


class Sampler:
    """Turns the counters of /proc into shares of the time since the sample before."""

    def __init__(self) -> None:
        self.busy, self.all = cpu_ticks()
        self.processes = process_ticks()

    def sample(self) -> list[dict]:
        busy_before, all_before, processes_before = self.busy, self.all, self.processes
        self.__init__()
        elapsed = max(self.all - all_before, 1)
        figures = [
            item("cpu", "CPU", 100 * (self.busy - busy_before) / elapsed, "%"),
            item("memory", "Memory", memory_percent(), "%"),
            item("load", "Load, 1 minute", os.getloadavg()[0], ""),
            item("disk", "Disk", 100 * (usage := shutil.disk_usage("/")).used / usage.total, "%"),
        ]
        used = [
            (ticks - processes_before[pid][1], pid, name)
            for pid, (name, ticks) in self.processes.items()
            if pid in processes_before
        ]
        busiest = sorted(entry for entry in used if entry[0] > 0)[-BUSIEST_COUNT:]
        return figures + [
            item(PROCESS_PREFIX + pid, f"{name} ({pid})", 100 * ticks / elapsed, "%") for ticks, pid, name in busiest
        ]


def item(item_id: str, name: str, value: float, unit: str) -> dict:
    return {"id": item_id, "name": name, "value": round(value, 1), "unit": unit}


class Publisher:
    """Makes the group equal to each sample."""

    def __init__(self) -> None:
        self.worker = register_worker(URL, InitOptions(worker_name="metrics", invocation_timeout_ms=5000))
        self.is_busy = False

    def call(self, function_id: str, **payload):
        return self.worker.trigger({"function_id": function_id, "payload": {**GROUP, **payload}})

    def publish(self, sample: list[dict]) -> None:
        # What is there is asked for, not remembered: an earlier run of this worker may have left items.
        present = {value["id"] for value in self.call("stream::list") if value["id"].startswith(PROCESS_PREFIX)}
        for value in sample:
            self.call("stream::set", item_id=value["id"], data=value)
        for item_id in sorted(present - {value["id"] for value in sample}):
            self.call("stream::delete", item_id=item_id)
        self.call(
            "stream::update",
            item_id="samples",
            ops=[
                {"type": "merge", "value": {"id": "samples", "name": "Samples"}},
                {"type": "increment", "path": "value", "by": 1},
            ],
        )
        self.warn(sample[0]["value"])

    def warn(self, cpu_percent: float) -> None:
        """Once when the CPU becomes busy, and once when it isn't any more."""
        is_busy = cpu_percent > BUSY_PERCENT
        if is_busy != self.is_busy:
            self.is_busy = is_busy
            self.announce("alert", f"CPU {'above' if is_busy else 'below'} {BUSY_PERCENT:.0f} %")

    def announce(self, kind: str, text: str) -> None:
        self.call("stream::send", type=kind, data={"text": text})


def main() -> None:
    publisher, sampler = Publisher(), Sampler()
    is_announced = False
    while True:
        time.sleep(INTERVAL_SECONDS)
        try:
            if not is_announced:
                publisher.announce("started", f"worker {os.getpid()} measures")
                is_announced = True
            publisher.publish(sampler.sample())
        except InvocationError as error:  # the engine is away; the SDK reconnects, the next sample is as good
            print(f"sample lost: {error}", flush=True)


if __name__ == "__main__":
    main()
