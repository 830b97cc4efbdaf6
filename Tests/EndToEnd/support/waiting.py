"""Waiting for what must come, and making sure that something doesn't."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

from .engine import PATIENCE_SECONDS

Value = TypeVar("Value")


def eventually(probe: Callable[[], Value], what: str, patience: float = PATIENCE_SECONDS) -> Value:
    """Calls `probe` until it returns something true, and returns that.

    Raises AssertionError with `what` and the last outcome when patience runs out.
    """
    deadline = time.monotonic() + patience
    pause = 0.005
    while True:
        outcome: object
        try:
            value = probe()
            if value:
                return value
            outcome = value
        except Exception as error:  # the condition isn't there yet; it's reported when patience ends
            outcome = error
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}; last outcome: {outcome!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
