"""rohitg00/agentmemory#843, #876: everything was lost after stop and restart, since the engine ended before its last flush.

Here an acknowledgement means on disk, whatever ends the engine; and a stop waits for the workers' own last writes.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time

from support.engine import PATIENCE_SECONDS, STOP_PATIENCE_SECONDS, Engine
from support.entries import STATE, STREAMS
from support.httpclient import request_json
from support.rawsocket import RawWorker
from support.sdk import Worker

KILLS = 4
IN_FLIGHT = 8


def writers(run_worker, engine: Engine, name: str) -> dict[tuple, subprocess.Popen[str]]:
    """One SDK worker that writes state and one that writes a stream, both at it."""
    made = {}
    for entries in (STATE, STREAMS):
        made[entries, name] = run_worker("journal_writer.py", engine.url, entries.kind, name)
    for process in made.values():
        assert process.stdout.readline(), "the writer has ended"
    return made


def journal(process: subprocess.Popen[str]) -> set[str]:
    """What was acknowledged to a writer that has ended, but for the first line, which was read to see it writing."""
    return set(process.stdout.read().split())


def stored(engine: Engine, entries, group: str) -> set[str]:
    reader = RawWorker(engine.worker_port)
    listed = reader.call(*entries.list(group))
    reader.close()
    return {str(value["n"]) for value in listed}


def test_agentmemory_843_killed_at_any_moment(engine, run_worker):
    """Nothing that was acknowledged to an SDK worker is lost, and nothing is there that nobody wrote."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    engine.start()
    acknowledged: dict[tuple, set[str]] = {}
    for number in range(KILLS):
        working = writers(run_worker, engine, f"killed-{number}")
        time.sleep(chance.uniform(0, 1))
        engine.kill()
        for which, process in working.items():
            process.kill()
            acknowledged[which] = journal(process)
        engine.start()
        for (entries, group), keys in acknowledged.items():
            found = stored(engine, entries, group)
            assert keys <= found, f"{len(keys - found)} of {len(keys)} acknowledged writes are lost"
            assert len(found - keys) <= IN_FLIGHT + 1, "more than was in flight, and the line that was read"
    for kind in (STATE, STREAMS):
        # Of all rounds: one whose kill came at once on a busy machine has few.
        count = sum(len(keys) for (entries, _), keys in acknowledged.items() if entries is kind)
        assert count > KILLS * IN_FLIGHT, "most of what was looked for was in flight"
    engine.stop()


def test_agentmemory_876_stopped_with_its_workers(engine, run_worker):
    """`docker stop` of everything at once: each worker's last write is served and kept, and the engine ends by itself."""
    engine.start()
    working = writers(run_worker, engine, "stopped")
    for process in working.values():
        process.send_signal(signal.SIGTERM)
    engine.signal(signal.SIGTERM)
    assert engine.wait(STOP_PATIENCE_SECONDS) == 0, engine.log()
    acknowledged = {}
    for which, process in working.items():
        assert process.wait(PATIENCE_SECONDS) == 0, "its last write was acknowledged"
        acknowledged[which] = journal(process)
    engine.start()
    for (entries, group), keys in acknowledged.items():
        assert "last" in keys and keys <= stored(engine, entries, group)
    engine.stop()


def test_agentmemory_876_a_handler_s_last_writes(engine, connect):
    """A request is in flight when the engine is told to stop: its handler still writes, and its caller gets the answer."""
    engine.start()
    worker: Worker = connect(engine)

    async def finish(data):
        engine.signal(signal.SIGTERM)
        for entries in (STATE, STREAMS):
            function_id, payload = entries.set("stopped", "by-handler", {"n": "by-handler"})
            await worker.client.trigger_async({"function_id": function_id, "payload": payload})
        return {"status_code": 200, "body": "finished"}

    worker.function("finish", finish)
    worker.bind("http", "finish", {"api_path": "finish", "http_method": "POST"})
    assert request_json(engine.http_port, "POST", "/finish", {}).json == "finished"
    assert engine.wait(STOP_PATIENCE_SECONDS) == 0, engine.log()
    worker.close()
    engine.start()
    for entries in (STATE, STREAMS):
        assert stored(engine, entries, "stopped") == {"by-handler"}
    engine.stop()
