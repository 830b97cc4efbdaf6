import NIOCore
import Testing

@testable import Engine

/// protocol.md §1.1, §5.4-§5.6: closing, keep-alive, back-pressure.
struct WebSocketHandlerTests {
    private static let id = "7e0a1111-2222-4333-8444-555566667777"

    private func call(_ data: String) -> String {
        #"{"type":"invokefunction","invocation_id":"\#(Self.id)","function_id":"f","data":\#(data)}"#
    }

    private func isReading(_ peer: TestPeer) -> Bool {
        for (option, value) in peer.channel.options.reversed() where option is ChannelOptions.Types.AutoReadOption {
            return value as? Bool ?? true
        }
        return true
    }

    /// No close frame toward a worker that breaks the protocol: TCP is dropped, the SDK reconnects.
    @Test(arguments: [
        ClientFrame(opcode: 1, mask: nil), ClientFrame(opcode: 5), ClientFrame(opcode: 9, isFinal: false),
        ClientFrame(opcode: 0), ClientFrame(opcode: 2, reservedBits: 0x40), ClientFrame(opcode: 8, payload: [3, 0xED]),
    ])
    func violationsDropTCP(frame: ClientFrame) throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(frame: frame)
        #expect(try peer.events().isEmpty)
        #expect(!peer.isConnected)
        #expect(test.engine.connections.isEmpty)
    }

    /// Any other client reads the reason (RFC 6455 §7.1.7).
    @Test(
        arguments: [
            (ClientFrame(opcode: 1, mask: nil), 1002), (ClientFrame(opcode: 8, payload: [3, 0xEE]), 1002),
            (ClientFrame(opcode: 8, payload: [3, 0xE8, 0xFF]), 1007),
        ] as [(ClientFrame, UInt16)]
    )
    func violationsCloseOtherSocketsWithACode(frame: ClientFrame, code: UInt16) throws {
        let test = TestEngine()
        let limit = WebSocketHandler.QueueLimit(bytes: 1 << 20, overflow: .close(code: 1013))
        let peer = try TestPeer(loop: test.loop, flusher: test.engine.flusher, queueLimit: limit)
        try peer.send(frame: frame)
        #expect(try peer.events() == [.close(code: code)])
        #expect(!peer.isConnected)
    }

    @Test func engineClosesWith1012() throws {
        let test = TestEngine()
        let peer = try test.connect()
        peer.socket.close(code: 1012, reason: "engine restart")
        #expect(try peer.events() == [.close(code: 1012)])
        #expect(!peer.isConnected)
        #expect(test.engine.connections.isEmpty)
    }

    /// The server pings after 20 s of silence and gives up after 60 s.
    @Test func silentPeersArePingedThenDropped() throws {
        let test = TestEngine()
        let peer = try test.connect()
        var pings = 0
        for _ in 0..<5 {
            test.advance(by: .seconds(10))
            pings += try peer.events().count { $0 == .ping(ByteBuffer()) }
        }
        #expect(pings >= 1)
        #expect(peer.isConnected)
        test.advance(by: .seconds(30))
        #expect(!peer.isConnected)
        #expect(test.engine.connections.isEmpty)
    }

    @Test(arguments: [1, 9, 10] as [UInt8])
    func anyFrameKeepsAPeerAlive(opcode: UInt8) throws {
        let test = TestEngine()
        let peer = try test.connect()
        for _ in 0..<30 {
            test.advance(by: .seconds(15))
            try peer.send(frame: ClientFrame(opcode: opcode))
        }
        #expect(peer.isConnected)
    }

    @Test func idleEngineHasNoTimer() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.disconnect()
        #expect(test.engine.sweep == nil)
    }

    /// A pong overtakes queued data at a frame border.
    @Test func pongDoesNotWaitBehindData() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        worker.channel.isWritable = false
        try caller.send(call("\"\(String(repeating: "x", count: 2 << 20))\""))
        try worker.send(frame: ClientFrame(opcode: 9, payload: [1]))
        worker.channel.isWritable = true
        worker.channel.pipeline.fireChannelWritabilityChanged()
        let events = try worker.events()
        #expect(events.first == .pong)
        #expect(events.count == 2)
    }

    /// A caller isn't read while what it sends can't be delivered, and is read again when it can.
    @Test func slowConsumerPausesItsProducer() throws {
        let test = TestEngine()
        let (worker, caller, other) = (try test.connect(), try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        worker.channel.isWritable = false
        try caller.send(call("\"\(String(repeating: "x", count: 2 << 20))\""))
        #expect(!isReading(caller))
        #expect(isReading(other))
        #expect(try other.exchange(#"{"type":"ping"}"#).count == 1)
        worker.channel.isWritable = true
        worker.channel.pipeline.fireChannelWritabilityChanged()
        test.loop.run()
        #expect(isReading(caller))
        #expect(worker.socket.queuedBytes == 0)
        #expect(try worker.receive().count == 1)
    }

    @Test func lostConsumerReleasesItsProducer() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        worker.channel.isWritable = false
        try caller.send(call("\"\(String(repeating: "x", count: 2 << 20))\""))
        #expect(!isReading(caller))
        worker.socket.drop(reason: "test")
        test.loop.run()
        #expect(isReading(caller))
        #expect(try caller.receive().first?["error"]?["code"] == "invocation_stopped")
    }

    /// A peer that reads nothing is dropped, and its producer goes on.
    @Test func stuckConsumerIsDropped() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        worker.channel.isWritable = false
        worker.channel.pipeline.fireChannelWritabilityChanged()
        try caller.send(call("\"\(String(repeating: "x", count: 2 << 20))\""))
        for _ in 0..<6 {
            test.advance(by: .seconds(10))
            try worker.send(frame: ClientFrame(opcode: 10))
            try caller.send(frame: ClientFrame(opcode: 10))
        }
        #expect(!worker.isConnected)
        #expect(isReading(caller))
        #expect(try caller.receive().first?["error"]?["code"] == "invocation_stopped")
    }

    private let large = RawJSON(
        validated: ByteBuffer(bytes: [0x22] + [UInt8](repeating: 0x61, count: 60 << 20) + [0x22])
    )

    /// Three HTTP requests of 60 MB once killed the healthy worker that they were for: a call that doesn't fit behind
    /// what is queued fails alone.
    @Test func callsThatDontFitAreRefused() throws {
        let test = TestEngine()
        let worker = try test.connect()
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        worker.channel.isWritable = false
        var failures: [InvocationError] = []
        for _ in 0..<3 {
            test.engine.invoke("f", data: large) { outcome in
                if case .failure(let error) = outcome { failures.append(error) }
            }
        }
        #expect(worker.isConnected)
        #expect(failures.map(\.code) == ["invocation_error"])
        #expect(failures.first?.message.contains("is behind with reading") == true)
    }

    /// Memory is bounded: at 160 MiB of queued answers the connection is dropped.
    @Test func overflowingQueueIsDropped() throws {
        let test = TestEngine()
        test.engine.register(FunctionDescription(id: "large"), worker: "w") { _, reply in reply(.success(self.large)) }
        let caller = try test.connect()
        caller.channel.isWritable = false
        let connection = try #require(test.engine.allConnections.first)
        for _ in 0..<3 {
            test.engine.answer(
                .success(large),
                id: test.engine.makeUUID(),
                functionID: "large",
                trace: .none,
                to: connection
            )
        }
        #expect(!caller.isConnected)
    }

    /// A peer that doesn't read its answers isn't read either: the rest of its burst waits until it has drained.
    @Test func aPeerThatDoesntReadIsntAnswered() throws {
        let test = TestEngine()
        let value = RawJSON(validated: ByteBuffer(bytes: [0x22] + [UInt8](repeating: 0x61, count: 1 << 20) + [0x22]))
        var calls = 0
        test.engine.register(FunctionDescription(id: "f"), worker: "w") { _, reply in
            calls += 1
            reply(.success(value))
        }
        let caller = try test.connect()
        caller.channel.isWritable = false
        let frame = ClientFrame(opcode: 1, payload: Array(call("{}").utf8)).bytes
        try caller.channel.writeInbound(ByteBuffer(bytes: Array(repeating: frame, count: 100).joined()))
        #expect(calls < 20)
        #expect(!isReading(caller))
        caller.channel.isWritable = true
        caller.channel.pipeline.fireChannelWritabilityChanged()
        test.loop.run()
        #expect(calls == 100)
        #expect(isReading(caller))
        #expect(caller.isConnected)
    }

    /// One worker's calls that wait in the engine don't pile up without bound.
    @Test func inProcessCallsAreBounded() throws {
        let test = TestEngine()
        var replies: [Reply] = []
        test.engine.register(FunctionDescription(id: "f"), worker: "w") { _, reply in replies.append(reply) }
        let caller = try test.connect()
        let frame = ClientFrame(opcode: 1, payload: Array(call("{}").utf8)).bytes
        for _ in 0..<WorkerConnection.Limits.inProcessCalls {
            try caller.channel.writeInbound(ByteBuffer(bytes: frame))
        }
        #expect(!isReading(caller))
        for reply in replies { reply(.success(nil)) }
        #expect(isReading(caller))
    }

    /// Messages that arrive slowly and messages that wait count together; what closes gives everything back.
    @Test func socketsShareABudget() throws {
        let test = TestEngine()
        let budget = BufferBudget(limitBytes: 1000)
        let peers = try (0..<3).map { _ in
            let peer = try TestPeer(loop: test.loop, flusher: test.engine.flusher, budget: budget)
            test.engine.accept(peer.socket, ipAddress: nil)
            return peer
        }
        let frame = ClientFrame(opcode: 1, payload: [UInt8](repeating: 0x20, count: 400)).bytes
        for peer in peers[..<2] { try peer.send(bytes: Array(frame.dropLast())) }
        #expect(budget.usedBytes == 798)
        try peers[2].send(bytes: Array(frame.dropLast()))
        #expect(!peers[2].isConnected)
        #expect(peers[0].isConnected && peers[1].isConnected)
        #expect(budget.usedBytes == 798)
        try peers[0].send(bytes: Array(frame.suffix(1)))
        #expect(budget.usedBytes == 399)
        try peers[1].disconnect()
        #expect(budget.usedBytes == 0)
    }
}
