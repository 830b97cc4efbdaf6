from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def name() -> str:
    """A function id prefix or type id that no other test uses."""
    return f"p{uuid.uuid4().hex[:12]}"
