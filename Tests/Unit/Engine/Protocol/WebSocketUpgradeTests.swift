import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Engine

/// RFC 6455 §4.2.1: which requests become sockets.
struct WebSocketUpgradeTests {
    private static let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="

    /// The first line of the answer.
    private func answer(_ line: String, host: String = "host: h", key: String = Self.key) throws -> Substring? {
        let loop = EmbeddedEventLoop()
        let service = OpenService(loop)
        let listener = WebSocketListener(
            service: service,
            options: .init(host: "127.0.0.1", port: 0),
            loop: loop,
            logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "10.0.0.7", port: 40_000)).wait()
        try listener.configure(channel)
        let fields = [line, host, "upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13", key]
        try channel.writeInbound(
            ByteBuffer(string: fields.filter { !$0.isEmpty }.joined(separator: "\r\n") + "\r\n\r\n")
        )
        loop.run()
        var text = ByteBuffer()
        while var part = try channel.readOutbound(as: ByteBuffer.self) { text.writeBuffer(&part) }
        let status = String(buffer: text).split(separator: "\r\n").first?.split(separator: " ").dropFirst().first
        #expect(service.sockets == (status == "101" ? 1 : 0))
        return status
    }

    @Test func getWithAKeyIsUpgraded() throws {
        #expect(try answer("GET / HTTP/1.1") == "101")
    }

    @Test(arguments: [("POST", "405"), ("PUT", "405"), ("HEAD", "405"), ("OPTIONS", "405")])
    func onlyGet(method: String, status: String) throws {
        #expect(try answer("\(method) / HTTP/1.1").map(String.init) == status)
    }

    @Test func onlyHTTP11() throws {
        #expect(try answer("GET / HTTP/1.0") == "400")
    }

    @Test(arguments: ["", "host: h\r\nhost: h", "host: a b"])
    func exactlyOneHost(fields: String) throws {
        #expect(try answer("GET / HTTP/1.1", host: fields) == "400")
    }

    @Test(arguments: [
        "", "sec-websocket-key:", "sec-websocket-key: dGhl", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZSE=",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQAA", "sec-websocket-key: dGhlIHNhbXBs-SBub25jZQ==",
        "\(key)\r\n\(key)",
    ])
    func onlyKeysOf16Bytes(field: String) throws {
        #expect(try answer("GET / HTTP/1.1", key: field) == "400")
    }
}

/// Admits every request.
private final class OpenService: WebSocketService {
    private let loop: EmbeddedEventLoop
    private(set) var sockets = 0

    init(_ loop: EmbeddedEventLoop) {
        self.loop = loop
    }

    func admit(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Handshake> {
        loop.makeSucceededFuture(.accepted([:]))
    }

    func refusal(of head: HTTPRequestHead) -> Handshake.Refusal {
        .init(.badRequest)
    }

    func attach(_ channel: any Channel, _ head: HTTPRequestHead) throws {
        sockets += 1
    }
}
