"""A worker to be stopped: `registrant.py URL STREAM_PORT PREFIX` registers PREFIX::f with a trigger of each kind, and
subscribes to the group PREFIX of the stream `reports` on STREAM_PORT. Prints a line when the subscription is there.
"""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support.entries import STREAM  # noqa: E402
from support.rawsocket import RawSocket  # noqa: E402
from support.sdk import Worker  # noqa: E402

url, port, prefix = sys.argv[1:]
worker = Worker(url, prefix)
worker.function(f"{prefix}::f", lambda data: "served")
for kind, config in {
    "state": {"scope": prefix},
    "stream": {"stream_name": STREAM, "group_id": prefix},
    "stream:join": {},
    "subscribe": {"topic": prefix},
    "http": {"api_path": prefix, "http_method": "POST"},
}.items():
    worker.bind(kind, f"{prefix}::f", config)
socket = RawSocket(int(port))
socket.send({"type": "join", "data": {"subscriptionId": "s", "streamName": STREAM, "groupId": prefix}})
socket.receive()
signal.signal(signal.SIGTERM, lambda *_: (worker.close(), sys.exit(0)))
print("ready", flush=True)
while True:
    time.sleep(0.05)
