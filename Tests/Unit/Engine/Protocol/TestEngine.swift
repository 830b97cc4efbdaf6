import Logging
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Engine

/// A real engine on a loop that runs only when told to; time passes only by `advance`.
final class TestEngine {
    let loop = EmbeddedEventLoop()
    let engine: Engine
    private let time = TestTime()

    init(seed: UInt64 = 1) {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .trace
        let time = self.time
        engine = Engine(
            loop: loop,
            logger: logger,
            clock: EngineClock { time.now },
            random: SeededGenerator(seed: seed)
        )
    }

    /// A worker that has connected and read its greeting.
    func connect(ip: String? = "10.0.0.7") throws -> TestPeer {
        let peer = try TestPeer(loop: loop, flusher: engine.flusher)
        engine.accept(peer.socket, ipAddress: ip)
        let greeting = try #require(peer.receive().first?.object)
        peer.id = try #require(greeting["worker_id"]?.string)
        peer.token = try #require(greeting["reattach_token"]?.string)
        return peer
    }

    /// A socket on `/otel`.
    func connectTelemetry() throws -> TestPeer {
        let peer = try TestPeer(loop: loop, flusher: engine.flusher)
        engine.acceptTelemetry(peer.socket)
        return peer
    }

    func advance(by amount: TimeAmount) {
        time.advance(milliseconds: amount.nanoseconds / 1_000_000)
        loop.advanceTime(by: amount)
    }

    /// Calls as the engine itself and returns what has been answered by now.
    func invoke(_ functionID: String, _ data: String = "null") throws -> InvocationOutcome? {
        var answer: InvocationOutcome?
        let data = RawJSON(validated: ByteBuffer(string: data))
        try data.buffer.validateJSON()
        engine.invoke(functionID, data: data) { answer = $0 }
        loop.run()
        return answer
    }
}

private final class TestTime: Sendable {
    private let milliseconds = Mutex<Int64>(1_760_000_000_000)

    var now: Int64 { milliseconds.withLock { $0 } }

    func advance(milliseconds amount: Int64) {
        milliseconds.withLock { $0 += amount }
    }
}

/// One client on an embedded channel: masks what it sends, decodes what it gets.
final class TestPeer {
    let channel: EmbeddedChannel
    let socket: WebSocketHandler
    let loop: EmbeddedEventLoop
    var id = ""
    var token = ""
    private var parser = WebSocketFrameParser(role: .client)

    init(
        loop: EmbeddedEventLoop,
        flusher: FlushScheduler,
        budget: BufferBudget = BufferBudget(),
        queueLimit: WebSocketHandler.QueueLimit = .worker
    ) throws {
        self.loop = loop
        channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "10.0.0.7", port: 40_000)).wait()
        socket = WebSocketHandler(role: .server, flusher: flusher, budget: budget, queueLimit: queueLimit)
        try channel.pipeline.syncOperations.addHandler(socket)
    }

    var isConnected: Bool { channel.isActive }

    /// One text frame.
    func send(_ text: String) throws {
        try send(frame: ClientFrame(opcode: 1, payload: Array(text.utf8)))
    }

    func send(frame: ClientFrame) throws {
        try send(bytes: frame.bytes)
    }

    func send(bytes: [UInt8]) throws {
        guard isConnected else { return }
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        loop.run()
    }

    /// Every frame that has arrived since the last call.
    func events() throws -> [WebSocketFrameParser.Event] {
        loop.run()
        var events: [WebSocketFrameParser.Event] = []
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) {
            while let event = try parser.next(&bytes) { events.append(event) }
        }
        return events
    }

    /// Every message that has arrived since the last call.
    func receive() throws -> [JSON] {
        try events().compactMap { event in
            guard case .text(let text) = event else { return nil }
            return try JSON.parse(Array(text.readableBytesView))
        }
    }

    /// Sends, and returns what comes back at once.
    func exchange(_ text: String) throws -> [JSON] {
        try send(text)
        return try receive()
    }

    /// TCP is lost. (Not `finish()`: that would run and then cancel every timer of the shared loop.)
    func disconnect() throws {
        if isConnected { try channel.close().wait() }
        loop.run()
    }
}

/// A frame as a client writes it.
struct ClientFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    var reservedBits: UInt8 = 0

    var bytes: [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | reservedBits | opcode]
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ..<126: bytes.append(maskBit | UInt8(payload.count))
        case ..<65536: bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [maskBit | 127] + (0..<8).map { UInt8(payload.count >> (56 - 8 * $0) & 255) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}

/// Parses a literal of a test.
func json(_ text: String) throws -> JSON {
    try JSON.parse(Array(text.utf8))
}

extension JSON {
    subscript(key: String) -> JSON? { object?[key] }
}
