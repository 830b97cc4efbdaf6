import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// One TCP listener: plain HTTP/1.1 that upgrades to WebSocket. Confined to the engine's event loop.
package final class WebSocketListener {
    package struct Options: Sendable {
        package var host: String
        package var port: Int
        /// Bounds the reading of the request head and the decision on it; an upgraded socket is never affected.
        package var handshakeTimeout: TimeAmount
        /// Upgraded or not. Further ones are closed at accept.
        package var maximumConnections: Int

        package init(
            host: String,
            port: Int,
            handshakeTimeout: TimeAmount = .seconds(10),
            maximumConnections: Int = WorkerListener.maximumConnections
        ) {
            self.host = host
            self.port = port
            self.handshakeTimeout = handshakeTimeout
            self.maximumConnections = maximumConnections
        }
    }

    package let options: Options
    private let service: any WebSocketService
    private let loop: any EventLoop
    private let logger: Logger
    private var server: (any Channel)?
    private var handshakes: [ObjectIdentifier: any Channel] = [:]
    private var sockets = 0
    private var refusedSockets = 0

    package init(service: any WebSocketService, options: Options, loop: any EventLoop, logger: Logger) {
        self.service = service
        self.options = options
        self.loop = loop
        self.logger = logger
    }

    /// The bound address; with port 0 in the options this tells the real one.
    package var localAddress: SocketAddress? { server?.localAddress }

    /// Binds and starts accepting. Fails with `BindError`.
    package func bind(group: any EventLoopGroup) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let (host, port) = (options.host, options.port)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
            }
            .bind(host: host, port: port)
            .flatMapErrorThrowing { error in throw BindError(host: host, port: port, cause: error) }
            .assumeIsolated()
            .map { self.server = $0 }
            .nonisolated()
    }

    /// Stops accepting and drops sockets that haven't upgraded. Upgraded ones stay.
    package func stopAccepting() -> EventLoopFuture<Void> {
        for channel in handshakes.values { channel.close(promise: nil) }
        guard let server else { return loop.makeSucceededVoidFuture() }
        self.server = nil
        return server.close().recover { _ in }
    }

    // MARK: Pipeline

    /// Makes a socket wait for its upgrade.
    func configure(_ channel: any Channel) throws {
        guard sockets < options.maximumConnections else {
            noteRefusal()
            throw ChannelError.eof
        }
        sockets += 1
        let id = ObjectIdentifier(channel)
        handshakes[id] = channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.sockets -= 1
            self.handshakes[id] = nil
        }
        let deadline = loop.assumeIsolated().scheduleTask(in: options.handshakeTimeout) {
            channel.close(promise: nil)
        }
        let refusal = RefusalHandler(service)
        let upgrader = WebSocketUpgrader(service, refusal: refusal, loop: loop) { channel, head in
            deadline.cancel()
            self.handshakes[id] = nil
            try self.service.attach(channel, head)
        }
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in RefusalHandler.remove(from: context.pipeline) }
            ),
            withErrorHandling: true
        )
        try channel.pipeline.syncOperations.addHandler(refusal)
    }

    /// A flood of connections must not fill the disk with log lines.
    private func noteRefusal() {
        refusedSockets += 1
        guard refusedSockets <= 10 || refusedSockets.isMultiple(of: 1000) else { return }
        logger.warning(
            "connection refused: too many sockets",
            metadata: ["limit": "\(options.maximumConnections)", "refused": "\(refusedSockets)"]
        )
    }
}
