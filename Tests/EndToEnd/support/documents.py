"""Large JSON documents, such as a user's whole memory in one value."""

from __future__ import annotations

import functools
from typing import Any

ROW_BYTES = 250


@functools.cache
def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "title": f"memory {n}", "tags": ["a", n % 7], "text": f"{n:09} " * 18} for n in range(count)]


def document(megabytes: float, version: int) -> dict[str, Any]:
    """A document of about that many megabytes of compact JSON."""
    return {"version": version, "rows": rows(int(megabytes * 1_000_000 / ROW_BYTES))}
