import Logging
import Testing

@testable import Engine
@testable import Workers

/// The port's use, and the exchange of adapters (pubsub.md §6).
@Suite struct PubSubBrokerTests {
    private let old = TestPubSubAdapter()
    private let new = TestPubSubAdapter()
    private let broker: PubSubBroker

    init() {
        broker = PubSubBroker(old, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func exchange() -> () -> Result<Void, PubSubAdapterError>? {
        var outcome: Result<Void, PubSubAdapterError>?
        broker.exchange(for: new) { outcome = $0 }
        return { outcome }
    }

    /// One channel subscription, many handlers.
    @Test func anAdapterHearsOfATopicOnce() throws {
        let pubsub = try PubSubHarness(adapter: old)
        for id in ["s1", "s2", "s3"] { pubsub.subscribe(id, "orders", to: "f") }
        pubsub.subscribe("s1", "orders", to: "g")
        for id in ["s1", "s2"] { _ = try pubsub.engine.unregisterTrigger(id) }
        #expect(old.log == ["+orders"])
        pubsub.subscribe("s3", "other", to: "f")
        #expect(old.log == ["+orders", "+other", "-orders"])
    }

    @Test func aMessageOfTheAdapterReachesAllSubscribers() throws {
        let pubsub = try PubSubHarness(adapter: old)
        let seen = pubsub.record("f")
        for id in ["s1", "s2"] { pubsub.subscribe(id, "orders", to: "f") }
        old.receive?(PubSubMessage(topic: "orders", data: RawJSON(literal: "1")))
        old.receive?(PubSubMessage(topic: "unwanted", data: RawJSON(literal: "2")))
        #expect(seen.calls == ["1", "1"])
    }

    @Test func aFailedSubscriptionIsNoFailedRegistration() throws {
        let pubsub = try PubSubHarness(adapter: old)
        old.failure = PubSubAdapterError("no connection")
        #expect(pubsub.bind("s1", to: "f", #"{"topic":"orders"}"#) == nil)
    }

    @Test func anExchangeSubscribesThenPublishesThenClosesTheOldOne() {
        for topic in ["a", "b"] { broker.subscribe(Name(topic)) }
        new.holdsSubscriptions = true
        let outcome = exchange()
        #expect(new.log.sorted() == ["+a", "+b"])
        broker.publish(PubSubMessage(topic: "a", data: .null)) { _ in }
        #expect(old.log.last == "!a", "not yet")
        for completion in new.held { completion(.success(())) }
        #expect(outcome() != nil)
        #expect(old.log.last == "closed")
        broker.publish(PubSubMessage(topic: "b", data: .null)) { _ in }
        #expect(new.log.last == "!b")
    }

    @Test func anExchangeThatFailsKeepsTheOldOne() {
        broker.subscribe("a")
        new.failure = PubSubAdapterError("unreachable")
        let outcome = exchange()
        guard case .failure(let error)? = outcome() else {
            Issue.record("not a failure")
            return
        }
        #expect(error.description == "unreachable")
        #expect(new.log.last == "closed")
        broker.publish(PubSubMessage(topic: "a", data: .null)) { _ in }
        #expect(old.log == ["+a", "!a"])
    }

    @Test func whatIsSubscribedDuringAnExchangeIsSubscribedOnBoth() {
        broker.subscribe("a")
        new.holdsSubscriptions = true
        let outcome = exchange()
        broker.subscribe("b")
        broker.unsubscribe("a")
        for completion in new.held { completion(.success(())) }
        #expect(outcome() != nil)
        #expect(old.log == ["+a", "+b", "-a", "closed"])
        #expect(new.log == ["+a", "+b", "-a"])
    }

    @Test func aStopDuringAnExchangeClosesBoth() {
        broker.subscribe("a")
        new.holdsSubscriptions = true
        let outcome = exchange()
        broker.close()
        for completion in new.held { completion(.success(())) }
        guard case .failure? = outcome() else {
            Issue.record("not a failure")
            return
        }
        #expect(old.log.last == "closed")
        #expect(new.log.last == "closed")
    }
}
