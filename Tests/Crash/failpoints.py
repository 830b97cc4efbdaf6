"""Kills in the midst of a checkpoint: the engine ends itself at or after a named place (`III_FAILPOINT`), under load.

A kill from outside hits a checkpoint by chance only, and nobody would know. The checkpoint that the store opens with next
tells whether the kill came before the snapshot's commit.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter

from support.engine import Engine

# Values of 1.5 MB fill 64 MiB of log, which asks for a checkpoint, long before.
PATIENCE_SECONDS = 6
# From the beginning of a checkpoint until well after its end, microseconds.
DELAYS = (0, 500, 1000, 2000, 4000, 8000, 16000, 32000)
PLACES = ("checkpoint.beforeApply", "checkpoint.afterCommit", "rotation.beforeActivation", "rotation.afterActivation")
# Half of the kills come while the snapshot is written.
WEIGHTS = (6, 2, 1, 1)


class Failpoints:
    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self.engine, self.chance = engine, chance
        # What the running engine is to end itself at, and what it ended itself at, until that is judged.
        self.armed: str | None = None
        self.hit: str | None = None
        self.log_offset = 0
        # Each store's checkpoint when it was opened last.
        self.checkpoints: dict[str, str] = {}
        # Kills by what they hit.
        self.hits: Counter[str] = Counter()

    def arm(self) -> None:
        """The engine's next process ends itself."""
        self.armed = self.chance.choices(PLACES, WEIGHTS)[0]
        delay = self.chance.choice(DELAYS) if self.armed.startswith("checkpoint") else 0
        self.engine.env["III_FAILPOINT"] = f"{self.armed}:1:{delay}"

    def wait_for_hit(self) -> bool:
        """Whether the engine ended itself; if not, it still runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.engine.process.poll() is None:
            if time.monotonic() > deadline:
                self.hits["never reached"] += 1
                return False
            time.sleep(0.005)
        self.ended()
        return True

    def ended(self) -> None:
        """The engine ended itself."""
        if self.engine.wait() != -signal.SIGKILL:
            raise AssertionError(f"the engine ended by itself at {self.armed}:\n{self.engine.log()[-2000:]}")
        self.hit = self.armed

    def disarm(self) -> None:
        self.armed = None
        self.engine.env.pop("III_FAILPOINT", None)

    def judge(self) -> None:
        """After a start: what the last kill hit, by the checkpoints that the stores opened with."""
        opened = self._opened_checkpoints()
        if self.hit is not None:
            if not self.hit.startswith("checkpoint"):
                self.hits["during a rotation"] += 1
            elif any(first != self.checkpoints.get(path, first) for path, (first, _) in opened.items()):
                self.hits["after a checkpoint's commit"] += 1
            else:
                self.hits["during a checkpoint"] += 1
        self.hit = None
        self.checkpoints |= {path: last for path, (_, last) in opened.items()}

    def _opened_checkpoints(self) -> dict[str, tuple[str, str]]:
        """Each store's checkpoint at its first and its last opening since the last look, as the log (JSON) tells.

        A kill during the recovery may stand between: the first opening is what the kill before left.
        """
        opened: dict[str, tuple[str, str]] = {}
        with self.engine.log_file.open("rb") as log:
            log.seek(self.log_offset)
            for line in log:
                if b'"store opened"' in line:
                    fields = json.loads(line)["fields"]
                    path, lsn = fields["store.path"], str(fields["checkpoint.lsn"])
                    opened[path] = (opened.get(path, (lsn,))[0], lsn)
            self.log_offset = log.tell()
        return opened
