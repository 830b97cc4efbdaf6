import Engine
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The TCP listener of `iii-http` and its connections.
final class HTTPServer {
    private let service: HTTPService
    private let logger: Logger
    private let loop: any EventLoop
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private var sweep: Scheduled<Void>?
    /// Completed when the last connection is gone; set while draining.
    private var emptied: EventLoopPromise<Void>?

    init(service: HTTPService, logger: Logger) {
        self.service = service
        self.logger = logger
        loop = service.engine.loop
    }

    var localAddress: SocketAddress? { listener?.localAddress }
    var connectionCount: Int { connections.count }

    // MARK: Listening

    /// Fails with `BindError`.
    func bind(host: String, port: Int, group: any EventLoopGroup) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
            }
            .bind(host: host, port: port)
            .flatMapErrorThrowing { error in throw BindError(host: host, port: port, cause: error) }
            .assumeIsolated()
            .map { channel in
                self.listener = channel
                let port = channel.localAddress?.port ?? port
                self.logger.info("API listening on address: \(host):\(port)")
            }
            .nonisolated()
    }

    /// Makes a socket an HTTP connection.
    func configure(_ channel: any Channel) throws {
        guard connections.count < HTTPLimits.connections else {
            logger.warning("connection refused: too many sockets", metadata: ["limit": "\(HTTPLimits.connections)"])
            throw ChannelError.eof
        }
        let connection = HTTPConnection(service: service)
        let decoder = HTTPRequestDecoder(limitConfiguration: HTTPLimits.decoder)
        let bytes = ByteToMessageHandler(decoder, maximumBufferSize: HTTPLimits.undecodedBytes)
        try channel.pipeline.syncOperations.addHandlers([bytes, connection])
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.remove(id) }
        startSweep()
    }

    private func remove(_ id: ObjectIdentifier) {
        connections[id] = nil
        guard connections.isEmpty else { return }
        sweep?.cancel()
        sweep = nil
        emptied?.succeed()
        emptied = nil
    }

    /// Runs only while somebody is connected: an idle server has no timer.
    private func startSweep() {
        guard sweep == nil else { return }
        sweep = loop.assumeIsolated().scheduleTask(in: HTTPLimits.sweepInterval) {
            self.sweep = nil
            let now = self.loop.now
            for connection in Array(self.connections.values) { connection.sweep(now: now) }
            if !self.connections.isEmpty { self.startSweep() }
        }
    }

    // MARK: Stopping

    /// Stops accepting, closes idle connections, lets requests finish; aborts what is left at `deadline`.
    func drain(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let closed = listener?.close().recover { _ in } ?? loop.makeSucceededVoidFuture()
        listener = nil
        for connection in Array(connections.values) { connection.stop() }
        guard !connections.isEmpty else { return closed }
        let emptied = self.emptied ?? loop.makePromise(of: Void.self)
        self.emptied = emptied
        let timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { self.abort() }
        emptied.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
        return closed.and(emptied.futureResult).map { _ in }
    }

    /// Closes everything.
    func abort() {
        listener?.close(promise: nil)
        listener = nil
        for connection in Array(connections.values) { connection.abort() }
    }
}
