import NIOCore
import Testing

@testable import Engine

/// protocol.md §11.2, §11.5, §11.6, §11.8: bindings from sockets.
struct TriggerTests {
    private func bind(_ id: String, _ type: String, config: String = "{}", more: String = "") -> String {
        #"{"type":"registertrigger","id":"\#(id)","trigger_type":"\#(type)","function_id":"f","config":\#(config)\#(more)}"#
    }

    private func unbind(_ id: String) -> String { #"{"type":"unregistertrigger","id":"\#(id)"}"# }

    // MARK: §11.2

    @Test func acceptedInProcess() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        #expect(try peer.exchange(bind("b", "cron", config: #"{"expression":"x"}"#, more: #","metadata":[1]"#)).isEmpty)
        let trigger = try #require(provider.registered["b"])
        #expect(trigger.config.description == #"{"expression":"x"}"#)
        #expect(trigger.metadata?.description == "[1]")
        #expect(test.engine.liveTrigger("b") === trigger)
    }

    @Test func rejectedInProcess() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        try peer.send(bind("b", "cron", config: "1"))
        let expected = """
            {"type":"triggerregistrationresult","id":"b","trigger_type":"cron","function_id":"f",
             "error":{"code":"trigger_registration_failed","message":"Failed to parse trigger config: bad"}}
            """
        #expect(try peer.exchange(bind("b", "cron", config: "\"bad\"")) == [json(expected)])
        #expect(test.engine.liveTrigger("b")?.config.description == "1", "the older one is left alone")
        #expect(provider.log == ["+b"])
        #expect(try peer.exchange(bind("new", "cron", config: "\"bad\"")).count == 1)
        #expect(test.engine.liveTrigger("new") == nil)
        #expect(test.engine.parkedTriggers.isEmpty)
    }

    @Test func providerThatIsAWorkerIsNotWaitedFor() throws {
        let test = TestEngine()
        let (provider, peer) = (try test.connect(), try test.connect())
        try provider.send(#"{"type":"registertriggertype","id":"t","description":""}"#)
        #expect(try peer.exchange(bind("b", "t")).isEmpty)
        #expect(test.engine.liveTrigger("b") != nil)
        #expect(try provider.receive().count == 1)
    }

    @Test func unknownTypeIsParkedSilently() throws {
        let test = TestEngine()
        let peer = try test.connect()
        #expect(try peer.exchange(bind("b", "cron")).isEmpty)
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(test.engine.parkedTriggers["b"] != nil)
        let provider = test.provide("cron")
        #expect(provider.log == ["+b"])
        #expect(test.engine.parkedTriggers.isEmpty)
        #expect(test.engine.liveTrigger("b") != nil)
        #expect(try peer.receive().isEmpty)
    }

    @Test func sameIDReplacesAndLastSenderOwns() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let (first, second) = (try test.connect(), try test.connect())
        try first.send(bind("b", "cron", config: "1"))
        try second.send(bind("b", "cron", config: "2"))
        #expect(provider.log == ["+b", "~b"])
        #expect(test.engine.liveTrigger("b")?.owner?.id.description == second.id)
        try first.disconnect()
        #expect(test.engine.liveTrigger("b")?.config.description == "2")
        try second.disconnect()
        #expect(test.engine.liveTrigger("b") == nil)
        #expect(provider.registered.isEmpty)
    }

    @Test func sameIDWithAnotherTypeLeavesTheOldProvider() throws {
        let test = TestEngine()
        let (cron, http) = (test.provide("cron"), test.provide("http"))
        let peer = try test.connect()
        try peer.send(bind("b", "cron"))
        try peer.send(bind("b", "http"))
        #expect(cron.log == ["+b", "-b"])
        #expect(http.log == ["+b"])
        #expect(test.engine.liveTriggers.count == 1)
        try peer.send(bind("b", "nobodys"))
        #expect(http.log == ["+b", "-b"])
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(test.engine.parkedTriggers.count == 1)
        try peer.send(bind("b", "cron"))
        #expect(test.engine.parkedTriggers.isEmpty, "a live registration deletes a parked one of its id")
        #expect(test.engine.liveTriggers.count == 1)
    }

    /// A worker at its limit could not change the triggers that it has; a reconnecting one registers them all again.
    @Test func reRegisteringAtTheLimitWorks() throws {
        let test = TestEngine()
        _ = test.provide("cron")
        let peer = try test.connect()
        let connection = try #require(test.engine.allConnections.first)
        try peer.send(bind("own", "cron", config: "1"))
        let others = (1..<Engine.maximumTriggersPerConnection).map { Name("other-\($0)") }
        connection.triggers.formUnion(others)
        #expect(try peer.exchange(bind("own", "cron", config: "2")).isEmpty)
        #expect(test.engine.liveTrigger("own")?.config.description == "2")
        let refusal = try #require(try peer.exchange(bind("one-more", "cron")).first)
        #expect(refusal["error"]?["message"] == "the worker already has 65536 triggers")
        connection.triggers.subtract(others)
    }

    /// The limit counts what a worker has: bindings that others replaced, or that a provider refused, are none.
    @Test func onlyBindingsThatExistAreCounted() throws {
        let test = TestEngine()
        let (peer, other) = (try test.connect(), try test.connect())
        let connection = try #require(test.engine.allConnections.first { $0.id.description == peer.id })
        try peer.send(bind("taken", "cron"))
        try peer.send(bind("refused", "cron", config: "\"bad\""))
        try peer.send(bind("kept", "cron"))
        try other.send(bind("taken", "cron"))
        #expect(connection.triggers == ["refused", "kept"])
        _ = test.provide("cron")
        #expect(connection.triggers == ["kept"])
    }

    @Test func missingFunctionIsAcceptedAndFiringFails() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        try peer.send(bind("b", "cron"))
        let trigger = try #require(provider.registered["b"])
        var isDone = false
        test.engine.fire(trigger, data: .null) { isDone = true }
        #expect(isDone)
        try peer.send(#"{"type":"registerfunction","id":"f"}"#)
        test.engine.fire(trigger, data: .emptyObject)
        #expect(try peer.receive().map { $0["function_id"] } == ["f"])
    }

    @Test func firingCarriesTheTriggersMetadata() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        try peer.send(#"{"type":"registerfunction","id":"f"}"#)
        try peer.send(bind("b", "cron", more: #","metadata":{"team":"ops"}"#))
        test.engine.fire(try #require(provider.registered["b"]), data: RawJSON(literal: #"{"x":1}"#))
        let frame = try #require(try peer.receive().first)
        #expect(frame["data"] == ["x": 1])
        #expect(frame["metadata"] == ["team": "ops"])
    }

    // MARK: §11.5

    @Test func unregisterTriggerTypeParksItsBindings() throws {
        let test = TestEngine()
        let (provider, stranger, peer) = (try test.connect(), try test.connect(), try test.connect())
        try provider.send(#"{"type":"registertriggertype","id":"t","description":""}"#)
        try peer.send(bind("b", "t"))
        try stranger.send(#"{"type":"unregistertriggertype","id":"t"}"#)
        #expect(test.engine.triggerType("t") != nil)
        #expect(try provider.receive().count == 1)
        #expect(try provider.exchange(#"{"type":"unregistertriggertype","id":"t","namespace":"default"}"#).isEmpty)
        #expect(test.engine.triggerType("t") == nil)
        #expect(test.engine.parkedTriggers["b"] != nil)
        #expect(try peer.receive().isEmpty)
    }

    // MARK: §11.6

    @Test func anybodyUnregistersLiveAndParked() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let (peer, other) = (try test.connect(), try test.connect())
        try peer.send(bind("live", "cron"))
        try peer.send(bind("parked", "nobodys"))
        for id in ["live", "parked", "unknown"] { #expect(try other.exchange(unbind(id)).isEmpty) }
        #expect(provider.log == ["+live", "-live"])
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(test.engine.parkedTriggers.isEmpty)
    }

    @Test func providerErrorKeepsTheEntry() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        try peer.send(bind("b", "cron"))
        provider.failsToUnregister = true
        #expect(try peer.exchange(unbind("b")).isEmpty)
        #expect(test.engine.liveTrigger("b") != nil)
        try peer.disconnect()
        #expect(test.engine.liveTrigger("b") == nil, "an owner's end removes it whatever the provider says")
    }

    // MARK: §11.8

    @Test(arguments: [
        ("false", false), (" false ", false), ("true", true), ("null", true), ("0", true), ("\"\"", true), ("{}", true),
        ("[]", true), ("\"false\"", true),
    ])
    func onlyFalseSkips(result: String, proceeds: Bool) throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(#"{"type":"registerfunction","id":"ask"}"#)
        var decision: Bool?
        test.engine.evaluate(condition: "ask", data: RawJSON(literal: #"{"x":1}"#)) { decision = try? $0.get() }
        let frame = try #require(try peer.receive().first)
        #expect(frame["data"] == ["x": 1])
        #expect(frame["metadata"] == nil)
        let id = try #require(frame["invocation_id"]?.string)
        try peer.send(#"{"type":"invocationresult","invocation_id":"\#(id)","function_id":"ask","result":\#(result)}"#)
        #expect(decision == proceeds)
    }

    @Test func conditionErrorsSkip() throws {
        let test = TestEngine()
        var failure: InvocationError?
        test.engine.evaluate(condition: "missing", data: .null) { result in
            if case .failure(let error) = result { failure = error }
        }
        #expect(failure?.code == "function_not_found")
    }
}
