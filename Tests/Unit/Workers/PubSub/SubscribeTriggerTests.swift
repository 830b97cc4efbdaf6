import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// pubsub.md §3, §4.
@Suite struct SubscribeTriggerTests {
    /// Upstream's defect: unregistering one subscription of a topic silenced all of them.
    @Test func unregisteringRemovesExactlyOneSubscription() throws {
        let pubsub = try PubSubHarness()
        let first = pubsub.record("test::first")
        let second = pubsub.record("test::second")
        pubsub.subscribe("s1", "orders", to: "test::first")
        pubsub.subscribe("s2", "orders", to: "test::second")
        pubsub.subscribe("s3", "orders", to: "test::second")
        try pubsub.publish("orders", "1")
        #expect(try pubsub.engine.unregisterTrigger("s2"))
        #expect(try !pubsub.engine.unregisterTrigger("unknown"))
        try pubsub.publish("orders", "2")
        #expect(first.calls == ["1", "2"])
        #expect(second.calls == ["1", "1", "2"], "two triggers, two copies; then one")
    }

    /// Upstream's defect: the old topic's entry stayed until the process ended.
    @Test func theSameIDWithANewTopicReplaces() throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "old", to: "test::seen")
        pubsub.subscribe("s1", "new", to: "test::seen")
        try pubsub.publish("old", "1")
        try pubsub.publish("new", "2")
        #expect(seen.calls == ["2"])
        pubsub.bind("s1", to: "test::seen", "{}")
        try pubsub.publish("new", "3")
        #expect(seen.calls == ["2"], "an inert trigger replaces too")
    }

    @Test func theSameIDAndTopicReplacesTheFunction() throws {
        let pubsub = try PubSubHarness()
        let old = pubsub.record("test::old")
        let new = pubsub.record("test::new")
        pubsub.subscribe("s1", "orders", to: "test::old")
        pubsub.subscribe("s1", "orders", to: "test::new")
        try pubsub.publish("orders", "1")
        #expect(old.calls.isEmpty)
        #expect(new.calls == ["1"])
    }

    @Test(arguments: ["Orders", "orders ", "orders.*", "*", "ord", "u\u{308}", "ü2"])
    func topicsAreEqualByteByByte(_ other: String) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "orders", to: "test::seen")
        pubsub.subscribe("s2", "ü", to: "test::seen")
        try pubsub.publish(other, "1")
        #expect(seen.calls.isEmpty)
        try pubsub.publish("ü", "2")
        #expect(seen.calls == ["2"])
    }

    @Test(arguments: [
        "{}", #"{"topic":null}"#, #"{"topic":""}"#, #"{"topic":5}"#, #"{"topic":["orders"]}"#, "null", #""orders""#,
        "[]",
    ])
    func withoutATopicItRegistersAndNeverFires(_ config: String) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        #expect(pubsub.bind("s1", to: "test::seen", config) == nil)
        #expect(pubsub.engine.liveTrigger("s1") != nil)
        try pubsub.publish("orders", "1")
        #expect(seen.calls.isEmpty)
        #expect(try pubsub.engine.unregisterTrigger("s1"))
    }

    @Test(arguments: [
        ("{}", "topic is missing"), (#"{"topic":""}"#, "topic is empty"), (#"{"topic":5}"#, "topic is not a string"),
        ("null", "the config is not an object"),
    ])
    func theWarningSaysWhatIsWrong(_ config: String, _ reason: String) {
        #expect(SubscribeTriggerConfig(RawJSON(validated: ByteBuffer(string: config))).refusal == reason)
    }

    @Test func metadataAndTraceReachTheHandler() throws {
        let pubsub = try PubSubHarness()
        var seen: [String?] = []
        pubsub.engine.register(FunctionDescription(id: "test::seen"), worker: "test") { invocation, reply in
            seen += [invocation.metadata?.description, invocation.trace.traceparent, invocation.trace.baggage]
            reply(.success(nil))
        }
        pubsub.bind("s1", to: "test::seen", #"{"topic":"orders"}"#, metadata: #"{"tenant":"a"}"#)
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try pubsub.publish("orders", "1", trace: TraceContext(traceparent: parent, baggage: "k=v"))
        #expect(seen == [#"{"tenant":"a"}"#, parent, "k=v"])
    }

    @Test(arguments: [("false", 0), ("true", 1), ("null", 1), ("0", 1), (#""""#, 1), ("{}", 1)])
    func conditions(_ answer: String, _ expected: Int) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        let condition = pubsub.record("test::condition", answer: answer)
        pubsub.bind("s1", to: "test::seen", #"{"topic":"orders","condition_function_id":"test::condition"}"#)
        try pubsub.publish("orders", #"{"n":1}"#)
        #expect(condition.calls == [#"{"n":1}"#])
        #expect(seen.calls.count == expected)
    }

    @Test func aMissingConditionSkips() throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.bind("s1", to: "test::seen", #"{"topic":"orders","condition_function_id":"nobody"}"#)
        try pubsub.publish("orders", "1")
        #expect(seen.calls.isEmpty)
    }

    @Test(arguments: ["5", "null", "[]"])
    func aConditionThatIsNoStringHasNoEffect(_ condition: String) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.bind("s1", to: "test::seen", #"{"topic":"orders","condition_function_id":\#(condition)}"#)
        try pubsub.publish("orders", "1")
        #expect(seen.calls == ["1"])
    }

    /// One subscriber gets messages in order of publication, also behind a condition that hangs for a while; the
    /// others don't wait for it.
    @Test func aHangingConditionStallsOneSubscriberOnly() throws {
        let pubsub = try PubSubHarness()
        let slow = pubsub.record("test::slow")
        let quick = pubsub.record("test::quick")
        let condition = pubsub.record("test::condition")
        condition.holdsReplies = true
        pubsub.bind("s1", to: "test::slow", #"{"topic":"orders","condition_function_id":"test::condition"}"#)
        pubsub.subscribe("s2", "orders", to: "test::quick")
        for number in 1...3 { try pubsub.publish("orders", "\(number)") }
        #expect(quick.calls == ["1", "2", "3"])
        #expect(slow.calls.isEmpty)
        while !condition.held.isEmpty { condition.held.removeFirst()(.success(nil)) }
        #expect(slow.calls == ["1", "2", "3"])
    }

    @Test func aSubscriberThatFailsDoesntKeepOthersFromTheMessage() throws {
        let pubsub = try PubSubHarness()
        pubsub.engine.register(FunctionDescription(id: "test::fails"), worker: "test") { _, reply in
            reply(.failure(InvocationError(code: "oops", message: "no")))
        }
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "orders", to: "test::fails")
        pubsub.subscribe("s2", "orders", to: "test::seen")
        pubsub.subscribe("s3", "orders", to: "nobody")
        for number in 1...2 { try pubsub.publish("orders", "\(number)") }
        #expect(seen.calls == ["1", "2"])
    }

    @Test func nothingIsDeliveredAfterTheStop() throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "orders", to: "test::seen")
        _ = pubsub.worker.stop(pubsub.engine)
        try pubsub.publish("orders", "1")
        #expect(seen.calls.isEmpty)
    }
}
