"""What the engine's own identifiers look like."""

import re

# UUID version 4, lower case with hyphens.
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
