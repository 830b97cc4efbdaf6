import Adapters
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import Engine
@testable import Workers

/// An engine with `iii-stream` in memory on an embedded loop: every call is answered before it returns, and time passes
/// only by `advance`.
final class StreamHarness {
    let loop = EmbeddedEventLoop()
    let engine: Engine
    let worker: StreamWorker
    private let time = HarnessTime()

    init(_ configuration: StreamConfiguration = .init()) {
        let time = self.time
        let clock = EngineClock { time.now }
        engine = Engine(loop: loop, clock: clock)
        let adapter = InMemoryStreamAdapter(configuration: configuration, loop: loop, clock: clock, store: "test")
        worker = StreamWorker(configuration: configuration, adapter: adapter, group: loop)
        worker.initialize(engine)
    }

    func advance(milliseconds: Int64) {
        time.advance(milliseconds)
        loop.advanceTime(by: .milliseconds(milliseconds))
    }

    /// The result's text; nil when the result is absent.
    func call(_ function: String, _ data: String) throws -> String? {
        try engine.result(function, data)
    }

    func error(_ function: String, _ data: String) throws -> String {
        let error = try engine.error(function, data)
        return "\(error.code): \(error.message)"
    }

    func set(_ id: String, _ data: String, group: String = "g") throws {
        _ = try call("stream::set", #"{"stream_name":"s","group_id":"\#(group)","item_id":"\#(id)","data":\#(data)}"#)
    }

    func delete(_ id: String) throws {
        _ = try call("stream::delete", #"{"stream_name":"s","group_id":"g","item_id":"\#(id)"}"#)
    }

    func list(_ group: String = "g") throws -> String? {
        try call("stream::list", #"{"stream_name":"s","group_id":"\#(group)"}"#)
    }

    func register(_ id: String, answer: String? = nil) -> Recorder {
        engine.record(id, answer: answer)
    }

    func bind(_ type: String, _ function: String, _ config: String) -> InvocationError? {
        engine.bind(type, to: function, config)
    }

    /// A client that has upgraded.
    func connect() throws -> StreamPeer {
        let channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "10.0.0.9", port: 40_000)).wait()
        let server = try #require(worker.server)
        try server.attach(channel, HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"))
        return StreamPeer(channel: channel, loop: loop)
    }
}

private final class HarnessTime: Sendable {
    private let milliseconds = Mutex<Int64>(1_760_000_000_000)

    var now: Int64 { milliseconds.withLock { $0 } }

    func advance(_ amount: Int64) {
        milliseconds.withLock { $0 += amount }
    }
}

/// One client of port 3112 on an embedded channel.
final class StreamPeer {
    let channel: EmbeddedChannel
    private let loop: EmbeddedEventLoop
    private var parser = WebSocketFrameParser(role: .client)
    private(set) var closeCode: UInt16?

    init(channel: EmbeddedChannel, loop: EmbeddedEventLoop) {
        self.channel = channel
        self.loop = loop
    }

    func send(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(bytes: ClientFrame(opcode: 1, payload: Array(text.utf8)).bytes))
        loop.run()
    }

    func join(_ fields: String = "", id: String = "sub", group: String = "g") throws {
        try send(
            #"{"type":"join","data":{"subscriptionId":"\#(id)","streamName":"s","groupId":"\#(group)"\#(fields)}}"#
        )
    }

    func leave(id: String = "sub") throws {
        try send(#"{"type":"leave","data":{"subscriptionId":"\#(id)","streamName":"s","groupId":"g"}}"#)
    }

    func close(code: UInt16) throws {
        let payload = [UInt8(code >> 8), UInt8(code & 255)]
        try channel.writeInbound(ByteBuffer(bytes: ClientFrame(opcode: 8, payload: payload).bytes))
        loop.run()
    }

    /// The messages that have arrived since the last call.
    func messages() throws -> [JSON] {
        loop.run()
        var messages: [JSON] = []
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) {
            while let event = try parser.next(&bytes) {
                switch event {
                case .text(let text): messages.append(try JSON.parse(Array(text.readableBytesView)))
                case .close(let code): closeCode = code
                default: break
                }
            }
        }
        return messages
    }

    /// What the messages say: `create a 1`, `sync [1]`, `resumed 2`.
    func events() throws -> [String] {
        try messages().map { message in
            let event = message["event"] ?? .null
            let type = event["type"]?.string ?? ""
            switch type {
            case "sync": return "sync \(event["data"] ?? .null)"
            case "resumed": return "resumed \(event["missed"] ?? .null)"
            case "event": return "event \(event["event"] ?? .null)"
            case "unauthorized": return "unauthorized\(event["reason"]?.string.map { ": \($0)" } ?? "")"
            default: return "\(type) \(message["id"]?.string ?? "-") \(event["data"] ?? .null)"
            }
        }
    }

    func disconnect() throws {
        try channel.close().wait()
        loop.run()
    }
}
