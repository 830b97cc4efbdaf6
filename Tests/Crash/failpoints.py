"""Kills in the midst of a checkpoint: the engine ends itself at or after a named place (`III_FAILPOINT`), under load.

A kill from outside hits a checkpoint by chance only, and nobody would know. The checkpoint that the store opens with
next tells whether the kill came before the snapshot's commit.

The product knows no failpoints: an armed process is another build of the same engine (`III_FAILPOINT_BINARY`), with
deliberate faults compiled in and none of them chosen. It works on the store that the product wrote, and the product on
what it leaves.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import time
from collections import Counter

from openings import Opening
from support.engine import REPOSITORY, Engine

# The bulk values fill 64 MiB of log, which asks for a checkpoint, long before; a debug build on a busy machine takes a while.
PATIENCE_SECONDS = 15
# From the beginning of a checkpoint until after its end, microseconds.
DELAYS = (0, 250, 500, 1000, 2000, 4000, 8000)
PLACES = ("checkpoint.beforeApply", "checkpoint.afterCommit", "rotation.beforeActivation", "rotation.afterActivation")
# Half of the kills come while the snapshot is written.
WEIGHTS = (6, 2, 1, 1)


def binary() -> pathlib.Path:
    """The build that has failpoints."""
    path = pathlib.Path(os.environ.get("III_FAILPOINT_BINARY", REPOSITORY / ".build-mutants/debug/iii")).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no engine with failpoints; tools/dev/mutants --build makes it")
    return path


def arm(engine: Engine, failpoint: str) -> None:
    """The next process ends itself there."""
    engine.binary = binary()
    engine.env["III_FAILPOINT"] = failpoint


def disarm(engine: Engine) -> None:
    engine.binary = None
    engine.env.pop("III_FAILPOINT", None)


class Failpoints:
    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self.engine, self.chance = engine, chance
        # What the running engine is to end itself at, and what it ended itself at, until that is judged.
        self.armed: str | None = None
        self.hit: str | None = None
        # Each store's checkpoint when it was opened last.
        self.checkpoints: dict[str, int] = {}
        # Kills by what they hit.
        self.hits: Counter[str] = Counter()

    def arm(self) -> None:
        """The engine's next process ends itself."""
        self.armed = self.chance.choices(PLACES, WEIGHTS)[0]
        delay = self.chance.choice(DELAYS) if self.armed.startswith("checkpoint") else 0
        arm(self.engine, f"{self.armed}:1:{delay}")

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
        disarm(self.engine)

    def judge(self, openings: list[Opening]) -> None:
        """After a start: what the last kill hit, by the checkpoints that the stores opened with since then.

        A kill during the recovery may stand between: the first opening of a store is what the kill before left.
        """
        before = dict(self.checkpoints)
        first: dict[str, int] = {}
        for opening in openings:
            first.setdefault(opening.store, opening.checkpoint)
            self.checkpoints[opening.store] = opening.checkpoint
        if self.hit is None:
            return
        if not self.hit.startswith("checkpoint"):
            self.hits["during a rotation"] += 1
        elif any(before.get(store, checkpoint) != checkpoint for store, checkpoint in first.items()):
            self.hits["after a checkpoint's commit"] += 1
        else:
            self.hits["during a checkpoint"] += 1
        self.hit = None
