#!/usr/bin/env python3
"""Kills a loaded engine at random moments and checks after each restart that it kept its promises.

    python3 Tests/Crash/crash.py [--rounds 100] [--seed N]

Real SDK workers in processes of their own write and read state and streams over WebSocket, this process writes through
HTTP, and raw subscribers follow the streams. After each SIGKILL and restart the workers and subscribers reconnect by
themselves, everything is read back, and `oracle.py` judges it. In every fifth round the engine is killed in the midst
of a checkpoint (failpoints.py). Beside every tenth another one is killed while it imports an upstream volume
(imports.py).
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback
from functools import partial
from typing import Callable

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from imports import ImportTest  # noqa: E402
from rounds import CrashTest  # noqa: E402

# One import beside so many rounds.
IMPORT_EVERY = 10


def unproven(test: CrashTest) -> list[str]:
    """What this run never did, and so proves nothing about."""
    counts, hits = test.oracle.counts, test.failpoints.hits
    done = {
        "a write through HTTP": sum(writer.acknowledged for writer in test.writers),
        "a write to the state": counts["done"],
        "an update": counts["counted"],
        "a list": counts["listed"],
        "an event of a state trigger": counts["event"],
        "an event of a stream trigger": counts["streamed"],
        "a join that a guard let in": counts["guarded"],
        "a join that a kill cut off": counts["cut joins"],
        "a sync": counts["sync"],
        "a resume": counts["resumed"],
        "an event that was missed and resumed": counts["missed"],
        "a kill during a checkpoint": hits["during a checkpoint"],
    }
    return [what for what, count in done.items() if count == 0]


def summary(test: CrashTest) -> str:
    counts = test.oracle.counts
    through_http = sum(writer.acknowledged for writer in test.writers)
    hits = ", ".join(f"{count} {what}" for what, count in sorted(test.failpoints.hits.items())) or "none"
    return "\n".join([
        f"{'one store' if test.is_shared else 'two stores'}, {test.kills} kills; at failpoints: {hits}",
        f"{counts['intend'] + counts['count'] + counts['send']} writes intended, "
        f"{counts['done'] + counts['counted'] + counts['sent']} acknowledged ({through_http} of them through HTTP)",
        f"seen: {counts['saw']} reads, {counts['listed']} lists, {counts['event']} events of state triggers, "
        f"{counts['streamed'] + counts['ticked']} of stream triggers, "
        f"{counts['told'] + counts['heard']} by subscribers",
        f"{counts['join']} joins ({counts['cut joins']} cut off by a kill, {counts['guarded']} let in by a guard), "
        f"{counts['sync']} syncs, "
        f"{counts['resumed']} resumes of {counts['missed']} missed events",
        f"slowest start {test.slowest_start:.2f} s",
    ])


def steps_of(test: CrashTest, imports: ImportTest, rounds: int) -> list[tuple[str, Callable[[], None]]]:
    """Every step by name, in order."""
    steps = [("the preparation", test.prepare), ("the first import", imports.measure)]
    for number in range(1, rounds + 1):
        steps.append((f"round {number}", partial(test.round, number)))
        if number % IMPORT_EVERY == 0:
            steps.append((f"import {number // IMPORT_EVERY}", partial(imports.round, number // IMPORT_EVERY)))
    return [*steps, ("the graceful stop", test.graceful_round)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"crash test: {options.rounds} rounds, seed {options.seed}", flush=True)

    directory = pathlib.Path(tempfile.mkdtemp(prefix="iii-crash-"))
    test = CrashTest(directory / "load", options.seed)
    imports = ImportTest(directory / "imports", random.Random(options.seed))
    began, passed = time.monotonic(), 0
    steps = steps_of(test, imports, options.rounds)
    try:
        for name, step in steps:
            step()
            passed += 1
            if name.startswith("import "):
                print(f"  {name}, {time.monotonic() - began:.0f} s: nothing lost", flush=True)
    except Exception:
        traceback.print_exc()
        print(f"{name} failed; seed {options.seed}; stores and logs are kept in {directory}")
        print(test.engine.log()[-4000:])
    finally:
        test.end()
    print(summary(test))
    print(imports.summary())
    print(f"{time.monotonic() - began:.0f} s")
    if passed == len(steps) and (missing := unproven(test) + imports.unproven()):
        print(f"this run proves less than it should: there never was {', '.join(missing)}")
        passed = 0
    failed = len(steps) - passed
    print(f"{passed} passed, {failed} failed")
    if failed == 0:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
