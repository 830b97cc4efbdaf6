"""What the engine's log (JSON) says of the stores that it opened."""

from __future__ import annotations

import json
import pathlib
from dataclasses import dataclass

from support.engine import Engine


@dataclass(frozen=True)
class Opening:
    """One `store opened` line."""

    store: str
    recovered: int
    checkpoint: int


class Openings:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.offset = 0

    def new(self) -> list[Opening]:
        """Those since the last look, in their order."""
        openings = []
        with self.engine.log_file.open("rb") as log:
            log.seek(self.offset)
            for line in log:
                if b'"store opened"' in line:
                    fields = json.loads(line)["fields"]
                    store = pathlib.Path(fields["store.path"]).name
                    openings.append(Opening(store, fields["recovered.lsn"], fields["checkpoint.lsn"]))
            self.offset = log.tell()
        return openings
