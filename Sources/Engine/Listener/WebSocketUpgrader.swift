import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Upgrades the requests that a service admits. The handshake is NIO's; the frames are ours (`WebSocketHandler`).
final class WebSocketUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let handshake: NIOWebSocketServerUpgrader
    private let onUpgrade: (any Channel, HTTPRequestHead) throws -> Void

    /// `onUpgrade` is called on the channel's event loop.
    init(
        _ service: any WebSocketService,
        refusal: RefusalHandler,
        loop: any EventLoop,
        onUpgrade: @escaping (any Channel, HTTPRequestHead) throws -> Void
    ) {
        self.onUpgrade = onUpgrade
        let parts = NIOLoopBound((service, refusal), eventLoop: loop)
        handshake = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, head in
                let (service, refusal) = parts.value
                if let forbidden = Handshake.refusal(of: head) {
                    return channel.eventLoop.makeSucceededFuture(refusal.headers(for: .refused(forbidden)))
                }
                // What a client sends before it is admitted stays in its socket, however long that takes.
                Self.setReading(false, channel)
                return service.admit(head, on: channel)
                    .assumeIsolated()
                    .map {
                        Self.setReading(true, channel)
                        return refusal.headers(for: $0)
                    }
                    .nonisolated()
            },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
    }

    private static func setReading(_ reads: Bool, _ channel: any Channel) {
        // Fails on a channel that is closed, which reads nothing anyway.
        try? channel.syncOptions?.setOption(.autoRead, value: reads)
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
        return channel.eventLoop.makeCompletedFuture { try onUpgrade(channel, upgradeRequest) }
    }
}

/// Answers requests that don't upgrade, then closes.
final class RefusalHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let service: any WebSocketService
    /// What the service said to an upgrade request; its head comes by here afterwards.
    private var decided: Handshake.Refusal?
    private var hasAnswered = false

    init(_ service: any WebSocketService) {
        self.service = service
    }

    /// The headers of the 101; nil, as NIO wants it, for a refusal.
    func headers(for handshake: Handshake) -> HTTPHeaders? {
        switch handshake {
        case .accepted(let headers):
            return headers
        case .refused(let refusal):
            decided = refusal
            return nil
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), !hasAnswered else { return }
        hasAnswered = true
        let refusal = decided ?? service.refusal(of: head)
        var headers = refusal.headers
        if !refusal.text.isEmpty { headers.add(name: "content-type", value: "text/plain; charset=utf-8") }
        headers.add(name: "content-length", value: "\(refusal.text.utf8.count)")
        headers.add(name: "connection", value: "close")
        let response = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: refusal.text)))), promise: nil)
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
        guard let refusal = try? pipeline.syncOperations.handler(type: RefusalHandler.self) else { return }
        pipeline.syncOperations.removeHandler(refusal, promise: nil)
    }
}
