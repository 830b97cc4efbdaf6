"""What discovery shows of streams, the console's streams, settings that aren't served (stream.md §2, §4, §8)."""

from __future__ import annotations

import pytest

FUNCTIONS = ["delete", "get", "list", "list_all", "list_groups", "send", "set", "update"]


def test_functions(streams):
    rows = streams.caller.call("engine::functions::list", {"prefix": "stream::"})["functions"]
    assert sorted(row["function_id"] for row in rows) == [f"stream::{name}" for name in FUNCTIONS]
    assert {row["worker_name"] for row in rows} == {"iii-stream"}
    info = streams.caller.call("engine::functions::info", {"function_id": "stream::set"})
    assert info["request_schema"]["title"] == "StreamSetInput"
    assert sorted(info["request_schema"]["required"]) == ["data", "group_id", "item_id", "stream_name"]


def test_trigger_types(streams):
    rows = streams.caller.call("engine::triggers::list", {})["triggers"]
    found = {row["id"]: row["worker_name"] for row in rows if row["id"].startswith("stream")}
    assert found == {"stream": "iii-stream", "stream:join": "iii-stream", "stream:leave": "iii-stream"}


@pytest.mark.parametrize("stream", ["iii:devtools:trace-rows", "iii:devtools:all-spans", "usual"])
def test_no_trace_context_in_events(streams, name, stream):
    """The console's feeds are fed by what is traced: a trace of their deliveries would feed itself."""
    handler = streams.worker()
    handler.register_function(f"{name}::on")
    handler.register_trigger("stream", f"{name}::on", {"stream_name": stream, "group_id": name})
    handler.pending_messages()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client = streams.client()
    client.joined(stream, name)
    payload = {"stream_name": stream, "group_id": name, "type": "spans", "data": {"spans": [1]}}
    streams.caller.call("stream::send", payload, traceparent=trace, baggage="tenant=7")
    frame = handler.answer_next(None)
    assert frame["data"] == client.receive()
    if stream.startswith("iii:devtools:"):
        assert "traceparent" not in frame and "tenant=7" not in frame.get("baggage", "")


REFUSED = [
    ("redis", {}, "adapter 'redis' of iii-stream is not served"),
    ("bridge", {}, "adapter 'bridge' of iii-stream is not served"),
    ("sqlite", {}, "Adapter factory 'sqlite' not found. Available: [\"kv\"]"),
]


@pytest.mark.parametrize(("adapter", "config", "words"), REFUSED)
def test_adapters_that_stop_the_boot(own_streams, adapter, config, words):
    streams = own_streams(start=False)
    engine = streams.engine
    text = engine.config.read_text()
    before, block = text.split("  - name: iii-stream\n")
    engine.config.write_text(before + "  - name: iii-stream\n" + block.replace("name: kv", f"name: {adapter}"))
    assert engine.run_to_exit() == 1
    assert words in engine.log() and "iii-stream" in engine.log()


def test_channel_size_and_save_interval_are_accepted(own_streams, name):
    """Upstream's tuning of its kv store, which this store doesn't need."""
    kv = "store_method: file_based\nfile_path: ./data/streams\nsave_interval_ms: 100\nchannel_size: 1"
    streams = own_streams(stream_kv=kv)
    client = streams.client()
    client.joined(name, "g")
    for number in range(100):
        streams.caller.invoke("stream::send", {"stream_name": name, "group_id": "g", "type": "t", "data": number})
    assert [message["event"]["event"]["data"] for message in client.take(100)] == list(range(100))
