import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// pubsub.md §2.
@Suite struct PublishTests {
    @Test(arguments: [
        #"{"message":"Hello"}"#, "null", "5", "1e400", "12345678901234567890123", #""text""#, "[1, 2]",
        #"{"topic":"x"}"#,
    ])
    func dataArrivesUntouched(_ data: String) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "orders", to: "test::seen")
        try pubsub.publish("orders", data)
        #expect(seen.calls == [data])
    }

    @Test func theResultIsAbsentAndComesBeforeTheFirstSubscribersCall() throws {
        let pubsub = try PubSubHarness()
        var order: [String] = []
        pubsub.engine.register(FunctionDescription(id: "test::seen"), worker: "test") { _, reply in
            order.append("subscriber")
            reply(.success(nil))
        }
        pubsub.subscribe("s1", "orders", to: "test::seen")
        let input = RawJSON(literal: #"{"topic":"orders","data":1}"#)
        pubsub.engine.invoke("publish", data: input) { outcome in
            order.append("publisher")
            guard case .success(nil) = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
        #expect(order == ["publisher", "subscriber"])
    }

    @Test func aTopicWithoutSubscribersIsSuccessAndNothingIsKept() throws {
        let pubsub = try PubSubHarness()
        guard case .success(nil) = try pubsub.publish("nobody", "1") else {
            Issue.record("not a success")
            return
        }
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "nobody", to: "test::seen")
        #expect(seen.calls.isEmpty)
    }

    @Test(arguments: [
        ("{}", "missing field `topic`"),
        (#"{"data":1}"#, "missing field `topic`"),
        (#"{"topic":"t"}"#, "missing field `data`"),
        (#"{"topic":""}"#, "missing field `data`"),
        (#"{"topic":5,"data":1}"#, "invalid type: integer `5`, expected a string"),
        (#"{"topic":null,"data":1}"#, "invalid type: null, expected a string"),
        ("null", "invalid type: null, expected struct PubSubInput"),
        (#""orders""#, #"invalid type: string "orders", expected struct PubSubInput"#),
    ])
    func badInput(_ input: String, _ detail: String) throws {
        let error = try PubSubHarness().error(input)
        #expect(error.code == "deserialization_error")
        #expect(error.message == "Failed to deserialize input for publish: \(detail)")
    }

    @Test func anEmptyTopic() throws {
        let error = try PubSubHarness().error(#"{"topic":"","data":1}"#)
        #expect(error.code == "topic_not_set")
        #expect(error.message == "Topic is not set")
    }

    @Test func theLongestTopic() throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        let longest = String(repeating: "ü", count: 32_768)
        pubsub.subscribe("s1", longest, to: "test::seen")
        try pubsub.publish(longest, "1")
        #expect(seen.calls == ["1"])
        let error = try pubsub.error(#"{"topic":"\#(longest)x","data":1}"#)
        #expect(error.code == "topic_too_long")
        #expect(
            error.message == "topic of 65537 bytes exceeds the limit of 65536 bytes; put what it says into data"
        )
    }

    @Test(arguments: [
        #"{"other":{"topic":"no"},"topic":"orders","data":1,"_caller_worker_id":"w"}"#,
        #"{"data":1,"topic":"orders"}"#,
        #"{"t\u006fpic":"orders","data":1}"#,
        #"{"topic":"\u006frders","data":1}"#,
        #"{ "topic" : "orders" , "data" : 1 }"#,
    ])
    func anySpellingOfTheInput(_ input: String) throws {
        let pubsub = try PubSubHarness()
        let seen = pubsub.record("test::seen")
        pubsub.subscribe("s1", "orders", to: "test::seen")
        _ = try pubsub.call(input)
        #expect(seen.calls == ["1"])
    }

    /// Data that waits for a slow subscriber must not keep a message of 64 MiB alive of which it is one byte.
    @Test func smallDataOfALargeInputIsACopy() throws {
        let junk = String(repeating: "x", count: 100_000)
        let input = ByteBuffer(string: #"{"topic":"orders","data":[1],"junk":"\#(junk)"}"#)
        let request = try PubSubRequest(try RawJSON.validating(input))
        #expect(request.data.description == "[1]")
        #expect(request.data.buffer.storageCapacity < 1000)
    }

    @Test func anAdapterThatRejectsAMessageIsReported() throws {
        let adapter = TestPubSubAdapter()
        let pubsub = try PubSubHarness(adapter: adapter)
        adapter.failure = PubSubAdapterError("the broker is gone")
        let error = try pubsub.error(#"{"topic":"orders","data":1}"#)
        #expect(error.code == "publish_failed")
        #expect(error.message == "Failed to publish: the broker is gone")
    }
}
