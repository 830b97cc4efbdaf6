import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

#if canImport(Glibc)
    import Glibc
#endif

/// One TCP listener for worker sockets: plain HTTP/1.1 that upgrades to WebSocket (protocol.md §1).
public final class WorkerListener {
    public struct Options: Sendable {
        public var host: String
        public var port: Int
        /// Bounds the reading of the request head; an upgraded socket is never affected.
        public var handshakeTimeout: TimeAmount

        public init(host: String = "0.0.0.0", port: Int = 49134, handshakeTimeout: TimeAmount = .seconds(10)) {
            self.host = host
            self.port = port
            self.handshakeTimeout = handshakeTimeout
        }

        public init(_ configuration: WorkerManagerConfiguration) {
            self.init(
                host: configuration.host,
                port: Int(configuration.port),
                handshakeTimeout: .milliseconds(configuration.handshakeTimeoutMilliseconds)
            )
        }
    }

    /// Sockets of one listener, upgraded or not. Further ones are closed at accept.
    public static let maximumConnections = 32_768

    private let engine: Engine
    private let options: Options
    private let logger: Logger
    private var server: (any Channel)?
    private var handshakes: [ObjectIdentifier: any Channel] = [:]
    private var sockets = 0

    public init(engine: Engine, options: Options, logger: Logger) {
        self.engine = engine
        self.options = options
        self.logger = logger
    }

    /// The bound address; with port 0 in the options this tells the real one.
    public var localAddress: SocketAddress? { server?.localAddress }

    /// Binds and starts accepting.
    public func bind(group: any EventLoopGroup) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: engine.loop)
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
            .map { channel in
                self.server = channel
                let address = channel.localAddress.map { "\(host):\($0.port ?? port)" } ?? "\(host):\(port)"
                self.logger.info("Engine listening on address: \(address)")
            }
            .nonisolated()
    }

    /// Stops accepting and drops sockets that haven't upgraded. Upgraded ones stay.
    public func stopAccepting() -> EventLoopFuture<Void> {
        for channel in handshakes.values { channel.close(promise: nil) }
        guard let server else { return engine.loop.makeSucceededVoidFuture() }
        self.server = nil
        return server.close().recover { _ in }
    }

    // MARK: Pipeline

    private func configure(_ channel: any Channel) throws {
        guard sockets < Self.maximumConnections else {
            logger.warning("connection refused: too many sockets", metadata: ["limit": "\(Self.maximumConnections)"])
            throw ChannelError.eof
        }
        sockets += 1
        let id = ObjectIdentifier(channel)
        handshakes[id] = channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.sockets -= 1
            self.handshakes[id] = nil
        }
        let deadline = engine.loop.assumeIsolated().scheduleTask(in: options.handshakeTimeout) {
            channel.close(promise: nil)
        }
        let upgrader = WorkerUpgrader { channel, target in
            deadline.cancel()
            self.handshakes[id] = nil
            try self.attach(channel, target)
        }
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    HandshakeRefusal.remove(from: context.pipeline)
                }
            ),
            withErrorHandling: true
        )
        try channel.pipeline.syncOperations.addHandler(HandshakeRefusal())
    }

    private func attach(_ channel: any Channel, _ target: SocketTarget) throws {
        let socket = WebSocketHandler(role: .server, flusher: engine.flusher, budget: engine.budget)
        let ipAddress = channel.remoteAddress?.ipAddress
        try channel.pipeline.syncOperations.addHandler(socket)
        switch target {
        case .worker: engine.accept(socket, ipAddress: ipAddress)
        case .telemetry: engine.acceptTelemetry(socket)
        }
    }
}

/// Where a socket belongs, by path.
enum SocketTarget {
    case worker
    case telemetry

    init?(path: Substring) {
        switch path {
        case "/", "": self = .worker
        case "/otel": self = .telemetry
        default: return nil
        }
    }
}

extension HTTPRequestHead {
    /// The request target without its query.
    var path: Substring { uri.prefix { $0 != "?" } }
}

/// A listener that can't be bound, in the words that operators look for (config-file.md §8).
public struct BindError: Error, CustomStringConvertible {
    public let host: String
    public let port: Int
    public let cause: any Error

    public init(host: String, port: Int, cause: any Error) {
        self.host = host
        self.port = port
        self.cause = cause
    }

    public var description: String {
        if let error = cause as? IOError, error.errnoCode == EADDRINUSE {
            return "address \(host):\(port) is already in use"
        }
        return "failed to bind to \(host):\(port): \(reason)"
    }

    private var reason: String {
        switch cause {
        case let error as IOError: error.systemText
        case SocketAddressError.unknown: "the host name can't be resolved"
        default: "\(cause)"
        }
    }
}

extension IOError {
    /// `Connection refused`, `Permission denied`: what `strerror` says.
    var systemText: String {
        strerror(errnoCode).map { String(cString: $0) } ?? "error \(errnoCode)"
    }
}
