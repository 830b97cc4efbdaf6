import Logging
import NIOCore
import NIOHTTP1

/// The listener for worker sockets (protocol.md §1).
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

    /// Sockets of one listener, upgraded or not.
    public static let maximumConnections = 32_768

    private let listener: WebSocketListener
    private let logger: Logger

    public init(engine: Engine, options: Options, logger: Logger) {
        self.logger = logger
        listener = WebSocketListener(
            service: WorkerSockets(engine),
            options: .init(host: options.host, port: options.port, handshakeTimeout: options.handshakeTimeout),
            loop: engine.loop,
            logger: logger
        )
    }

    /// The bound address; with port 0 in the options this tells the real one.
    public var localAddress: SocketAddress? { listener.localAddress }

    /// Binds and starts accepting.
    public func bind(group: any EventLoopGroup) -> EventLoopFuture<Void> {
        listener.bind(group: group)
            .assumeIsolated()
            .map {
                let (host, port) = (self.listener.options.host, self.listener.options.port)
                self.logger.info("Engine listening on address: \(host):\(self.localAddress?.port ?? port)")
            }
            .nonisolated()
    }

    /// Stops accepting and drops sockets that haven't upgraded. Upgraded ones stay.
    public func stopAccepting() -> EventLoopFuture<Void> {
        listener.stopAccepting()
    }
}

/// Workers and their telemetry, told apart by path.
private final class WorkerSockets: WebSocketService {
    private unowned let engine: Engine

    init(_ engine: Engine) {
        self.engine = engine
    }

    private enum Target {
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

    func admit(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Handshake> {
        let isKnown = Target(path: head.path) != nil
        return engine.loop.makeSucceededFuture(isKnown ? .accepted([:]) : .refused(refusal(of: head)))
    }

    /// 404 for unknown paths and channels, 426 for a wrong WebSocket version, 400 for everything else.
    func refusal(of head: HTTPRequestHead) -> Handshake.Refusal {
        if head.path.hasPrefix("/ws/channels/") { return .init(.notFound, "Channel not found") }
        guard Target(path: head.path) != nil else { return .init(.notFound, "Not Found") }
        if let version = head.headers.first(name: "sec-websocket-version"), version != "13" {
            return .init(
                .upgradeRequired,
                "WebSocket version 13 is required",
                headers: ["sec-websocket-version": "13"]
            )
        }
        return .init(.badRequest, "This is a WebSocket endpoint; connect with an iii SDK")
    }

    func attach(_ channel: any Channel, _ head: HTTPRequestHead) throws {
        guard let target = Target(path: head.path) else { throw ChannelError.eof }
        let socket = WebSocketHandler(role: .server, flusher: engine.flusher, budget: engine.budget)
        try channel.pipeline.syncOperations.addHandler(socket)
        switch target {
        case .worker: engine.accept(socket, ipAddress: channel.remoteAddress?.ipAddress)
        case .telemetry: engine.acceptTelemetry(socket)
        }
    }
}
