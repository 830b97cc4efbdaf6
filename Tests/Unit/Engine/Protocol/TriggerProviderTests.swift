import NIOCore
import Testing

@testable import Engine

/// protocol.md §11.3, §11.4: trigger types that workers provide, and bindings made by `engine::register_trigger`.
struct TriggerProviderTests {
    private static let type = #"{"type":"registertriggertype","id":"t","description":"d"}"#

    private func bind(_ id: String, function: String = "f") -> String {
        #"{"type":"registertrigger","id":"\#(id)","trigger_type":"t","function_id":"\#(function)","config":{"n":1}}"#
    }

    private func result(_ id: String, error: String? = nil) -> String {
        let error = error.map { #","error":{"code":"\#($0)","message":"m"}"# } ?? ""
        return #"{"type":"triggerregistrationresult","id":"\#(id)","trigger_type":"t","function_id":"f"\#(error)}"#
    }

    private func ids(_ frames: [JSON], _ type: String = "registertrigger") -> [String] {
        frames.filter { $0["type"]?.string == type }.compactMap { $0["id"]?.string }.sorted()
    }

    @Test func parkedAndLiveBindingsAreReplayed() throws {
        let test = TestEngine()
        let (owner, first, second) = (try test.connect(), try test.connect(), try test.connect())
        try owner.send(bind("b1"))
        try owner.send(bind("b2"))
        #expect(ids(try first.exchange(Self.type)) == ["b1", "b2"])
        #expect(test.engine.parkedTriggers.isEmpty)
        #expect(ids(try first.exchange(Self.type)) == ["b1", "b2"], "the same owner gets them again")
        #expect(ids(try second.exchange(Self.type)) == ["b1", "b2"], "so does the next provider")
        try owner.send(bind("b3"))
        #expect(ids(try second.receive()) == ["b3"])
        #expect(try first.receive().isEmpty)
        #expect(try owner.receive().isEmpty)
    }

    @Test func parkedBindingsOfTheGoneAreDropped() throws {
        let test = TestEngine()
        let (owner, provider) = (try test.connect(), try test.connect())
        try owner.send(bind("b"))
        try owner.disconnect()
        #expect(try provider.exchange(Self.type).isEmpty)
        #expect(test.engine.liveTriggers.isEmpty)
    }

    @Test func errorParksAndIsForwarded() throws {
        let test = TestEngine()
        let (owner, provider) = (try test.connect(), try test.connect())
        try provider.send(Self.type)
        try owner.send(bind("b"))
        #expect(ids(try provider.receive()) == ["b"])
        #expect(try provider.exchange(result("b")).isEmpty)
        #expect(test.engine.liveTrigger("b") != nil)
        try provider.send(result("b", error: "trigger_registration_failed"))
        let expected = """
            {"type":"triggerregistrationresult","id":"b","trigger_type":"t","function_id":"f",
             "error":{"code":"trigger_registration_failed","message":"m"}}
            """
        #expect(try owner.receive() == [json(expected)])
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(test.engine.parkedTriggers["b"] != nil)
    }

    @Test func errorsOfOthersAreIgnored() throws {
        let test = TestEngine()
        let (owner, old, new) = (try test.connect(), try test.connect(), try test.connect())
        try old.send(Self.type)
        try owner.send(bind("b"))
        try new.send(Self.type)
        for peer in [old, owner] { try peer.send(result("b", error: "x")) }
        try new.send(result("unknown", error: "x"))
        #expect(test.engine.liveTrigger("b") != nil)
        #expect(try owner.receive().isEmpty)
    }

    /// The provider fires with a plain call: nothing is added but the caller.
    @Test func providerFiresByCalling() throws {
        let test = TestEngine()
        let (owner, provider) = (try test.connect(), try test.connect())
        try provider.send(Self.type)
        try owner.send(#"{"type":"registerfunction","id":"f"}"#)
        try owner.send(bind("b"))
        try provider.send(#"{"type":"invokefunction","function_id":"f","data":{"e":1}}"#)
        let frame = try #require(try owner.receive().first)
        #expect(frame["data"] == ["e": 1, "_caller_worker_id": .string(provider.id)])
        #expect(frame["metadata"] == nil)
    }

    @Test func providerLearnsWhatIsRemoved() throws {
        let test = TestEngine()
        let (owner, provider) = (try test.connect(), try test.connect())
        try provider.send(Self.type)
        try owner.send(bind("b1"))
        try owner.send(bind("b2"))
        _ = try provider.receive()
        try owner.send(#"{"type":"unregistertrigger","id":"b1","trigger_type":"wrong hint"}"#)
        #expect(try provider.receive() == [json(#"{"type":"unregistertrigger","id":"b1","trigger_type":"t"}"#)])
        try owner.disconnect()
        #expect(try provider.receive() == [json(#"{"type":"unregistertrigger","id":"b2","trigger_type":"t"}"#)])
    }

    @Test func providerLeavesAndComesBack() throws {
        let test = TestEngine()
        let (owner, provider, next) = (try test.connect(), try test.connect(), try test.connect())
        try provider.send(Self.type)
        try owner.send(bind("theirs"))
        try provider.send(bind("own"))
        try provider.disconnect()
        #expect(test.engine.triggerType("t") == nil)
        #expect(Set(test.engine.parkedTriggers.keys) == ["theirs"])
        #expect(ids(try next.exchange(Self.type)) == ["theirs"])
    }

    /// A worker's type is taken over, and given up, only by its owner's end.
    @Test func formerProviderLeavesWithoutEffect() throws {
        let test = TestEngine()
        let (old, new) = (try test.connect(), try test.connect())
        try old.send(Self.type)
        try new.send(Self.type)
        try old.disconnect()
        #expect(test.engine.triggerType("t") != nil)
    }

    /// Better than upstream: what the engine serves stays.
    @Test func builtInTypesAreNotTakenOver() throws {
        let test = TestEngine()
        let provider = test.provide("cron")
        let peer = try test.connect()
        #expect(try peer.exchange(#"{"type":"registertriggertype","id":"cron","description":"mine"}"#).isEmpty)
        try peer.send(#"{"type":"registertrigger","id":"b","trigger_type":"cron","function_id":"f"}"#)
        #expect(provider.log == ["+b"])
    }

    @Test func knownTypesGetDefaultSchemas() throws {
        let test = TestEngine()
        try test.connect().send(
            #"{"type":"registertriggertype","id":"http","description":"mine","call_request_format":{"own":1}}"#
        )
        let type = try #require(test.engine.triggerType("http")?.description)
        #expect(type.description == "mine")
        #expect(type.requestSchema?.description == #"{"own":1}"#)
        #expect(try type.configurationSchema?.parse()["title"] == "HttpTriggerConfig")
        #expect(try type.responseSchema?.parse()["title"] == "HttpCallResponse")
    }

    // MARK: engine::register_trigger

    /// What the completion of an ownerless binding has been told.
    private final class Completion {
        var id: String?
        var calls = 0
        var error: InvocationError?

        func take(_ id: String, _ error: InvocationError?) {
            (self.id, self.error) = (id, error)
            calls += 1
        }
    }

    private func bindOwnerless(_ test: TestEngine, config: String = "{}") -> Completion {
        let completion = Completion()
        test.engine.bind(
            type: "t",
            functionID: "f",
            config: RawJSON(validated: ByteBuffer(string: config)),
            metadata: nil,
            completion: completion.take
        )
        test.loop.run()
        return completion
    }

    @Test func parkedAtOnce() throws {
        let test = TestEngine()
        let completion = bindOwnerless(test)
        #expect(completion.calls == 1 && completion.error == nil)
        #expect(test.engine.parkedTriggers[Name(completion.id ?? "")] != nil)
    }

    @Test func inProcessAtOnce() throws {
        let test = TestEngine()
        let provider = test.provide("t")
        #expect(bindOwnerless(test).error == nil)
        #expect(provider.log.count == 1)
        let rejected = bindOwnerless(test, config: "\"bad\"")
        #expect(rejected.calls == 1)
        #expect(rejected.error?.code == "trigger_registration_failed")
        #expect(rejected.error?.message == "Failed to parse trigger config: bad")
        #expect(test.engine.liveTriggers.count == 1)
    }

    @Test(arguments: ["success", "error", "timeout", "loss", "takeover"])
    func waitsForAWorker(ending: String) throws {
        let test = TestEngine()
        let (provider, other) = (try test.connect(), try test.connect())
        try provider.send(Self.type)
        let completion = bindOwnerless(test)
        let id = try #require(try provider.receive().first?["id"]?.string)
        #expect(completion.calls == 0)
        test.advance(by: .milliseconds(9_999))
        #expect(completion.calls == 0)
        switch ending {
        case "success": try provider.send(result(id))
        case "error": try provider.send(result(id, error: "bad_config"))
        case "timeout": test.advance(by: .milliseconds(1))
        case "loss": try provider.disconnect()
        default:
            try other.send(Self.type)
            try provider.send(result(id, error: "x"))
            #expect(completion.calls == 0, "the former provider has no say")
            try other.send(result(id))
        }
        test.advance(by: .seconds(20))
        #expect(completion.calls == 1)
        #expect(completion.id == id)
        #expect(completion.error?.code == (ending == "error" ? "trigger_registration_failed" : nil))
        #expect(completion.error?.message == (ending == "error" ? "bad_config: m" : nil))
        let isLive = test.engine.liveTrigger(id) != nil
        #expect(isLive == (ending != "error" && ending != "loss"))
        #expect((test.engine.parkedTriggers[Name(id)] != nil) == (ending == "loss"))
        #expect(test.engine.pendingAcknowledgements.isEmpty)
    }

    /// Whoever waits for a provider is told when the binding ends otherwise: nobody would answer for it any more, and
    /// the next binding of the id got the answer.
    @Test(arguments: ["unregistered", "registered again", "other type", "taken over in the engine", "refused there"])
    func waitingEndsWithTheBinding(ending: String) throws {
        let test = TestEngine()
        let (provider, other) = (try test.connect(), try test.connect())
        try provider.send(Self.type)
        let completion = bindOwnerless(test, config: ending == "refused there" ? "\"bad\"" : "{}")
        let id = try #require(try provider.receive().first?["id"]?.string)
        switch ending {
        case "unregistered":
            #expect(try test.engine.unregisterTrigger(id))
        case "registered again":
            try other.send(bind(id))
        case "other type":
            try other.send(#"{"type":"registertrigger","id":"\#(id)","trigger_type":"else","function_id":"f"}"#)
        default:
            _ = test.provide("t")
        }
        #expect(completion.calls == 1 && completion.id == id)
        #expect(test.engine.pendingAcknowledgements.isEmpty)
        let expected: String? =
            switch ending {
            case "taken over in the engine": nil
            case "refused there": "trigger_registration_failed: Failed to parse trigger config: bad"
            default:
                "trigger_unregistered: the trigger was unregistered, or its id registered again, before the provider "
                    + "answered"
            }
        #expect(completion.error?.message == expected)
        test.advance(by: .seconds(20))
        #expect(completion.calls == 1)
    }

    /// A provider that doesn't read is dropped while it gets the bindings of its type. Those that came after that became
    /// live bindings of a type that nobody provides.
    @Test(arguments: [true, false])
    func replayedBindingsOfADeadTypeStayParked(areLive: Bool) throws {
        let test = TestEngine()
        let owner = try test.connect()
        let first = try test.connect()
        if areLive { try first.send(Self.type) }
        for index in 0..<20 { try owner.send(bind("b\(index)")) }
        let stuck = try TestPeer(loop: test.loop, flusher: test.engine.flusher, budget: BufferBudget(limitBytes: 1000))
        test.engine.accept(stuck.socket, ipAddress: nil)
        stuck.channel.isWritable = false
        try stuck.send(Self.type)
        #expect(!stuck.isConnected)
        #expect(test.engine.triggerType("t") == nil)
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(test.engine.parkedTriggers.count == 20)
        let next = try test.connect()
        #expect(ids(try next.exchange(Self.type)).count == 20)
    }

    /// Telling a provider that doesn't read of the removal ends the provider: the binding was parked then, and came back
    /// with the next one.
    @Test func aRemovedBindingIsGoneThoughItsProviderEnds() throws {
        let test = TestEngine()
        let owner = try test.connect()
        let budget = BufferBudget(limitBytes: 4096)
        let stuck = try TestPeer(loop: test.loop, flusher: test.engine.flusher, budget: budget)
        test.engine.accept(stuck.socket, ipAddress: nil)
        try stuck.send(Self.type)
        try owner.send(bind("b"))
        stuck.channel.isWritable = false
        _ = budget.change(from: 0, to: 4096)
        try owner.send(#"{"type":"unregistertrigger","id":"b"}"#)
        #expect(!stuck.isConnected)
        #expect(test.engine.liveTriggers.isEmpty && test.engine.parkedTriggers.isEmpty)
    }

    @Test func ownerlessBindingsOutliveTheirProvider() throws {
        let test = TestEngine()
        let provider = try test.connect()
        try provider.send(Self.type)
        let completion = bindOwnerless(test)
        let id = try #require(try provider.receive().first?["id"]?.string)
        try provider.send(result(id))
        try provider.disconnect()
        let next = try test.connect()
        #expect(ids(try next.exchange(Self.type)) == [id])
        #expect(try test.engine.unregisterTrigger(id))
        #expect(ids(try next.receive(), "unregistertrigger") == [id])
        #expect(completion.calls == 1)
    }
}
