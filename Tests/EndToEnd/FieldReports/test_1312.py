"""iii-hq/iii#1312: one value is a JSON document of 24.5 MB, and the engine choked on it.

Here it is a value like others: it can be set, read, updated and listed, it survives a crash, and rewriting it doesn't stall
those who write other keys.
"""

from __future__ import annotations

import json
import select
import statistics
import time

from support.documents import document
from support.entries import Entries
from support.rawsocket import RawWorker
from support.sdk import RECEIVES_LARGE_MESSAGES, Worker

MEGABYTES = 24.5
# Writes of others that are measured without the large one, at least.
QUIET_WRITES = 300
REWRITES = 5
# A stall would let none or one through, whatever the machine.
LEAST_WRITES_MEANWHILE = 5
# Of medians, on two cores that also encode and decode the document in Python.
SLOWER = 25


def test_1312_the_document_itself(engine, entries, connect):
    """Everything that can be done with a value, by SDK workers, and SIGKILL after each change."""
    assert RECEIVES_LARGE_MESSAGES, "run this with an SDK that takes large messages"
    large = document(MEGABYTES, 0)
    assert 0.95 < len(json.dumps(large, separators=(",", ":"))) / (MEGABYTES * 1_000_000) < 1.1
    engine.start()
    worker: Worker = connect(engine)
    assert worker.trigger(*entries.set("large", "document", large))["old_value"] is None
    worker.trigger(*entries.set("large", "other", "small"))
    worker.close()
    engine.restart()

    worker = connect(engine)
    assert worker.trigger(*entries.get("large", "document")) == large
    increment = {"type": "increment", "path": "version", "by": 1}
    merge = {"type": "merge", "path": "", "value": {"note": "merged"}}
    worker.trigger(*entries.update("large", "document", increment, merge))
    worker.close()
    engine.restart()

    large.update(version=1, note="merged")
    worker = connect(engine)
    assert worker.trigger(*entries.list("large")) == [large, "small"]
    worker.trigger(*entries.delete("large", "document"))
    worker.close()
    engine.restart()
    assert RawWorker(engine.worker_port).call(*entries.list("large")) == ["small"]
    engine.stop()


class Neighbour:
    """Writes a small key again and again, and notes how long each write took."""

    def __init__(self, port: int, entries: Entries) -> None:
        self.worker = RawWorker(port)
        self.entries = entries
        self.count = 0

    def write(self) -> float:
        self.count += 1
        begin = time.monotonic()
        self.worker.call(*self.entries.set("small", "k", {"n": self.count}))
        return time.monotonic() - begin


def test_1312_rewriting_it_stalls_nobody(engine, entries, run_worker):
    """Others write on while a worker of its own rewrites the document; counted per rewrite, and compared with before."""
    engine.start()
    rewriter = run_worker("rewriter.py", engine.url, entries.kind, MEGABYTES)
    neighbour = Neighbour(engine.worker_port, entries)
    quiet = [neighbour.write() for _ in range(QUIET_WRITES)]
    beside: list[float] = []
    for version in range(1, REWRITES + 1):
        rewriter.stdin.write("again\n")
        rewriter.stdin.flush()
        meanwhile = []
        while not select.select([rewriter.stdout], [], [], 0)[0]:
            meanwhile.append(neighbour.write())
        assert rewriter.stdout.readline() == f"{version}\n"
        assert len(meanwhile) >= LEAST_WRITES_MEANWHILE, f"{len(meanwhile)} writes during a whole rewrite"
        beside += meanwhile
    ratio = statistics.median(beside) / statistics.median(quiet)
    print(
        f"{entries.kind}: {len(beside)} writes during {REWRITES} rewrites; median {ratio:.1f} times that of before, "
        f"longest {max(beside) * 1000:.0f} ms against {max(quiet) * 1000:.0f} ms"
    )
    assert ratio <= SLOWER
    engine.restart()
    (stored,) = RawWorker(engine.worker_port).call(*entries.list("small"))
    assert stored == {"n": neighbour.count}
    engine.stop()
