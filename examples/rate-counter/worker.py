"""A rate limit that is exact however many callers there are at once: LIMIT calls per client and window, then 429.

    III_URL=ws://127.0.0.1:49134 LIMIT=5 WINDOW_SECONDS=60 python worker.py

    curl -i -X POST 'http://127.0.0.1:3111/hits?client=ada'
    curl 'http://127.0.0.1:3111/hits?client=ada'

Every hit is one `state::update` that increments and returns the new count, so no two callers get the same number and
there's nothing to lock. Counts of a window share a scope, `rate:<window>`; scopes of windows that ended are emptied.
"""

import os
import threading
import time

from iii import InitOptions, register_worker

try:
    from iii import InvocationError
except ImportError:  # its name before 0.20
    from iii import IIIInvocationError as InvocationError

URL = os.environ.get("III_URL", "ws://127.0.0.1:49134")
LIMIT = int(os.environ.get("LIMIT", "5"))
WINDOW_SECONDS = float(os.environ.get("WINDOW_SECONDS", "60"))
SCOPE_PREFIX = "rate:"
# A hit that was counted late, over the end of its window, must not bring back a scope that was emptied.
WINDOWS_KEPT = 2

worker = register_worker(URL, InitOptions(worker_name="rate-counter"))


async def call(function_id: str, **payload):
    return await worker.trigger_async({"function_id": function_id, "payload": payload})


def current_window() -> int:
    return int(time.time() // WINDOW_SECONDS)


def scope_of(window: int) -> str:
    return f"{SCOPE_PREFIX}{window}"


def seconds_left(window: int) -> int:
    return max(1, round((window + 1) * WINDOW_SECONDS - time.time()))


async def hit(request):
    """Counts the call, then says whether it may go on. Counting first is what makes it exact."""
    client, window = request["query_params"].get("client", "anonymous"), current_window()
    counted = await call(
        "state::update",
        scope=scope_of(window),
        key=client,
        # The value names its client because `state::list` returns values without keys.
        ops=[{"type": "increment", "path": "count", "by": 1}, {"type": "set", "path": "client", "value": client}],
    )
    count = counted["new_value"]["count"]
    body = {"client": client, "window": window, "count": count, "limit": LIMIT}
    if count > LIMIT:
        return {"status_code": 429, "headers": {"retry-after": str(seconds_left(window))}, "body": body}
    return {"status_code": 200, "body": body}


async def show(request):
    """The client's count, without counting this call."""
    client, window = request["query_params"].get("client", "anonymous"), current_window()
    value = await call("state::get", scope=scope_of(window), key=client)
    count = value["count"] if value else 0
    return {"status_code": 200, "body": {"client": client, "window": window, "count": count, "limit": LIMIT}}


def ended(scope: str) -> bool:
    window = scope.removeprefix(SCOPE_PREFIX)
    return scope.startswith(SCOPE_PREFIX) and window.isdigit() and int(window) <= current_window() - WINDOWS_KEPT


def delete_ended_windows() -> None:
    """Asks the store which windows are there: what an earlier run of this worker left goes too."""

    def call_now(function_id: str, **payload):
        return worker.trigger({"function_id": function_id, "payload": payload})

    for scope in filter(ended, call_now("state::list_groups")["groups"]):
        for value in call_now("state::list", scope=scope):
            call_now("state::delete", scope=scope, key=value["client"])


def delete_ended_windows_for_ever() -> None:
    while True:
        try:
            delete_ended_windows()
        except InvocationError as error:  # the engine is away; the next round does it
            print(f"old windows stay for now: {error}", flush=True)
        time.sleep(WINDOW_SECONDS)


worker.register_function("rate::hit", hit, description="Counts a call of a client; 429 beyond the limit")
worker.register_function("rate::show", show, description="A client's count in this window")
for method, function_id in (("POST", "rate::hit"), ("GET", "rate::show")):
    worker.register_trigger(
        {"type": "http", "function_id": function_id, "config": {"api_path": "hits", "http_method": method}}
    )
threading.Thread(target=delete_ended_windows_for_ever, daemon=True).start()
