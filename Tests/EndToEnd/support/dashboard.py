"""The dashboard of examples/ in a browser, an engine behind a proxy that breaks connections, and what must hold."""

from __future__ import annotations

import random
import urllib.parse

from .browser import Browser
from .engine import Engine
from .examples import EXAMPLES
from .streamwriter import Follower, StreamWriter
from .tcpproxy import Proxy
from .waiting import eventually

DASHBOARD = EXAMPLES / "dashboard"


class Page:
    """The dashboard in the browser, and what it has to show."""

    def __init__(self, browser: Browser, base: str = DASHBOARD.joinpath("index.html").as_uri(), **query) -> None:
        self.browser = browser
        self.seen = 0
        browser.open(f"{base}?{urllib.parse.urlencode(query)}")
        eventually(lambda: browser.evaluate("typeof dashboard") == "object", "the page has loaded")

    def counter(self, name: str) -> int:
        return self.browser.evaluate(f"dashboard.stream.counters.{name}")

    @property
    def state(self) -> str:
        return self.browser.evaluate("dashboard.stream.state")

    def close_codes(self) -> dict[str, int]:
        return self.browser.evaluate("Object.fromEntries(dashboard.stream.closeCodes)")

    def items(self) -> list:
        """[id, value] in the page's order."""
        return self.browser.evaluate("[...dashboard.stream.items]")

    def new_changes(self) -> list[dict]:
        changes = self.browser.evaluate(f"dashboard.log.slice({self.seen})")
        self.seen += len(changes)
        return changes

    def has_seen(self, seq: int) -> bool:
        newest = "dashboard.log.slice(-50)"
        return self.browser.evaluate(f"{newest}.some((change) => change.type === 'event' && change.data.seq === {seq})")

    def text(self, selector: str) -> str:
        return self.browser.evaluate(f"document.querySelector({selector!r}).textContent")

    def rows(self) -> list:
        """[id, value's text] as the table shows them."""
        cells = "[row.dataset.id, row.cells[1].textContent]"
        return self.browser.evaluate(f"[...document.querySelectorAll('#items tr')].map((row) => {cells})")


class Rig:
    """An engine, the way to it, somebody who writes, and the page that watches."""

    def __init__(self, engine: Engine, proxy: Proxy, writer: StreamWriter, page: Page, seed: int) -> None:
        self.engine, self.proxy, self.writer, self.page = engine, proxy, writer, page
        self.follower = Follower(writer)
        self.random = random.Random(seed)
        eventually(lambda: page.state == "live", "the page is live")

    # Drops

    def drop(self, kind: str) -> None:
        """One drop, with writes while the page is away; returns when it's live again."""
        before = self.page.counter("drops")
        self.proxy.is_refusing = True
        self.break_connection(kind)
        eventually(lambda: self.page.counter("drops") > before, f"the page noticed: {kind}")
        self.writer.wait_for_writes(3)
        self.proxy.is_refusing = False
        eventually(lambda: self.page.state == "live", f"the page is live again after: {kind}")

    def break_connection(self, kind: str) -> None:
        match kind:
            case "reset":
                self.proxy.reset()
            case "end":
                self.proxy.end()
            case "break in a frame":
                self.proxy.break_after(self.random.randrange(1, 1500))
            case "stall, then reset":
                self.proxy.stall()
                self.writer.wait_for_writes(5)
                self.proxy.reset()
            case "stall that nobody ends":
                self.wait_until_the_page_gives_up()
            case "outage":
                self.proxy.reset()
                attempts = sum(self.page.close_codes().values())
                eventually(lambda: sum(self.page.close_codes().values()) >= attempts + 5, "some attempts failed")
            case "kill of the engine":
                self.engine.restart()
            case "stop of the engine":
                self.engine.stop()
                self.engine.start()

    def wait_until_the_page_gives_up(self) -> None:
        before = self.page.counter("drops")
        self.proxy.stall()
        eventually(lambda: self.page.counter("drops") > before, "the page noticed that nothing comes")
        self.proxy.reset()

    # Checks

    def check(self) -> None:
        """The page was told every event once and in order, and its items are the group's, in the group's order."""
        with self.writer.paused():
            mark = self.writer.send()
            eventually(lambda: self.page.has_seen(mark), "the last event is in the log")
            for change in self.page.new_changes():
                if change["type"] in ("sync", "resumed"):
                    print(change)
                else:
                    self.follower.told((change["type"], change["data"]["seq"]))
            self.follower.check_end()
            self.check_items()

    def check_items(self) -> None:
        stored = self.writer.list()
        assert self.page.items() == [[value["id"], value] for value in stored]

    def check_shown(self) -> None:
        """What is drawn is the model; nothing writes any more."""
        shown = [[value["id"], value["seq"]] for value in self.writer.list()]

        def is_drawn() -> bool:
            rows = self.page.rows()
            return [row[0] for row in rows] == [item[0] for item in shown] and all(
                f'"seq":{seq}' in row[1] for row, (_, seq) in zip(rows, shown)
            )

        eventually(is_drawn, "the table shows the items")
        assert self.page.text("#state") == "live"
        assert self.page.browser.exceptions == []
