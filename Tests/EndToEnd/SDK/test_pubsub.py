"""`publish` and the `subscribe` trigger through an unmodified SDK (pubsub.md)."""

from __future__ import annotations

import queue
import threading

import pytest

from support.engine import PATIENCE_SECONDS
from support.sdk import HAS_METADATA, InvocationError, Worker
from support.waiting import eventually


class Inbox:
    """A subscriber that keeps what it gets."""

    def __init__(self, worker: Worker, function_id: str, topic: str, **config) -> None:
        self.received: queue.Queue = queue.Queue()
        worker.function(function_id, self.received.put)
        self.trigger = worker.bind("subscribe", function_id, {"topic": topic, **config})

    def next(self):
        return self.received.get(timeout=PATIENCE_SECONDS)

    def take(self, count: int) -> list:
        return [self.next() for _ in range(count)]


def publish(worker: Worker, topic: str, data) -> None:
    assert worker.trigger("publish", {"topic": topic, "data": data}) is None


def test_a_message_reaches_its_topic_only(worker, prefix):
    wanted = Inbox(worker, f"{prefix}::wanted", f"{prefix}.wanted")
    other = Inbox(worker, f"{prefix}::other", f"{prefix}.other")
    publish(worker, f"{prefix}.wanted", {"message": "Hello"})
    publish(worker, f"{prefix}.other", "last")
    assert wanted.next() == {"message": "Hello"}
    assert other.next() == "last"
    assert wanted.received.empty() and other.received.empty()


@pytest.mark.parametrize("data", [None, 0, "text", [1, {"a": None}], {"topic": "x", "data": 1}, "ü😀", 2**63])
def test_data_is_delivered_as_it_is(worker, prefix, data):
    inbox = Inbox(worker, f"{prefix}::on", prefix)
    publish(worker, prefix, data)
    assert inbox.next() == data


def test_every_trigger_gets_its_own_copy(worker, connect, prefix):
    received: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", received.put)
    for _ in range(2):
        worker.bind("subscribe", f"{prefix}::on", {"topic": prefix})
    elsewhere = Inbox(connect(), f"{prefix}::elsewhere", prefix)
    publish(worker, prefix, 1)
    assert [received.get(timeout=PATIENCE_SECONDS) for _ in range(2)] == [1, 1]
    assert elsewhere.next() == 1


def test_void_publish(worker, prefix):
    inbox = Inbox(worker, f"{prefix}::on", prefix)
    worker.void("publish", {"topic": prefix, "data": 1})
    worker.void("publish", {"topic": "", "data": 1})  # refused, and nobody is told
    worker.void("publish", {"topic": prefix, "data": 2})
    assert inbox.next() in (1, 2) and inbox.next() in (1, 2)


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        ({"topic": "", "data": 1}, "topic_not_set", "Topic is not set"),
        ({"data": 1}, "deserialization_error", "Failed to deserialize input for publish: missing field `topic`"),
        ({"topic": "t"}, "deserialization_error", "Failed to deserialize input for publish: missing field `data`"),
        (
            {"topic": 5, "data": 1},
            "deserialization_error",
            "Failed to deserialize input for publish: invalid type: integer `5`, expected a string",
        ),
        (
            None,
            "deserialization_error",
            "Failed to deserialize input for publish: invalid type: null, expected struct PubSubInput",
        ),
        (
            {"topic": "x" * 65_537, "data": 1},
            "topic_too_long",
            "topic of 65537 bytes exceeds the limit of 65536 bytes; put what it says into data",
        ),
    ],
    ids=["empty", "no topic", "no data", "number", "null", "long"],
)
def test_bad_input(worker, payload, code, message):
    with pytest.raises(InvocationError) as caught:
        worker.trigger("publish", payload)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_topic_without_subscribers_is_success(worker, prefix):
    publish(worker, prefix, 1)
    late = Inbox(worker, f"{prefix}::late", prefix)
    publish(worker, prefix, 2)
    assert late.next() == 2, "nothing is kept for later"


@pytest.mark.parametrize("config", [{}, {"topic": ""}, {"topic": None}, {"topic": 5}, {"topic": ["t"]}])
def test_a_trigger_without_a_topic_is_registered_and_inert(worker, prefix, config):
    received: queue.Queue = queue.Queue()
    worker.function(f"{prefix}::on", received.put)
    worker.bind("subscribe", f"{prefix}::on", config)
    sound = Inbox(worker, f"{prefix}::sound", prefix)
    publish(worker, prefix, 1)
    assert sound.next() == 1
    assert received.empty()


def test_unregistering_removes_one_subscription(worker, prefix):
    """Upstream removed every subscription of the topic."""
    gone = Inbox(worker, f"{prefix}::gone", prefix)
    stays = Inbox(worker, f"{prefix}::stays", prefix)
    gone.trigger.unregister()
    eventually(lambda: not worker.trigger_ids(f"{prefix}::gone"), "the trigger is gone")
    publish(worker, prefix, 1)
    assert stays.next() == 1
    assert gone.received.empty()


def test_a_disconnect_silences_nobody_else(worker, connect, prefix):
    """Upstream's consequence: one worker's end silenced the topic for all."""
    leaving = connect()
    gone = Inbox(leaving, f"{prefix}::gone", prefix)
    stays = Inbox(connect(), f"{prefix}::stays", prefix)
    publish(worker, prefix, 1)
    assert gone.next() == 1 and stays.next() == 1
    leaving.close()
    eventually(lambda: not worker.trigger_ids(f"{prefix}::gone"), "its trigger is gone")
    publish(worker, prefix, 2)
    assert stays.next() == 2
    assert gone.received.empty()
    returned = Inbox(connect(), f"{prefix}::gone", prefix)
    publish(worker, prefix, 3)
    assert returned.next() == 3 and stays.next() == 3


@pytest.mark.parametrize(("verdict", "fires"), [(False, False), (True, True), (0, True), (None, True), ("false", True)])
def test_condition(worker, prefix, verdict, fires):
    """Only the JSON value `false` skips. Upstream doesn't ask at all."""
    worker.function(f"{prefix}::if", lambda data: verdict if data == "asked" else True)
    inbox = Inbox(worker, f"{prefix}::on", prefix, condition_function_id=f"{prefix}::if")
    publish(worker, prefix, "asked")
    publish(worker, prefix, "last")
    assert set(inbox.take(2 if fires else 1)) == ({"asked", "last"} if fires else {"last"})


def test_a_condition_that_fails_skips(worker, prefix):
    def judge(data):
        if data == "asked":
            raise RuntimeError("no verdict")

    worker.function(f"{prefix}::if", judge)
    inbox = Inbox(worker, f"{prefix}::on", prefix, condition_function_id=f"{prefix}::if")
    publish(worker, prefix, "asked")
    publish(worker, prefix, "last")
    assert inbox.next() == "last"


def test_messages_reach_a_subscriber_in_order(worker, raw, prefix):
    subscriber = raw()
    subscriber.register_function(f"{prefix}::on")
    subscriber.register_trigger("subscribe", f"{prefix}::on", {"topic": prefix})
    subscriber.pending_messages()
    for number in range(2000):
        worker.void("publish", {"topic": prefix, "data": number})
    frames = [subscriber.answer_next(None) for _ in range(2000)]
    assert [frame["data"] for frame in frames] == list(range(2000))


def test_order_behind_a_condition(worker, raw, prefix):
    subscriber = raw()
    subscriber.register_function(f"{prefix}::on")
    worker.function(f"{prefix}::even", lambda data: data % 2 == 0)
    config = {"topic": prefix, "condition_function_id": f"{prefix}::even"}
    subscriber.register_trigger("subscribe", f"{prefix}::on", config)
    subscriber.pending_messages()
    for number in range(100):
        worker.void("publish", {"topic": prefix, "data": number})
    assert [subscriber.answer_next(None)["data"] for _ in range(50)] == list(range(0, 100, 2))


def test_a_subscriber_that_does_not_read_stalls_nobody(worker, raw, prefix):
    stuck = raw()
    stuck.register_function(f"{prefix}::stuck")
    stuck.register_trigger("subscribe", f"{prefix}::stuck", {"topic": prefix})
    stuck.pending_messages()
    inbox = Inbox(worker, f"{prefix}::quick", prefix)
    text = "x" * 100_000
    for number in range(200):  # 20 MB that nobody reads there
        publish(worker, prefix, [number, text])
    assert sorted(number for number, _ in inbox.take(200)) == list(range(200))


def test_a_handler_that_hangs_stalls_nobody(worker, connect, prefix):
    release = threading.Event()
    entered: queue.Queue = queue.Queue()

    def hang(data):
        entered.put(data)
        release.wait(PATIENCE_SECONDS)

    hanging = connect()
    hanging.function(f"{prefix}::hangs", hang)
    hanging.bind("subscribe", f"{prefix}::hangs", {"topic": prefix})
    inbox = Inbox(worker, f"{prefix}::quick", prefix)
    try:
        for number in range(50):
            publish(worker, prefix, number)
        assert sorted(inbox.take(50)) == list(range(50))
        entered.get(timeout=PATIENCE_SECONDS)
    finally:
        release.set()


def test_the_publishers_trace_reaches_the_subscriber(raw, prefix):
    """Upstream starts a new trace."""
    subscriber = raw()
    subscriber.register_function(f"{prefix}::on")
    subscriber.register_trigger("subscribe", f"{prefix}::on", {"topic": prefix}, metadata={"tenant": "a"})
    subscriber.pending_messages()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    raw().call("publish", {"topic": prefix, "data": {"n": 1}}, traceparent=trace, baggage="tenant=7")
    frame = subscriber.receive_type("invokefunction")
    assert frame["data"] == {"n": 1}, "no _caller_worker_id, no envelope"
    assert frame["traceparent"] == trace
    assert set(frame["baggage"].split(",")) == {"tenant=7", f"iii.function.id={prefix}::on"}
    assert frame["metadata"] == {"tenant": "a"}


@pytest.mark.skipif(not HAS_METADATA, reason="metadata came with SDK 0.21")
def test_trigger_metadata_reaches_the_handler(worker, prefix):
    received: queue.Queue = queue.Queue()

    def handler(data, metadata=None):
        received.put((data, metadata))

    worker.function(f"{prefix}::on", handler)
    worker.bind("subscribe", f"{prefix}::on", {"topic": prefix}, metadata={"tenant": "a"})
    publish(worker, prefix, 1)
    assert received.get(timeout=PATIENCE_SECONDS) == (1, {"tenant": "a"})


def test_the_same_id_with_a_new_topic_replaces(raw, prefix):
    """Upstream kept the old topic for as long as it ran."""
    worker = raw()
    worker.register_function(f"{prefix}::on")
    for topic in ("old", "new"):
        worker.register_trigger("subscribe", f"{prefix}::on", {"topic": f"{prefix}.{topic}"}, id=f"{prefix}-1")
    for topic in ("old", "new"):
        worker.invoke("publish", {"topic": f"{prefix}.{topic}", "data": topic})
    calls = [frame["data"] for frame in worker.pending_messages() if frame["type"] == "invokefunction"]
    assert calls == ["new"]


def test_discovery(worker):
    [row] = worker.trigger("engine::functions::list", {"prefix": "publish"})["functions"]
    assert row["description"] == "Publishes an event" and row["worker_name"] == "iii-pubsub"
    info = worker.trigger("engine::functions::info", {"function_id": "publish"})
    assert info["request_schema"]["title"] == "PubSubInput"
    assert sorted(info["request_schema"]["required"]) == ["data", "topic"]
    assert not info.get("response_schema")
    listed = worker.trigger("engine::functions::list", {"prefix": "iii-pubsub::"})["functions"]
    assert listed == [], "internal functions are hidden"
    types = worker.trigger("engine::triggers::list", {})["triggers"]
    [row] = [row for row in types if row["id"] == "subscribe"]
    assert row["worker_name"] == "iii-pubsub" and row["description"] == "Subscribe to a topic"


@pytest.mark.parametrize(
    "value", [None, {}, {"adapter": {"name": "local"}}, {"adapter": {"name": "redis"}}, {"adapter": {"name": "x"}}, 5]
)
def test_a_changed_configuration(worker, connect, prefix, value):
    """A stored configuration that can't be served changes nothing; the answer is the same."""
    assert worker.trigger("iii-pubsub::on-config-change", {"any": "thing"}) == {"ok": True}
    asked: queue.Queue = queue.Queue()

    def get(data):
        asked.put(data["id"])
        return {"id": data["id"], "value": value}

    inbox = Inbox(worker, f"{prefix}::on", prefix)
    keeper = connect()
    keeper.function("configuration::get", get)
    assert worker.trigger("iii-pubsub::on-config-change", None) == {"ok": True}
    assert asked.get(timeout=PATIENCE_SECONDS) == "iii-pubsub"
    publish(worker, prefix, 1)
    assert inbox.next() == 1
    keeper.close()
    eventually(lambda: not worker.is_registered("configuration::get"), "nobody serves it any more")
