"""examples/rate-counter: exact under concurrency, not forgotten by a kill, and cleaned up."""

from __future__ import annotations

import collections
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.engine import Engine
from support.examples import use_config_of
from support.httpclient import Response, request
from support.waiting import eventually

CALLERS = 32
LIMIT = 7


@pytest.fixture
def engine(engine_factory) -> Engine:
    made = engine_factory()
    use_config_of("rate-counter", made, {49134: made.worker_port, 3111: made.http_port})
    return made.start()


def hit(engine: Engine, client: str) -> Response:
    return request(engine.http_port, "POST", f"/hits?client={client}")


def is_served(engine: Engine) -> bool:
    return request(engine.http_port, "GET", "/hits?client=nobody").status == 200



def test_many_callers_at_once_get_exactly_the_limit(engine, run_worker):
    run_worker("rate-counter", engine, LIMIT=str(LIMIT), WINDOW_SECONDS="3600")
    eventually(lambda: is_served(engine), "the worker's route is there")
    clients = [f"client-{n % 3}" for n in range(20 * CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        responses = list(pool.map(lambda client: hit(engine, client), clients))
    numbers: dict[tuple[str, int], list[int]] = collections.defaultdict(list)
    for client, response in zip(clients, responses):
        body = response.json
        assert body["client"] == client and body["limit"] == LIMIT
        # A new window may begin meanwhile; each window counts for itself.
        numbers[client, body["window"]].append(body["count"])
        assert response.status == (200 if body["count"] <= LIMIT else 429)
        assert (response.header("retry-after") is not None) == (response.status == 429)
    for key, counts in numbers.items():
        assert sorted(counts) == list(range(1, len(counts) + 1)), f"{key}: a number is missing or came twice"


def test_the_count_outlives_kills_of_engine_and_worker(engine, run_worker):
    limits = {"LIMIT": str(LIMIT), "WINDOW_SECONDS": "1000000000"}
    worker = run_worker("rate-counter", engine, **limits)
    eventually(lambda: is_served(engine), "the worker's route is there")
    assert [hit(engine, "ada").status for _ in range(LIMIT + 1)] == [200] * LIMIT + [429]
    engine.restart()
    eventually(lambda: is_served(engine), "the worker is back")
    assert (hit(engine, "ada").status, hit(engine, "ben").status) == (429, 200)
    worker.kill()
    worker.wait()
    run_worker("rate-counter", engine, **limits)
    eventually(lambda: is_served(engine), "another worker serves")
    answer = hit(engine, "ada")
    assert (answer.status, answer.json["count"]) == (429, LIMIT + 3)
    shown = request(engine.http_port, "GET", "/hits?client=ada").json
    assert (shown["count"], shown["limit"]) == (LIMIT + 3, LIMIT)


def test_windows_that_ended_are_deleted(engine, run_worker, connect):
    observer = connect(engine)
    # What an earlier run left goes, what isn't the example's stays.
    observer.trigger("state::set", {"scope": "rate:1", "key": "ada", "value": {"client": "ada", "count": 3}})
    others = {"rates", "rate:of exchange"}
    for scope in others:
        observer.trigger("state::set", {"scope": scope, "key": "ada", "value": 1})
    run_worker("rate-counter", engine, LIMIT="1000000", WINDOW_SECONDS="0.3")
    eventually(lambda: is_served(engine), "the worker's route is there")
    windows: set[int] = set()

    def several_windows() -> bool:
        windows.add(hit(engine, "ada").json["window"])
        return len(windows) >= 4

    eventually(several_windows, "some windows passed")

    def only_others() -> bool:
        return set(observer.trigger("state::list_groups", {})["groups"]) == others

    eventually(only_others, "all windows are deleted once nobody calls")
    assert hit(engine, "ada").json["count"] == 1
