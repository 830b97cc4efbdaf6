import Testing

@testable import Engine

/// protocol.md §8, row by row.
struct FunctionRegistryTests {
    private func register(_ id: String, _ more: String = "") -> String {
        #"{"type":"registerfunction","id":"\#(id)"\#(more)}"#
    }

    private func owner(_ id: String, _ test: TestEngine) -> String? {
        guard case .worker(let connection)? = test.engine.function(id)?.target else { return nil }
        return connection.id.description
    }

    @Test func sameWorkerReplaces() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(register("f", #","description":"old","metadata":{"a":1}"#))
        try peer.send(register("f", #","description":"new""#))
        #expect(test.engine.function("f")?.description.description == "new")
        #expect(test.engine.function("f")?.description.metadata == nil)
        #expect(test.engine.allFunctions.count == 1)
    }

    @Test func lastWriterWinsSilently() throws {
        let test = TestEngine()
        let (first, second) = (try test.connect(), try test.connect())
        try first.send(register("f"))
        #expect(try second.exchange(register("f")).isEmpty)
        #expect(try first.receive().isEmpty)
        #expect(owner("f", test) == second.id)
    }

    /// Better than upstream, where the id is gone although a worker that serves it is connected.
    @Test(arguments: ["disconnects", "unregisters"])
    func anEarlierWorkerServesAgain(after ending: String) throws {
        let test = TestEngine()
        let peers = try (0..<4).map { _ in try test.connect() }
        for (index, peer) in peers.enumerated() { try peer.send(register("f", #","description":"\#(index)""#)) }
        // Again from the first: it is the latest now, and has one registration only.
        try peers[0].send(register("f", #","description":"again""#))
        try peers[2].disconnect()
        for (index, description) in [(0, "again"), (3, "3"), (1, "1")] {
            #expect(owner("f", test) == peers[index].id)
            #expect(test.engine.function("f")?.description.description == description)
            if ending == "disconnects" {
                try peers[index].disconnect()
            } else {
                try peers[index].send(#"{"type":"unregisterfunction","id":"f"}"#)
            }
        }
        #expect(test.engine.function("f") == nil && test.engine.earlierFunctions.isEmpty)
    }

    @Test func callsGoToTheEarlierWorkerAgain() throws {
        let test = TestEngine()
        let (first, second) = (try test.connect(), try test.connect())
        try first.send(register("f"))
        try second.send(register("f"))
        try second.disconnect()
        #expect(try test.invoke("f") == nil)
        #expect(try first.receive().map { $0["function_id"] } == ["f"])
    }

    @Test func previousOwnerLeavesWithoutEffect() throws {
        let test = TestEngine()
        let (first, second) = (try test.connect(), try test.connect())
        try first.send(register("f"))
        try second.send(register("f"))
        try first.send(#"{"type":"unregisterfunction","id":"f"}"#)
        #expect(owner("f", test) == second.id)
        try first.disconnect()
        #expect(owner("f", test) == second.id)
    }

    @Test func unknownAndForeignIDsAreNotUnregistered() throws {
        let test = TestEngine()
        let (first, second) = (try test.connect(), try test.connect())
        try first.send(register("f"))
        #expect(try second.exchange(#"{"type":"unregisterfunction","id":"f"}"#).isEmpty)
        #expect(try second.exchange(#"{"type":"unregisterfunction","id":"nope"}"#).isEmpty)
        #expect(owner("f", test) == first.id)
    }

    /// Better than upstream: what the engine serves can't be taken over.
    @Test(arguments: ["engine::functions::list", "engine::anything", "state::set"])
    func builtInIDsAreRefused(id: String) throws {
        let test = TestEngine()
        test.engine.register(FunctionDescription(id: "state::set"), worker: "iii-state") { _, reply in
            reply(.success(nil))
        }
        let peer = try test.connect()
        #expect(try peer.exchange(register(id)).isEmpty)
        #expect(owner(id, test) == nil)
        try peer.send(#"{"type":"unregisterfunction","id":"state::set"}"#)
        try peer.disconnect()
        #expect(test.engine.function("state::set") != nil)
    }

    /// What a worker has taken over from the engine comes back, unless its in-process worker has left meanwhile.
    @Test(arguments: [true, false])
    func anInProcessFunctionServesAgain(stays: Bool) throws {
        let test = TestEngine()
        let id = Engine.enqueueFunctionID
        test.engine.register(FunctionDescription(id: id), worker: "iii-queue") { _, reply in reply(.success(nil)) }
        let peer = try test.connect()
        try peer.send(register(id))
        #expect(owner(id, test) == peer.id)
        if !stays { test.engine.unregisterFunctions(ofWorker: "iii-queue") }
        #expect(owner(id, test) == peer.id)
        try peer.disconnect()
        #expect((test.engine.function(id)?.isInProcess == true) == stays)
        #expect(test.engine.earlierFunctions.isEmpty)
    }

    @Test func removedInProcessWorkerLosesItsFunctionsOnly() throws {
        let test = TestEngine()
        for (id, worker) in [("a::1", "a"), ("a::2", "a"), ("b::1", "b")] {
            test.engine.register(FunctionDescription(id: id), worker: worker) { _, reply in reply(.success(nil)) }
        }
        try test.connect().send(register("c::1"))
        test.engine.unregisterFunctions(ofWorker: "a")
        #expect(Set(test.engine.allFunctions.map(\.id)) == ["b::1", "c::1"])
    }

    /// HTTP-invoked functions need their worker; without it the registration is dropped (§8.1).
    @Test func httpInvokedFunctionsAreDropped() throws {
        let test = TestEngine()
        let peer = try test.connect()
        #expect(try peer.exchange(register("x", #","invocation":{"url":"https://example.net"}"#)).isEmpty)
        #expect(test.engine.function("x") == nil)
    }

    @Test func idsAreComparedByBytes() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(register("caf\u{E9}"))
        try peer.send(register("cafe\u{301}"))
        #expect(test.engine.allFunctions.count == 2)
        try peer.send(#"{"type":"unregisterfunction","id":"caf\u00e9"}"#)
        #expect(test.engine.function("caf\u{E9}") == nil)
        #expect(test.engine.function("cafe\u{301}") != nil)
    }

    @Test func observerHearsEveryChange() throws {
        let test = TestEngine()
        let observer = CountingObserver()
        test.engine.observer = observer
        let peer = try test.connect()
        try peer.send(register("f"))
        try peer.send(register("f"))
        try peer.send(#"{"type":"unregisterfunction","id":"f"}"#)
        try peer.send(#"{"type":"unregisterfunction","id":"f"}"#)
        #expect(observer.functionChanges == 3)
        try peer.send(register("f"))
        try peer.disconnect()
        #expect(observer.functionChanges == 5)
        #expect(observer.workerEvents == ["connected", "disconnected"])
    }
}

final class CountingObserver: EngineObserver {
    var functionChanges = 0
    var workerEvents: [String] = []

    func functionsChanged() { functionChanges += 1 }
    func workerConnected(_ connection: WorkerConnection) { workerEvents.append("connected") }
    func workerMetadataUpdated(_ connection: WorkerConnection) { workerEvents.append("updated") }
    func workerDisconnected(_ connection: WorkerConnection) { workerEvents.append("disconnected") }
}
