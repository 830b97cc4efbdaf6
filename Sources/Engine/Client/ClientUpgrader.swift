import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The client's side of the upgrade: NIO checks the handshake, the frames are ours.
final class ClientUpgrader: NIOHTTPClientProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let handshake = NIOWebSocketClientUpgrader(
        upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
    )
    private let onUpgrade: (any Channel) throws -> Void

    init(onUpgrade: @escaping (any Channel) throws -> Void) {
        self.onUpgrade = onUpgrade
    }

    func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
        handshake.addCustom(upgradeRequestHeaders: &upgradeRequestHeaders)
    }

    func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
        handshake.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
    }

    func upgrade(context: ChannelHandlerContext, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<Void> {
        let channel = context.channel
        return channel.eventLoop.makeCompletedFuture {
            let handshake = try channel.pipeline.syncOperations.handler(type: ClientHandshake.self)
            channel.pipeline.syncOperations.removeHandler(handshake, promise: nil)
            try onUpgrade(channel)
        }
    }
}

/// Sends the upgrade request; whatever arrives here as HTTP is a refusal.
final class ClientHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let host: String
    private let path: String
    private let upgraded: EventLoopPromise<NIOLoopBound<EngineClient>>

    init(host: String, path: String, upgraded: EventLoopPromise<NIOLoopBound<EngineClient>>) {
        self.host = host
        self.path = path
        self.upgraded = upgraded
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers = HTTPHeaders([("host", host), ("content-length", "0")])
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        upgraded.fail(EngineClientError.handshakeRefused("HTTP \(head.status.code)"))
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        upgraded.fail(EngineClientError.handshakeRefused("\(error)"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        upgraded.fail(EngineClientError.handshakeRefused("connection closed during the handshake"))
        context.fireChannelInactive()
    }
}
