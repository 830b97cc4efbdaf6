import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// A condition or handler that hangs keeps no more than its trigger's bounds, and nobody else from going on.
@Suite struct TriggerDeliveryBoundTests {
    private let harness = DeliveryHarness()

    private var small: TriggerDeliveryLimits {
        var limits = TriggerDeliveryLimits()
        limits.waitingEvents = 4
        limits.laneEvents = 3
        limits.waitingBytes = 100
        limits.laneBytes = 60
        limits.invocations = 2
        return limits
    }

    @Test func aHangingLaneIsBoundedAndLeavesRoomForOthers() {
        let delivery = harness.delivery(condition: "test::condition", limits: small)
        harness.condition.holdsReplies = true
        for number in 1...5 { delivery.deliver(number, lane: "hangs") }
        #expect(delivery.waitingEvents == 3)
        #expect(delivery.droppedEvents == 2)
        for number in 10...12 {
            delivery.deliver(number, lane: "lively")
            harness.condition.held.removeLast()(.success(nil))
        }
        #expect(harness.handler.numbers == [10, 11, 12])
        #expect(delivery.droppedEvents == 2)
    }

    @Test func allLanesTogetherAreBounded() {
        let delivery = harness.delivery(condition: "test::condition", limits: small)
        harness.condition.holdsReplies = true
        for number in 1...6 { delivery.deliver(number, lane: "\(number)") }
        #expect(harness.condition.numbers == [1, 2, 3, 4])
        #expect(delivery.droppedEvents == 2)
        harness.condition.answerHeld()
        #expect(harness.handler.numbers == [1, 2, 3, 4])
        delivery.deliver(7, lane: "7")
        #expect(harness.condition.numbers == [1, 2, 3, 4, 7], "there is room again")
    }

    @Test func anotherTriggerDoesntNotice() {
        let hanging = harness.delivery(condition: "test::condition", limits: small)
        harness.condition.holdsReplies = true
        for number in 1...100 { hanging.deliver(number) }
        let other = harness.delivery(limits: small)
        other.deliver(7)
        #expect(harness.handler.numbers == [7])
    }

    @Test func bytesAreBoundedToo() {
        let delivery = harness.delivery(condition: "test::condition", limits: small)
        harness.condition.holdsReplies = true
        let text = RawJSON(validated: ByteBuffer(string: "\"" + String(repeating: "x", count: 38) + "\""))
        delivery.deliver(text, lane: "a")
        delivery.deliver(text, lane: "a")
        #expect(delivery.droppedEvents == 1, "80 bytes in a lane of 60")
        delivery.deliver(text, lane: "b")
        delivery.deliver(text, lane: "c")
        #expect(delivery.droppedEvents == 2, "120 bytes in all lanes of 100")
        #expect(delivery.waitingBytes == 80)
    }

    @Test(arguments: [nil, "test::condition"])
    func anEventLargerThanTheBoundIsDeliveredWhenNothingElseWaits(_ condition: String?) {
        let delivery = harness.delivery(condition: condition, limits: small)
        let text = RawJSON(validated: ByteBuffer(string: "\"" + String(repeating: "x", count: 500) + "\""))
        delivery.deliver(text, lane: "a")
        delivery.deliver(text, lane: "a")
        #expect(harness.handler.calls.count == 2)
        #expect(delivery.droppedEvents == 0)
    }

    @Test(arguments: [nil, "test::condition"])
    func aHandlerThatIsBehindGetsTheRestInOrderAsItAnswers(_ condition: String?) {
        let delivery = harness.delivery(condition: condition, limits: small)
        harness.handler.holdsReplies = true
        for number in 1...8 { delivery.deliver(number, lane: "\(number)") }
        #expect(harness.handler.numbers == [1, 2], "two calls in flight")
        #expect(delivery.waitingEvents == 4)
        #expect(delivery.droppedEvents == 2)
        harness.handler.held.removeFirst()(.success(nil))
        #expect(harness.handler.numbers == [1, 2, 3])
        while !harness.handler.held.isEmpty { harness.handler.answerHeld() }
        #expect(harness.handler.numbers == [1, 2, 3, 4, 5, 6])
        #expect(delivery.invocationsInFlight == 0)
        delivery.deliver(9)
        #expect(harness.handler.numbers.last == 9)
    }

    @Test func aFailedHandlerMakesRoomLikeAnyAnswer() {
        let delivery = harness.delivery(limits: small)
        harness.handler.holdsReplies = true
        for number in 1...4 { delivery.deliver(number) }
        harness.handler.answerHeld(.error)
        #expect(harness.handler.numbers == [1, 2, 3, 4])
    }

    @Test func whatWaitsIsForgottenWhenTheTriggerGoes() {
        let delivery = harness.delivery(condition: "test::condition", limits: small)
        harness.condition.holdsReplies = true
        delivery.deliver(1)
        delivery.deliver(2)
        delivery.close()
        #expect(delivery.waitingEvents == 0)
        harness.condition.answerHeld()
        delivery.deliver(3)
        #expect(harness.handler.calls.isEmpty)
        #expect(harness.condition.numbers == [1])
    }

    @Test func eventsThatWaitForTheHandlerAreForgottenToo() {
        let delivery = harness.delivery(limits: small)
        harness.handler.holdsReplies = true
        for number in 1...4 { delivery.deliver(number) }
        delivery.close()
        harness.handler.answerHeld()
        #expect(harness.handler.numbers == [1, 2])
    }

    /// A flood of drops must not become a flood of log lines.
    @Test func occurrencesAreLoggedTenTimesThenEveryThousandth() {
        var log = OccurrenceLog()
        let noted = (1...3000).filter { _ in log.notesNext() }
        #expect(noted == Array(1...10) + [1000, 2000, 3000])
        #expect(log.count == 3000)
    }
}
