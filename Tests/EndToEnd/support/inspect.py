"""`iii-storage-inspect`, as an operator calls it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any

from .engine import PATIENCE_SECONDS, REPOSITORY

SOUND, TORN_TAIL, DAMAGED = 0, 4, 3


def inspect_binary() -> pathlib.Path:
    """`III_STORAGE_INSPECT`, or the release build of this tree."""
    path = pathlib.Path(os.environ.get("III_STORAGE_INSPECT", REPOSITORY / ".build/release/iii-storage-inspect"))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no inspection tool; build it or set III_STORAGE_INSPECT")
    return path


def inspect(*arguments: object, status: int = SOUND) -> str:
    """What it prints. It has to end with the status."""
    command = [str(inspect_binary()), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr}"
    return done.stdout


def inspect_json(*arguments: object, status: int = SOUND) -> list[dict[str, Any]]:
    """The objects that it prints."""
    return [json.loads(line) for line in inspect(*arguments, "--json", status=status).splitlines()]
