import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Upgrades a request on a known path. The handshake is NIO's; the frames are ours (`WebSocketHandler`).
final class WorkerUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let handshake: NIOWebSocketServerUpgrader
    private let onUpgrade: (any Channel, SocketTarget) throws -> Void

    /// `onUpgrade` is called on the channel's event loop.
    init(onUpgrade: @escaping (any Channel, SocketTarget) throws -> Void) {
        self.onUpgrade = onUpgrade
        self.handshake = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(SocketTarget(path: head.path) == nil ? nil : [:])
            },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
    }

    func buildUpgradeResponse(
        channel: any Channel,
        upgradeRequest: HTTPRequestHead,
        initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        handshake.buildUpgradeResponse(
            channel: channel,
            upgradeRequest: upgradeRequest,
            initialResponseHeaders: initialResponseHeaders
        )
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        let channel = context.channel
        return channel.eventLoop.makeCompletedFuture {
            guard let target = SocketTarget(path: upgradeRequest.path) else { throw ChannelError.eof }
            try onUpgrade(channel, target)
        }
    }
}

/// Answers requests that don't upgrade, then closes: 404 for unknown paths and channels, 426 for a wrong WebSocket
/// version, 400 for everything else (protocol.md §1).
final class HandshakeRefusal: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private var hasAnswered = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), !hasAnswered else { return }
        hasAnswered = true
        let (status, text) = Self.refusal(of: head)
        var headers = HTTPHeaders([
            ("content-type", "text/plain; charset=utf-8"), ("content-length", "\(text.utf8.count)"),
            ("connection", "close"),
        ])
        if status == .upgradeRequired { headers.add(name: "sec-websocket-version", value: "13") }
        let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The upgrade handler reports refusals here; the request head follows and is answered above.
        if !(error is NIOWebSocketUpgradeError) { context.close(promise: nil) }
    }

    /// An upgraded connection needs no refusals any more.
    static func remove(from pipeline: ChannelPipeline) {
        guard let refusal = try? pipeline.syncOperations.handler(type: HandshakeRefusal.self) else { return }
        pipeline.syncOperations.removeHandler(refusal, promise: nil)
    }

    private static func refusal(of head: HTTPRequestHead) -> (HTTPResponseStatus, String) {
        if head.path.hasPrefix("/ws/channels/") { return (.notFound, "Channel not found") }
        guard SocketTarget(path: head.path) != nil else { return (.notFound, "Not Found") }
        if let version = head.headers.first(name: "sec-websocket-version"), version != "13" {
            return (.upgradeRequired, "WebSocket version 13 is required")
        }
        return (.badRequest, "This is a WebSocket endpoint; connect with an iii SDK")
    }
}
