import NIOCore
import Testing

@testable import Engine

/// protocol.md §6, row by row, and §7.
struct ReattachTests {
    private static let id = "7e0a1111-2222-4333-8444-555566667777"

    private func reattach(_ previous: String, _ token: String?) -> String {
        let token = token.map { #","reattach_token":"\#($0)""# } ?? ""
        return #"{"type":"reattach","previous_worker_id":"\#(previous)"\#(token)}"#
    }

    /// Rows of the table that do nothing: neither connection is touched, no reply.
    @Test(arguments: [
        "not a UUID", "own id", "unknown id", "no token", "wrong token", "token of the new one", "upper-case token",
    ])
    func ignored(row: String) throws {
        let test = TestEngine()
        let (old, new) = (try test.connect(), try test.connect())
        let frame =
            switch row {
            case "not a UUID": reattach("nonsense", old.token)
            case "own id": reattach(new.id, new.token)
            case "unknown id": reattach(Self.id, old.token)
            case "no token": reattach(old.id, nil)
            case "wrong token": reattach(old.id, Self.id)
            case "token of the new one": reattach(old.id, new.token)
            default: reattach(old.id, old.token.uppercased())
            }
        #expect(try new.exchange(frame).isEmpty)
        #expect(old.isConnected && new.isConnected)
        #expect(test.engine.connections.count == 2)
    }

    @Test func goneConnectionIsTheNormalCase() throws {
        let test = TestEngine()
        let (old, new) = (try test.connect(), try test.connect())
        try old.disconnect()
        #expect(try new.exchange(reattach(old.id, old.token)).isEmpty)
        #expect(new.isConnected)
    }

    /// The old connection is gone before the next frame of the new one is handled, in the same read; it gets no close
    /// frame, and its late clean-up can't remove what was replayed.
    @Test func matchEvictsBeforeTheReplay() throws {
        let test = TestEngine()
        let observer = CountingObserver()
        test.engine.observer = observer
        let (old, new, other) = (try test.connect(), try test.connect(), try test.connect())
        try old.send(#"{"type":"registerfunction","id":"f"}"#)
        try old.send(#"{"type":"registertriggertype","id":"t","description":""}"#)
        try old.send(#"{"type":"registertrigger","id":"b","trigger_type":"t","function_id":"f"}"#)
        try other.send(#"{"type":"invokefunction","invocation_id":"\#(Self.id)","function_id":"f","data":1}"#)
        _ = try old.receive()

        let replay = [
            reattach(old.id, old.token), #"{"type":"registertriggertype","id":"t","description":""}"#,
            #"{"type":"registerfunction","id":"f"}"#,
            #"{"type":"registertrigger","id":"b","trigger_type":"t","function_id":"f"}"#,
        ]
        try new.send(bytes: replay.flatMap { ClientFrame(opcode: 1, payload: Array($0.utf8)).bytes })
        #expect(try old.events().isEmpty, "dropped without a close frame")
        #expect(!old.isConnected)
        #expect(try other.receive().first?["error"]?["code"] == "invocation_stopped")
        #expect(try new.receive().map { $0["type"]?.string } == ["registertrigger"])
        #expect(test.engine.connections.count == 2)
        guard case .worker(let owner)? = test.engine.function("f")?.target else {
            Issue.record("the function must belong to the new connection")
            return
        }
        #expect(owner.id.description == new.id)
        #expect(test.engine.liveTrigger("b")?.owner === owner)
        #expect(observer.workerEvents == ["connected", "connected", "connected", "disconnected"])
    }

    /// Frames of the old connection that were received in one read but not handled yet are not handled any more.
    @Test func evictedConnectionHandlesNothingMore() throws {
        let test = TestEngine()
        let (old, new) = (try test.connect(), try test.connect())
        let eviction = reattach(old.id, old.token)
        test.engine.register(FunctionDescription(id: "evict"), worker: "w") { _, reply in
            try? new.send(eviction)
            reply(.success(nil))
        }
        let frames = [
            #"{"type":"registerfunction","id":"early"}"#, #"{"type":"invokefunction","function_id":"evict"}"#,
            #"{"type":"registerfunction","id":"late"}"#,
        ]
        try old.send(bytes: frames.flatMap { ClientFrame(opcode: 1, payload: Array($0.utf8)).bytes })
        #expect(!old.isConnected)
        #expect(test.engine.allFunctions.map(\.id) == ["evict"])
    }

    // MARK: §7

    @Test func cleanUpRunsInOrder() throws {
        let test = TestEngine()
        let observer = SnapshotObserver(test.engine)
        test.engine.observer = observer
        let (leaving, provider, caller) = (try test.connect(), try test.connect(), try test.connect())
        try provider.send(#"{"type":"registertriggertype","id":"theirs","description":""}"#)
        try leaving.send(#"{"type":"registerfunction","id":"f"}"#)
        try leaving.send(#"{"type":"registertriggertype","id":"mine","description":""}"#)
        try leaving.send(#"{"type":"registertrigger","id":"b1","trigger_type":"theirs","function_id":"f"}"#)
        try leaving.send(#"{"type":"registertrigger","id":"b2","trigger_type":"mine","function_id":"f"}"#)
        try leaving.send(#"{"type":"registertrigger","id":"b3","trigger_type":"nobodys","function_id":"f"}"#)
        try caller.send(#"{"type":"registertrigger","id":"b4","trigger_type":"mine","function_id":"f"}"#)
        try caller.send(#"{"type":"invokefunction","invocation_id":"\#(Self.id)","function_id":"f","data":1}"#)
        _ = try (provider.receive(), leaving.receive())

        try leaving.disconnect()
        #expect(try caller.receive().first?["error"]?["code"] == "invocation_stopped")
        #expect(
            try provider.receive() == [json(#"{"type":"unregistertrigger","id":"b1","trigger_type":"theirs"}"#)]
        )
        #expect(test.engine.functions.isEmpty)
        #expect(test.engine.liveTriggers.isEmpty)
        #expect(Set(test.engine.parkedTriggers.keys) == ["b4"])
        #expect(Set(test.engine.triggerTypes.keys) == ["theirs"])
        #expect(test.engine.connections.count == 2)
        #expect(observer.atDisconnect == [SnapshotObserver.Counts(functions: 0, triggers: 0, connections: 2)])
    }

    @Test func cleanUpRunsOnce() throws {
        let test = TestEngine()
        let observer = CountingObserver()
        test.engine.observer = observer
        let peer = try test.connect()
        try peer.send(frame: ClientFrame(opcode: 8))
        try peer.disconnect()
        peer.socket.drop(reason: "again")
        #expect(observer.workerEvents == ["connected", "disconnected"])
    }

    @Test func triggersOfOthersSurvive() throws {
        let test = TestEngine()
        let (first, second) = (try test.connect(), try test.connect())
        for peer in [first, second] {
            try peer.send(#"{"type":"registertrigger","id":"same","trigger_type":"t","function_id":"f"}"#)
        }
        try first.disconnect()
        #expect(test.engine.parkedTriggers["same"]?.owner?.id.description == second.id)
    }
}

/// Notes what is left when a disconnect is reported.
private final class SnapshotObserver: EngineObserver {
    struct Counts: Equatable {
        let functions, triggers, connections: Int
    }

    private unowned let engine: Engine
    var atDisconnect: [Counts] = []

    init(_ engine: Engine) {
        self.engine = engine
    }

    func functionsChanged() {}
    func workerConnected(_ connection: WorkerConnection) {}
    func workerMetadataUpdated(_ connection: WorkerConnection) {}
    func workerDisconnected(_ connection: WorkerConnection) {
        atDisconnect.append(
            Counts(
                functions: engine.functions.count,
                triggers: engine.liveTriggers.count,
                connections: engine.connections.count
            )
        )
    }
}
