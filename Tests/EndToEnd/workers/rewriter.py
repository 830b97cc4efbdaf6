"""A worker with one large document: `rewriter.py URL KIND MEGABYTES`. Each line on stdin has it written anew, whole; the
answer is a line on stdout, the number of the version that is acknowledged.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support.documents import document  # noqa: E402
from support.entries import Entries  # noqa: E402
from support.sdk import Worker  # noqa: E402

url, kind, megabytes = sys.argv[1:]
worker = Worker(url, f"rewriter-{kind}")
for version, _ in enumerate(sys.stdin, start=1):
    answer = worker.trigger(*Entries(kind).set("large", "document", document(float(megabytes), version)))
    assert answer["new_value"]["version"] == version
    os.write(1, f"{version}\n".encode())
os._exit(0)
