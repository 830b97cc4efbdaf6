import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// What triggers of `state`, `stream` and `subscribe` share (protocol.md §11.8).
@Suite struct TriggerDeliveryTests {
    private let harness = DeliveryHarness()

    @Test func withoutAConditionTheHandlerIsCalledAtOnceWithTheTriggersMetadata() {
        let delivery = harness.delivery(metadata: #"{"m":1}"#)
        harness.handler.holdsReplies = true
        for number in 1...3 { delivery.deliver(number) }
        #expect(harness.handler.numbers == [1, 2, 3])
        #expect(harness.handler.metadata == Array(repeating: #"{"m":1}"#, count: 3))
        #expect(delivery.waitingEvents == 0)
    }

    @Test(arguments: [
        ("false", false), ("true", true), ("null", true), ("0", true), (#""""#, true), (#""false""#, true),
        ("{}", true),
    ])
    func onlyJSONFalseSkips(_ answer: String, _ isDelivered: Bool) {
        let delivery = harness.delivery(condition: "test::condition")
        harness.condition.holdsReplies = true
        delivery.deliver(1)
        harness.condition.answerHeld(.success(RawJSON(validated: ByteBuffer(string: answer))))
        #expect(harness.handler.numbers == (isDelivered ? [1] : []))
    }

    @Test func noResultOfAConditionIsAYes() {
        let delivery = harness.delivery(condition: "test::condition")
        delivery.deliver(1)
        #expect(harness.handler.numbers == [1])
    }

    @Test func aFailingOrMissingConditionSkipsAndTheNextEventIsAskedFor() {
        let delivery = harness.delivery(condition: "test::condition")
        harness.condition.holdsReplies = true
        delivery.deliver(1)
        delivery.deliver(2)
        harness.condition.answerHeld(.error)
        harness.condition.answerHeld()
        #expect(harness.handler.numbers == [2])

        let orphan = harness.delivery(condition: "nobody")
        orphan.deliver(3)
        #expect(harness.handler.numbers == [2])
        #expect(orphan.waitingEvents == 0)
    }

    @Test func eventsOfALaneKeepTheirOrderAndOtherLanesDontWait() {
        let delivery = harness.delivery(condition: "test::condition")
        harness.condition.holdsReplies = true
        delivery.deliver(1, lane: "a")
        delivery.deliver(2, lane: "a")
        delivery.deliver(3, lane: "b")
        #expect(harness.condition.numbers == [1, 3], "2 waits for the answer to 1")
        harness.condition.held[1](.success(nil))
        harness.condition.held[0](.success(nil))
        harness.condition.held[2](.success(nil))
        #expect(harness.handler.numbers == [3, 1, 2])
        #expect(delivery.waitingEvents == 0)
        #expect(delivery.waitingBytes == 0)
    }

    /// A condition that is lost with many events behind it answers all of them at once: on a stack of calls, ten
    /// thousand of them would be its end.
    @Test func aLostConditionWithAFullLaneBehindItIsNoRecursion() {
        var limits = TriggerDeliveryLimits.singleLane
        limits.waitingEvents = 100_000
        limits.laneEvents = 100_000
        let delivery = harness.delivery(condition: "test::condition", limits: limits)
        harness.condition.holdsReplies = true
        for number in 1...100_000 { delivery.deliver(number) }
        #expect(delivery.waitingEvents == 100_000)
        harness.removeFunctions()
        harness.condition.answerHeld(.error)
        #expect(delivery.waitingEvents == 0)
        #expect(harness.handler.calls.isEmpty)
    }

    @Test func aLostHandlerWithManyEventsBehindItIsNoRecursion() {
        var limits = TriggerDeliveryLimits()
        limits.invocations = 1
        limits.waitingEvents = 100_000
        let delivery = harness.delivery(limits: limits)
        harness.handler.holdsReplies = true
        for number in 1...100_000 { delivery.deliver(number) }
        harness.removeFunctions()
        harness.handler.answerHeld(.error)
        #expect(delivery.waitingEvents == 0)
        #expect(delivery.invocationsInFlight == 0)
        #expect(harness.handler.numbers == [1])
    }

    /// A handler in the engine that causes an event of its own lane before it returns.
    @Test func anEventFromWithinAHandlerIsAskedForOnce() {
        var remaining = 3
        var delivery: TriggerDelivery<String>?
        var seen: [String] = []
        harness.engine.register(FunctionDescription(id: "test::handler"), worker: "test") { invocation, reply in
            seen.append(invocation.data.description)
            remaining -= 1
            if remaining > 0 { delivery?.deliver(remaining) }
            reply(.success(nil))
        }
        delivery = harness.delivery(condition: "test::condition")
        delivery?.deliver(9)
        #expect(seen == ["9", "2", "1"])
        #expect(harness.condition.numbers == [9, 2, 1])
    }

    @Test func theTraceReachesConditionAndHandler() {
        var traces: [String?] = []
        for id in ["test::handler", "test::condition"] {
            harness.engine.register(FunctionDescription(id: id), worker: "test") { invocation, reply in
                traces.append(invocation.trace.baggage)
                reply(.success(nil))
            }
        }
        let delivery = harness.delivery(condition: "test::condition")
        delivery.deliver(.null, lane: "", trace: TraceContext(traceparent: nil, baggage: "tenant=7"))
        #expect(traces == ["tenant=7", "tenant=7"])
    }
}
