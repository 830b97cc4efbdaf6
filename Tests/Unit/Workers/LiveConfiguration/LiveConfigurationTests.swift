import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// configuration-worker.md §8, from the side of the worker that owns an entry.
@Suite struct LiveConfigurationTests {
    private let harness = LiveConfigurationHarness()

    @Test func withoutAConfigurationWorkerNothingIsAsked() throws {
        harness.makeLive()
        #expect(harness.start())
        #expect(try harness.change() == #"{"ok":true}"#)
        #expect(harness.applied.isEmpty)
        #expect(harness.engine.liveTrigger("my-worker::config-watch") == nil)
        #expect(harness.engine.parkedTriggers.isEmpty)
    }

    @Test(arguments: [nil, "null"])
    func theFirstStartSeeds(_ stored: String?) {
        harness.serveConfiguration()
        harness.stored = stored
        harness.makeLive()
        #expect(harness.start())
        #expect(harness.calls.map(\.function) == ["get", "register", "get", "get"])
        let registration = harness.calls[1].data
        #expect(registration["id"] == "my-worker")
        #expect(registration["name"] == "Mine")
        #expect(registration["description"] == "about it")
        #expect(registration["schema"] == ["type": "object"])
        #expect(registration["initial_value"] == ["size": 1])
        #expect(harness.applied.isEmpty)
    }

    @Test func aStoredValueSurvivesAndIsAdopted() {
        harness.serveConfiguration()
        harness.stored = #"{"size":7}"#
        harness.makeLive()
        #expect(harness.start())
        #expect(harness.calls[1].data["initial_value"] == nil)
        #expect(harness.applied == [#"{"size":7}"#, #"{"size":7}"#], "once more, for what came before the watch")
    }

    @Test func theEntryIsWatched() throws {
        harness.serveConfiguration()
        harness.makeLive()
        #expect(harness.start())
        let trigger = try #require(harness.engine.parkedTriggers["my-worker::config-watch"])
        #expect(trigger.type == "configuration")
        #expect(trigger.functionID == "my-worker::on-config-change")
        #expect(trigger.owner == nil)
        let expected = #"{"configuration_id":"my-worker","event_types":["configuration:updated"]}"#
        #expect(trigger.config.description == expected)
    }

    @Test func aFailedRegistrationStillReads() {
        harness.serveConfiguration()
        harness.refusesRegistration = true
        harness.stored = #"{"size":7}"#
        harness.makeLive()
        #expect(harness.start())
        #expect(harness.applied.first == #"{"size":7}"#)
    }

    @Test func aHangingConfigurationWorkerDelaysTheStartByItsBoundsOnly() {
        harness.serveConfiguration()
        harness.hangs = true
        harness.makeLive()
        #expect(!harness.start())
        harness.loop.advanceTime(by: .seconds(10))
        #expect(!harness.isStarted, "the first call has timed out, so register isn't called; the second one hangs")
        harness.loop.advanceTime(by: .seconds(10))
        #expect(harness.isStarted)
        #expect(harness.calls.map(\.function).prefix(2) == ["get", "get"])
    }

    @Test func aChangeIsReadFromTheBusAndNotFromItsEvent() throws {
        harness.startEmpty()
        harness.stored = #"{"size":8}"#
        #expect(try harness.change(#"{"new_value":{"size":9}}"#) == #"{"ok":true}"#)
        #expect(harness.applied == [#"{"size":8}"#])
    }

    @Test(arguments: ["5", #"{"size":"big"}"#])
    func aMalformedValueKeepsTheOldAndIsAnswered(_ value: String) throws {
        harness.startEmpty()
        harness.failure = ConfigurationError(.worker, "no")
        harness.stored = value
        #expect(try harness.change() == #"{"ok":true}"#)
        harness.loop.advanceTime(by: .seconds(60))
        #expect(harness.applied == [value], "no second try")
    }

    @Test func changesAreAppliedOneAfterAnotherAndOneApplyServesAllThatWait() throws {
        harness.startEmpty()
        harness.holdsApplies = true
        harness.stored = "{}"
        var answers = 0
        for _ in 1...3 { harness.change { _ in answers += 1 } }
        #expect(harness.applied.count == 1)
        #expect(answers == 0)
        harness.held.removeFirst().succeed()
        #expect(answers == 1)
        #expect(harness.applied.count == 2)
        harness.held.removeFirst().succeed()
        #expect(answers == 3)
        #expect(harness.applied.count == 2)
    }

    @Test func aTimedOutApplyIsTriedOnceMore() {
        harness.startEmpty()
        harness.stored = #"{"size":8}"#
        harness.hangs = true
        var answers = 0
        harness.change { _ in answers += 1 }
        harness.loop.advanceTime(by: .seconds(10))
        #expect(answers == 1, "answered; the second try is nobody's to wait for")
        harness.hangs = false
        harness.loop.advanceTime(by: .seconds(5))
        #expect(harness.applied == [#"{"size":8}"#])
    }

    @Test func aSecondTimeoutIsTheEnd() {
        harness.startEmpty()
        harness.hangs = true
        harness.calls = []
        harness.change { _ in }
        harness.loop.advanceTime(by: .seconds(300))
        #expect(harness.calls.count == 2)
    }

    @Test func aChangeMeanwhileReplacesTheRetry() {
        harness.startEmpty()
        harness.stored = "{}"
        harness.hangs = true
        harness.change { _ in }
        harness.loop.advanceTime(by: .seconds(10))
        harness.hangs = false
        harness.change { _ in }
        harness.loop.advanceTime(by: .seconds(60))
        #expect(harness.applied.count == 1)
    }

    @Test func aLateAnswerIsNobodys() {
        harness.startEmpty()
        harness.stored = "{}"
        harness.hangs = true
        harness.change { _ in }
        harness.loop.advanceTime(by: .seconds(10))
        for reply in harness.heldReplies { reply(.success(RawJSON(literal: #"{"value":{}}"#))) }
        #expect(harness.applied.isEmpty)
    }

    @Test func nothingIsAppliedAfterTheStop() throws {
        harness.startEmpty()
        harness.stored = "{}"
        harness.hangs = true
        var answers = 0
        for _ in 1...2 { harness.change { _ in answers += 1 } }
        harness.live?.stop()
        #expect(answers == 1, "who still waited to be read")
        for reply in harness.heldReplies { reply(.success(RawJSON(literal: #"{"value":{}}"#))) }
        #expect(answers == 2)
        #expect(try harness.change() == #"{"ok":true}"#)
        #expect(harness.applied.isEmpty)
    }
}
