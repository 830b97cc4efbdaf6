"""examples/dashboard in a real browser: whatever happens to its connection, the page shows what the stream holds.

The browser reaches the engine through a proxy that breaks connections. A writer writes all the while and numbers its
writes, so that a gap, a repetition or a wrong order in the page's log is found at the event where it happens.
"""

from __future__ import annotations

import functools
import http.server
import os
import threading

import pytest

from support.browser import Browser
from support.dashboard import DASHBOARD, Page, Rig
from support.examples import use_config_of
from support.streamwriter import StreamWriter
from support.tcpproxy import Proxy
from support.waiting import eventually

# How often each happens: a hundred drops in all.
DROPS = {
    "reset": 25,
    "end": 20,
    "break in a frame": 20,
    "stall, then reset": 15,
    "stall that nobody ends": 5,
    "outage": 5,
    "kill of the engine": 5,
    "stop of the engine": 5,
}
# Milliseconds. Short, so that a hundred drops take a minute; a page waits longer.
FAST = {"retry": 20, "retrymax": 200, "silence": 1000, "log": 1_000_000}
# Long enough that the page never asks by itself.
PATIENT = {**FAST, "silence": 600_000}
SEED = int(os.environ.get("III_SEED", "4"))


@pytest.fixture
def browser(directory):
    made = Browser(directory / "profile")
    yield made
    made.close()


@pytest.fixture
def rig(engine_factory, browser):
    """Makes an engine, a proxy before its stream port, a writer, and the page; ends them."""
    ends = []

    def make(query: dict[str, int], pad: str = "", **blocks: str) -> Rig:
        engine = engine_factory(**{"stream": "", **blocks}).start()
        proxy = Proxy(engine.stream_port)
        writer = StreamWriter(engine.worker_port, "orders", "today", SEED, pad)
        ends.extend([writer.close, proxy.close])
        page = Page(browser, engine=f"ws://127.0.0.1:{proxy.port}", stream="orders", group="today", **query)
        return Rig(engine, proxy, writer, page, SEED)

    yield make
    for end in ends:
        end()


def test_a_hundred_drops_leave_no_gap_and_no_repetition(rig):
    made = rig(FAST)
    made.writer.start()
    kinds = [kind for kind, count in DROPS.items() for _ in range(count)]
    assert len(kinds) == 100
    made.random.shuffle(kinds)
    print(f"III_SEED={SEED}")
    for kind in kinds:
        print(kind)
        made.drop(kind)
        made.check()
    made.writer.stop()
    made.check_shown()
    page = made.page
    assert page.counter("syncs") == 1, "after the first join every one resumed, over kills of the engine too"
    assert page.counter("drops") >= 100 and page.counter("resumes") >= 100
    assert page.counter("missed") >= 300, "the writes while it was away came as missed events"
    assert page.counter("probes") >= DROPS["stall that nobody ends"]
    assert "1001" in page.close_codes(), "a stopped engine says that it goes away"


def test_a_page_that_does_not_read_is_closed_and_resumes(rig):
    """The engine closes it with 1013 once its queue is full; nothing is lost by it."""
    limits = "max_connection_queue_bytes: 300000\nhistory: {max_bytes: 268435456}"
    made = rig(PATIENT, pad="x" * 50_000, stream=limits)
    made.writer.start()
    for _ in range(3):
        before = made.page.counter("drops")
        made.proxy.stall()
        # More than the queue and all buffers between engine and page hold.
        made.writer.wait_for_writes(300)
        made.proxy.resume()
        eventually(lambda: made.page.counter("drops") > before, "the engine has closed it")
        eventually(lambda: made.page.state == "live", "the page is live again")
        made.check()
    assert made.page.counter("syncs") == 1


def test_a_page_that_was_away_too_long_says_so(rig):
    made = rig(FAST, stream="history: {max_events: 20}")
    made.writer.start()
    made.check()
    made.proxy.is_refusing = True
    made.proxy.reset()
    made.writer.wait_for_writes(60)
    with made.writer.paused():
        made.proxy.is_refusing = False
        eventually(lambda: made.page.counter("syncs") == 2, "a full sync")
        changes = made.page.new_changes()
        assert changes[-1] == {"type": "sync", "reason": "too_old"}
        made.check_items()
        made.follower.skip_to_now()
    eventually(lambda: "Events are missing here" in made.page.text("#log .break"), "the log says so")
    made.writer.wait_for_writes(20)
    made.check()


def test_an_engine_that_forgot_everything_is_followed_all_the_same(rig):
    made = rig(FAST, stream_kv="store_method: in_memory")
    made.writer.start()
    made.check()
    with made.writer.paused():
        made.engine.restart()
        made.writer.held = {}
        eventually(lambda: made.page.counter("syncs") == 2, "a full sync")
        assert made.page.new_changes()[-1] == {"type": "sync", "reason": "unknown"}
        assert made.page.items() == []
        made.follower.skip_to_now()
    made.writer.wait_for_writes(20)
    made.check()


def test_a_refused_page_says_so_and_tries_again(rig, connect):
    made = rig(FAST)
    guard = connect(made.engine)
    answers = {"unauthorized": True}
    guard.function("guard::join", lambda join: dict(answers))
    guard.bind("stream:join", "guard::join", {})
    made.proxy.reset()
    eventually(lambda: made.page.state == "refused", "the page was refused")
    eventually(lambda: made.page.text("#state") == "refused", "and shows it")
    answers["unauthorized"] = False
    eventually(lambda: made.page.state == "live", "the page was let in")
    made.writer.start()
    made.writer.wait_for_writes(5)
    made.check()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def static_server():
    """The example's files over HTTP."""
    handler = functools.partial(QuietHandler, directory=str(DASHBOARD))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_example_as_its_readme_runs_it(engine_factory, run_worker, static_server, browser):
    """Its config.yaml, its worker with the real SDK, the page from a static server."""
    engine = engine_factory()
    use_config_of("dashboard", engine, {49134: engine.worker_port, 3112: engine.stream_port})
    engine.start()
    page = Page(browser, static_server, engine=f"ws://127.0.0.1:{engine.stream_port}", retrymax=200)
    eventually(lambda: page.state == "live", "the page is live")
    worker = run_worker("dashboard", engine, INTERVAL_SECONDS="0.1")

    def samples() -> int:
        return dict(page.items()).get("samples", {"value": 0})["value"]

    eventually(lambda: {"cpu", "memory", "load", "disk"} <= {row[0] for row in page.rows()}, "the figures are shown")
    eventually(lambda: any(row[0].startswith("process:") for row in page.rows()), "a busy process is shown")
    eventually(lambda: "started" in page.text("#log"), "the worker's event is in the log")
    courses = "document.querySelectorAll('#items polyline').length"
    eventually(lambda: browser.evaluate(courses) >= 4, "courses are drawn")
    before = samples()
    engine.restart()
    eventually(lambda: samples() > before + 3, "the worker is back, the page too, and the count went on")
    assert page.counter("syncs") == 1 and page.counter("resumes") >= 1
    worker.kill()
    worker.wait()
    assert browser.exceptions == []
