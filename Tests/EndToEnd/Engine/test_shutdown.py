"""How the engine ends: drained and with 0, or at once when it's told twice (config-file.md §12)."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time

import pytest

from support.engine import PATIENCE_SECONDS, accepts_connections
from support.httpclient import Response, request
from support.rawsocket import Bystander, RawWorker
from support.waiting import eventually


@pytest.fixture
def serving(engine_factory):
    """An engine with a route that a raw worker answers."""
    engine = engine_factory().start()
    worker = RawWorker(engine.worker_port)
    worker.register_function("slow")
    worker.register_trigger("http", "slow", {"api_path": "slow"})
    worker.pending_messages()
    return engine, worker


def ask_in_background(port: int) -> queue.Queue:
    outcomes: queue.Queue = queue.Queue()

    def ask() -> None:
        try:
            outcomes.put(request(port, "GET", "/slow"))
        except Exception as error:  # the test looks at it
            outcomes.put(error)

    threading.Thread(target=ask, daemon=True).start()
    return outcomes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_in_flight_is_finished(serving, number):
    engine, worker = serving
    outcomes = ask_in_background(engine.http_port)
    frame = worker.receive_type("invokefunction")
    engine.signal(number)
    eventually(lambda: not accepts_connections(engine.http_port), "it has stopped accepting")
    # The worker's own last write and its answer are still served.
    worker.call("state::set", {"scope": "s", "key": "last", "value": 1})
    worker.answer(frame, {"status_code": 200, "body": "finished"})
    response = outcomes.get(timeout=PATIENCE_SECONDS)
    assert isinstance(response, Response) and response.json == "finished"
    assert engine.wait() == 0
    engine.start()
    assert RawWorker(engine.worker_port).call("state::get", {"scope": "s", "key": "last"}) == 1
    engine.stop()


def test_handler_that_never_answers_can_t_hold_the_engine(serving):
    engine, worker = serving
    ask_in_background(engine.http_port)
    worker.receive_type("invokefunction")
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 0


def test_second_signal_ends_it_at_once(serving):
    engine, worker = serving
    ask_in_background(engine.http_port)
    worker.receive_type("invokefunction")
    engine.signal(signal.SIGTERM)
    eventually(lambda: not accepts_connections(engine.http_port), "it has stopped accepting")
    engine.signal(signal.SIGTERM)
    assert engine.wait() in (143, -signal.SIGTERM)


def test_second_interrupt_has_its_own_code(serving):
    engine, worker = serving
    ask_in_background(engine.http_port)
    worker.receive_type("invokefunction")
    engine.signal(signal.SIGINT)
    eventually(lambda: not accepts_connections(engine.http_port), "it has stopped accepting")
    engine.signal(signal.SIGINT)
    assert engine.wait() in (130, -signal.SIGINT)


def test_stop_with_many_connections(engine_factory):
    engine = engine_factory().start()
    workers = [RawWorker(engine.worker_port) for _ in range(300)]
    engine.stop()
    assert all(worker.drop_code() not in (1000, 1001, 1005) for worker in workers)


def test_stop_right_after_the_start(engine_factory):
    engine = engine_factory()
    for pause in (0, 0.005, 0.02, 0.05, 0.1):
        process = engine.spawn()
        time.sleep(pause)
        process.send_signal(signal.SIGTERM)
        # Before its signals are set up the process ends by the signal itself; afterwards with 0.
        assert process.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM), engine.log()


def test_acknowledged_writes_survive_sigkill(engine_factory):
    """No flush, no warning: what was answered is there."""
    engine = engine_factory().start()
    for n in range(10):
        worker = RawWorker(engine.worker_port)
        calls = [
            worker.invoke("state::set", {"scope": "s", "key": f"{n}-{index}", "value": index}) for index in range(100)
        ]
        answered = 0
        for call in calls[: 1 + n * 11]:
            worker.result_of(call)
            answered += 1
        engine.restart()
        reader = RawWorker(engine.worker_port)
        for index in range(answered):
            assert reader.call("state::get", {"scope": "s", "key": f"{n}-{index}"}) == index
    engine.stop()


def test_hangup_is_ignored(engine_factory):
    engine = engine_factory().start()
    engine.signal(signal.SIGHUP)
    Bystander(engine.worker_port).check()
    engine.stop()


def test_idle_engine_uses_no_processor(engine_factory):
    """Field report #1093: an idle engine burned a core. 3 s of idling may cost 50 ms of processor time, connections or not."""
    engine = engine_factory().start()
    keep = [RawWorker(engine.worker_port) for _ in range(20)]

    def processor_ticks() -> int:
        with open(f"/proc/{engine.pid}/stat") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(1)  # what the start left to do is done
    before = processor_ticks()
    time.sleep(3)
    assert processor_ticks() - before <= 5, "in ticks of 10 ms"
    assert len(keep) == 20
    engine.stop()


def test_log_pipe_without_a_reader(engine_factory):
    """A log collector that died mustn't take the engine with it."""
    from support.engine import binary

    engine = engine_factory()
    child = subprocess.Popen(
        [binary(), "--config", engine.config], cwd=engine.directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    engine.process = child
    engine.wait_for(lambda: accepts_connections(engine.worker_port), child)
    child.stdout.close()
    Bystander(engine.worker_port).check()
    engine.stop()
