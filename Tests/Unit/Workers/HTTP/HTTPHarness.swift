import Engine
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import Workers

/// An engine with `iii-http` on an embedded loop: no ports, no threads, time moves when told.
final class HTTPHarness {
    let loop = EmbeddedEventLoop()
    let engine: Engine
    let worker: HTTPWorker
    private(set) var calls: [Invocation] = []
    /// Replies of functions that don't answer by themselves, in call order.
    var waiting: [Reply] = []

    init(_ configuration: HTTPConfiguration = HTTPConfiguration()) throws {
        engine = Engine(
            loop: loop,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: EngineClock { 1_700_000_000_000 }
        )
        worker = HTTPWorker(configuration: configuration, group: loop)
        try worker.initialize(engine)
    }

    /// A function that returns `result` at once; nil: it waits in `waiting`.
    func function(_ id: String, returning result: String?) {
        engine.register(FunctionDescription(id: id), worker: "test") { invocation, reply in
            self.calls.append(invocation)
            if let result {
                reply(.success(RawJSON(validated: ByteBuffer(string: result))))
            } else {
                self.waiting.append(reply)
            }
        }
    }

    func function(_ id: String, failing error: InvocationError) {
        engine.register(FunctionDescription(id: id), worker: "test") { _, reply in reply(.failure(error)) }
    }

    /// Registers a route; returns the refusal's text, if any.
    @discardableResult
    func route(_ method: String, _ path: String, to function: String, extra: [String: JSON] = [:]) -> String? {
        var config: JSONObject = ["api_path": .string(path), "http_method": .string(method)]
        for (key, value) in extra { config.set(key, value) }
        var refusal: String?
        engine.bind(type: "http", functionID: function, config: RawJSON(.object(config)), metadata: nil) { _, error in
            refusal = error?.message
        }
        return refusal
    }

    func connect() throws -> HTTPClient {
        try HTTPClient(self)
    }

    /// One request on a connection of its own; the whole response.
    func request(_ head: String, headers: [String] = [], body: String = "") throws -> Response {
        let client = try connect()
        var lines = ["\(head) HTTP/1.1", "host: h"] + headers
        if !body.isEmpty { lines.append("content-length: \(body.utf8.count)") }
        try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try #require(Response(client.received()))
    }

    func advance(_ seconds: Int64) {
        loop.advanceTime(by: .seconds(seconds))
    }
}

/// A client's end of a socket.
final class HTTPClient {
    let channel: EmbeddedChannel
    private let harness: HTTPHarness

    init(_ harness: HTTPHarness) throws {
        self.harness = harness
        channel = EmbeddedChannel(loop: harness.loop)
        let server = try #require(harness.worker.server)
        try server.configure(channel)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        harness.loop.run()
    }

    func send(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        harness.loop.run()
    }

    /// Everything sent since the last call.
    func received() throws -> String {
        var all = ByteBuffer()
        while var part = try channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&part) }
        return String(buffer: all)
    }

    var isOpen: Bool { channel.isActive }

    /// The client shuts down its sending side.
    func endInput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        harness.loop.run()
    }

    func disconnect() {
        channel.close(promise: nil)
        harness.loop.run()
    }
}

/// A response taken apart.
struct Response {
    let status: Int
    let headers: [(name: String, value: String)]
    let body: String

    init?(_ text: String) {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            return (parts[0], String((parts.count > 1 ? parts[1] : "").drop { $0 == " " }))
        }
        body = String(text[end.upperBound...])
    }

    subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
