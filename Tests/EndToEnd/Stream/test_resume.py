"""Going on after a lost connection (docs/streams.md, "Resuming after a lost connection")."""

from __future__ import annotations

import random
import threading

import pytest

from support.rawsocket import RawWorker
from support.streamclient import StreamClient, briefs


def resumed(missed: int) -> dict:
    return {"type": "resumed", "missed": missed}


def test_frames_without_resume_have_no_position(streams, name):
    client = streams.client()
    sync = client.joined(name, "g")
    streams.set(name, "g", "k", 1)
    [event] = client.arrived()
    assert set(sync) == set(event) == {"type", "timestamp", "streamName", "groupId", "id", "event"}
    assert set(sync["event"]) == {"type", "data"}


def test_a_new_subscription(streams, name):
    streams.set(name, "g", "msg-2", {"text": "hi"})
    streams.set(name, "g", "msg-1", None)
    client = streams.client()
    sync = client.joined(name, "g", resume=None)
    assert set(sync) == {"type", "timestamp", "streamName", "groupId", "id", "position", "event"}
    assert sync["event"] == {
        "type": "sync",
        "data": [{"text": "hi"}, None],
        "ids": ["msg-2", "msg-1"],
        "resumed": False,
        "reason": "new",
    }
    streams.set(name, "g", "msg-1", 5)
    streams.send(name, "g", 6)
    events = client.arrived()
    assert briefs(events) == [("msg-1", "update", 5), (None, "event", {"type": "note", "data": 6})]
    positions = [message["position"] for message in [sync, *events]]
    assert all(isinstance(position, str) for position in positions) and len(set(positions)) == 3
    item = streams.client().joined(name, "g", "msg-1", resume=None)["event"]
    assert item == {"type": "sync", "data": 5, "resumed": False, "reason": "new"}, "no ids for one item"
    empty = streams.client().joined(name, "empty", resume=None)["event"]
    assert empty == {"type": "sync", "data": [], "ids": [], "resumed": False, "reason": "new"}


def test_exactly_what_was_missed(streams, name):
    client = streams.client()
    client.joined(name, "g", resume=None)
    streams.set(name, "g", "a", 1)
    [event] = client.take(1)
    client.close()
    missed = [
        lambda: streams.set(name, "g", "a", 2),
        lambda: streams.send(name, "g", 3),
        lambda: streams.set(name, "g", "b", 4),
        lambda: streams.delete(name, "g", "a"),
        lambda: streams.send(name, "g", 5, id="b"),
        lambda: streams.call("update", name, "g", item_id="b", ops=[{"type": "increment", "path": "", "by": 2}]),
    ]
    for write in missed:
        write()
        streams.set(name, "other", "a", 0)
        streams.set(f"{name}-other", "g", "a", 0)
    client = streams.client()
    head = client.joined(name, "g", resume=event["position"])
    assert (head["event"], head["id"], head["position"]) == (resumed(6), None, event["position"])
    messages = client.take(6)
    assert briefs(messages) == [
        ("a", "update", 2),
        (None, "event", {"type": "note", "data": 3}),
        ("b", "create", 4),
        ("a", "delete", 2),
        ("b", "event", {"type": "note", "data": 5}),
        ("b", "update", 6),
    ]
    streams.set(name, "g", "c", 7)
    [live] = client.arrived()
    assert live["event"]["data"] == 7
    # One item: its own events only.
    client = streams.client()
    assert client.joined(name, "g", "b", resume=event["position"])["event"] == resumed(3)
    assert briefs(client.take(3)) == briefs(messages[2:3] + messages[4:])
    # From each position of those events the rest follows, and from the last one nothing.
    for index, message in enumerate([*messages, live]):
        client = streams.client()
        assert client.joined(name, "g", resume=message["position"])["event"] == resumed(6 - index)
        assert client.arrived() == (messages + [live])[index + 1 :], "the same frames, timestamps included"


def test_a_position_of_a_sync_and_of_another_subscription(streams, name):
    """A position is a place in the order of all events, whichever frame told it."""
    streams.set(name, "g", "a", 1)
    position = streams.client().joined(name, "elsewhere", resume=None)["position"]
    client = streams.client()
    assert client.joined(name, "g", resume=position)["event"] == resumed(0)
    streams.set(name, "g", "a", 2)
    streams.set(name, "elsewhere", "a", 3)
    assert briefs(client.arrived()) == [("a", "update", 2)]
    client = streams.client()
    assert client.joined(name, "elsewhere", resume=position)["event"] == resumed(1)
    assert briefs(client.take(1)) == [("a", "create", 3)]


MALFORMED = ["", "x", "-", "1", "-5", "0-0", "x" * 100_000, 5, True, [], {}, "ü-1"]


@pytest.mark.parametrize("position", MALFORMED, ids=lambda value: repr(value)[:20])
def test_what_is_no_position(streams, name, position):
    streams.set(name, "g", "a", 1)
    event = streams.client().joined(name, "g", resume=position)["event"]
    assert event == {"type": "sync", "data": [1], "ids": ["a"], "resumed": False, "reason": "unknown"}


def test_altered_positions(streams, name):
    good = streams.client().joined(name, "g", resume=None)["position"]
    store, number = good.rsplit("-", 1)
    for altered in [f"{store}-{int(number) + 10_000}", f"{store}-{1 << 64}", f"{store}-{number}x", f"{store}-+{number}",
                    f"{store}--{number}", f"{store}-", f"{store[::-1]}x-{number}", f" {good}", f"{good}\0"]:
        event = streams.client().joined(name, "g", resume=altered)["event"]
        assert (event["type"], event["reason"]) == ("sync", "unknown"), altered


def test_another_store_s_position(streams, own_streams, name):
    elsewhere = own_streams()
    elsewhere.set(name, "g", "a", 1)
    position = elsewhere.client().joined(name, "g", resume=None)["position"]
    assert streams.client().joined(name, "g", resume=position)["event"]["reason"] == "unknown"


def test_memory_knows_no_positions_of_another_process(own_streams, name):
    streams = own_streams(in_memory=True)
    streams.set(name, "g", "a", 1)
    position = streams.client().joined(name, "g", resume=None)["position"]
    streams.send(name, "g", 2)
    client = streams.client()
    assert client.joined(name, "g", resume=position)["event"] == resumed(1)
    assert briefs(client.take(1)) == [(None, "event", {"type": "note", "data": 2})]
    streams.restart()
    for number in range(20):
        streams.set(name, "g", "b", number)
    event = streams.client().joined(name, "g", resume=position)["event"]
    assert event == {"type": "sync", "data": [19], "ids": ["b"], "resumed": False, "reason": "unknown"}


@pytest.mark.parametrize("is_graceful", [False, True], ids=["SIGKILL", "SIGTERM"])
def test_positions_survive_the_engine(own_streams, name, is_graceful):
    streams = own_streams()
    client = streams.client()
    position = client.joined(name, "g", resume=None)["position"]
    for number in range(300):
        streams.send(name, "g", number) if number % 3 else streams.set(name, "g", f"k{number % 7}", number)
    told = client.take(300)
    for _ in range(2):
        if is_graceful:
            streams.close()
            streams.engine.stop()
            streams.engine.start()
        else:
            streams.restart()
        client = streams.client()
        assert client.joined(name, "g", resume=position)["event"] == resumed(300)
        assert client.take(300) == told
        client = streams.client()
        assert client.joined(name, "g", resume=told[-1]["position"])["event"] == resumed(0)
    streams.set(name, "g", "after", 1)
    assert briefs(client.take(1)) == [("after", "create", 1)]


def test_too_old_by_number(own_streams, name):
    streams = own_streams("history:\n  max_events: 10")
    client = streams.client()
    position = client.joined(name, "g", resume=None)["position"]
    for number in range(10):
        streams.set(name, "g", "k", number)
    events = client.take(10)
    assert streams.client().joined(name, "g", resume=position)["event"] == resumed(10)
    streams.set("other", "g", "k", 1)  # of all groups together
    event = streams.client().joined(name, "g", resume=position)["event"]
    assert event == {"type": "sync", "data": [9], "ids": ["k"], "resumed": False, "reason": "too_old"}
    client = streams.client()
    assert client.joined(name, "g", resume=events[0]["position"])["event"] == resumed(9)
    assert client.take(9) == events[1:]
    streams.restart()
    assert streams.client().joined(name, "g", resume=position)["event"]["reason"] == "too_old"
    client = streams.client()
    assert client.joined(name, "g", resume=events[0]["position"])["event"] == resumed(9)


def test_too_old_by_bytes_and_by_age(own_streams, name):
    streams = own_streams("history:\n  max_bytes: 10000")
    position = streams.client().joined(name, "g", resume=None)["position"]
    for number in range(4):
        streams.set(name, "g", "k", "x" * 4000)
    assert streams.client().joined(name, "g", resume=position)["event"]["reason"] == "too_old"
    streams = own_streams("history:\n  max_age_ms: 1", name="aged")
    client = streams.client()
    position = client.joined(name, "g", resume=None)["position"]
    streams.set(name, "g", "k", 1)
    client.receive()
    threading.Event().wait(0.05)
    assert streams.client().joined(name, "g", resume=position)["event"]["reason"] == "too_old"


@pytest.mark.parametrize("in_memory", [False, True], ids=["durable", "in memory"])
def test_without_history(own_streams, name, in_memory):
    streams = own_streams("history:\n  max_events: 0", in_memory=in_memory)
    client = streams.client()
    client.joined(name, "g", resume=None)
    streams.set(name, "g", "k", 1)
    [event] = client.arrived()
    streams.send(name, "g", 2)
    assert briefs(client.take(1)) == [(None, "event", {"type": "note", "data": 2})]
    assert streams.client().joined(name, "g", resume=event["position"])["event"]["reason"] == "too_old"


def test_history_switched_off_and_on_again(own_streams, name):
    """What happened while nothing was kept is never passed off as nothing."""
    streams = own_streams()
    position = streams.client().joined(name, "g", resume=None)["position"]
    text = streams.engine.config.read_text()
    streams.close()
    streams.engine.stop()
    streams.engine.config.write_text(text + "      history: {max_events: 0}\n")
    streams.engine.start()
    streams.set(name, "g", "k", 1)
    streams.close()
    streams.engine.stop()
    streams.engine.config.write_text(text)
    streams.engine.start()
    streams.set(name, "g", "k", 2)
    assert streams.client().joined(name, "g", resume=position)["event"]["reason"] == "too_old"


def test_reconnecting_under_writers(streams, name):
    """Twenty clients that lose their connection all the time miss nothing and see nothing twice."""
    all_have_joined = threading.Barrier(21)

    def write(number: int) -> None:
        worker = RawWorker(streams.engine.worker_port)
        for n in range(1, 301):
            payload = {"stream_name": name, "group_id": "g", "data": [number, n]}
            if n % 4:
                worker.call("stream::set", {**payload, "item_id": f"{number}-{n % 3}"})
            else:
                worker.call("stream::send", {**payload, "type": "n"})
        worker.close()

    def follow(seed: int) -> None:
        chance = random.Random(seed)
        position = None
        latest = dict.fromkeys(range(8), 0)
        try:
            while min(latest.values()) < 300:
                client = StreamClient(streams.engine.stream_port)
                head = client.joined(name, "g", resume=position)
                assert head["event"]["type"] == ("sync" if position is None else "resumed")
                if position is None:
                    assert head["event"]["data"] == []
                    all_have_joined.wait(60)
                position = head["position"]
                for _ in range(chance.randrange(200)):
                    if min(latest.values()) == 300:
                        break
                    message = client.receive()
                    event = message["event"]
                    number, n = event["event"]["data"] if event["type"] == "event" else event["data"]
                    assert n == latest[number] + 1
                    latest[number], position = n, message["position"]
                client.close()
        except BaseException as error:
            failures.append((seed, error))

    failures: list = []
    followers = [threading.Thread(target=follow, args=(seed,), daemon=True) for seed in range(20)]
    for thread in followers:
        thread.start()
    all_have_joined.wait(60)
    writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(8)]
    for thread in writers:
        thread.start()
    for thread in [*writers, *followers]:
        thread.join(120)
    assert not failures


def test_a_refused_join_tells_no_position(streams, name):
    worker = streams.worker()
    worker.register_trigger("stream:join", f"{name}::nowhere", {"stream_name": name})
    worker.pending_messages()
    message = streams.client().joined(name, "g", resume=None)
    assert message["event"]["type"] == "unauthorized" and "position" not in message
