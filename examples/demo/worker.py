"""A small iii worker: notes over HTTP, kept in the engine's durable state.

    III_URL=ws://127.0.0.1:49134 python worker.py

    curl -X POST -H 'content-type: application/json' -d '{"text":"buy milk"}' http://127.0.0.1:3111/notes
    curl http://127.0.0.1:3111/notes
"""

import os

from iii import InitOptions, register_worker

worker = register_worker(os.environ.get("III_URL", "ws://127.0.0.1:49134"), InitOptions(worker_name="notes"))


async def call(function_id: str, **payload):
    return await worker.trigger_async({"function_id": function_id, "payload": payload})


async def add_note(request):
    """Numbers the note and stores it. The answer is sent when the note is on disk."""
    counted = await call(
        "state::update", scope="counters", key="notes", ops=[{"type": "increment", "path": "", "by": 1}]
    )
    note = {"number": counted["new_value"], "text": (request["body"] or {}).get("text", "")}
    await call("state::set", scope="notes", key=f"{note['number']:06}", value=note)
    return {"status_code": 201, "body": note}


async def list_notes(request):
    return {"status_code": 200, "body": await call("state::list", scope="notes")}


worker.register_function("notes::add", add_note, description="Adds a note")
worker.register_function("notes::list", list_notes, description="Lists all notes")
for method, function_id in (("POST", "notes::add"), ("GET", "notes::list")):
    worker.register_trigger(
        {"type": "http", "function_id": function_id, "config": {"api_path": "notes", "http_method": method}}
    )
