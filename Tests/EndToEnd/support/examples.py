"""The programs of examples/, run as a reader would, on the test's ports."""

from __future__ import annotations

from .engine import REPOSITORY, Engine

EXAMPLES = REPOSITORY / "examples"


def use_config_of(example: str, engine: Engine, ports: dict[int, int]) -> None:
    """Gives the engine the example's config.yaml, as it is but for its ports: example's -> engine's."""
    text = (EXAMPLES / example / "config.yaml").read_text()
    for shown, actual in ports.items():
        assert text.count(f"port: {shown}\n") == 1, f"{example}/config.yaml has no port {shown}"
        text = text.replace(f"port: {shown}\n", f"port: {actual}\n")
    engine.config.write_text(text)
    engine.ports = list(ports.values())
