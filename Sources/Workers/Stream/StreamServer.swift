import Engine
import Logging
import NIOCore

/// Port 3112: the listener, its connections, and who is admitted (stream.md §6).
final class StreamServer {
    /// Close codes of RFC 6455.
    static let goingAway: UInt16 = 1001
    static let tooSlow: UInt16 = 1013
    /// How often dead and stuck clients are looked for while anybody is connected.
    private static let sweepInterval = TimeAmount.seconds(10)

    let engine: Engine
    let adapter: any StreamAdapter
    let membership: StreamMembershipTriggers
    let subscribers: StreamSubscribers
    private(set) var configuration: StreamConfiguration
    let logger: Logger
    /// Of the stream clients alone: however many of them are stuck, workers have theirs.
    let budget: BufferBudget
    private var isMakingRoom = false
    private var listener: WebSocketListener?
    private var connections: [ObjectIdentifier: StreamConnection] = [:]
    /// What the auth function returned for sockets that are about to upgrade.
    var admitted: [ObjectIdentifier: RawJSON] = [:]
    private var sweep: Scheduled<Void>?
    private var emptied: EventLoopPromise<Void>?
    private var ignoredFrames = OccurrenceLog()
    private var droppedClients = OccurrenceLog()

    init(
        engine: Engine,
        adapter: any StreamAdapter,
        membership: StreamMembershipTriggers,
        configuration: StreamConfiguration,
        logger: Logger
    ) {
        self.engine = engine
        self.adapter = adapter
        self.membership = membership
        self.configuration = configuration
        self.logger = logger
        budget = BufferBudget(limitBytes: configuration.limits.totalQueueBytes)
        subscribers = StreamSubscribers(loop: engine.loop, adapter: adapter)
        budget.onExceeded = { [unowned self] in makeRoom() }
    }

    var localAddress: SocketAddress? { listener?.localAddress }
    var connectionCount: Int { connections.count }

    /// Runs something in a turn of its own.
    func later(_ body: @escaping () -> Void) {
        engine.loop.assumeIsolated().execute(body)
    }

    // MARK: Listening

    func bind(group: any EventLoopGroup) -> EventLoopFuture<Void> {
        bind(configuration, group: group).map { self.listener = $0 }.nonisolated()
    }

    private func bind(
        _ configuration: StreamConfiguration,
        group: any EventLoopGroup
    ) -> EventLoopFuture<WebSocketListener>.Isolated {
        let listener = WebSocketListener(
            service: self,
            options: .init(
                host: configuration.host,
                port: Int(configuration.port),
                maximumConnections: configuration.limits.connections
            ),
            loop: engine.loop,
            logger: logger
        )
        return listener.bind(group: group).assumeIsolated().map {
            let port = listener.localAddress?.port ?? Int(configuration.port)
            self.logger.info("Stream API listening on address: \(configuration.host):\(port)")
            return listener
        }
    }

    /// Takes a changed configuration into use. A new address is bound before the old one is given up; its clients are told
    /// to come back (1001).
    func apply(_ new: StreamConfiguration, group: any EventLoopGroup) -> EventLoopFuture<Void> {
        guard new.host != configuration.host || new.port != configuration.port else {
            configuration = new
            return engine.loop.makeSucceededVoidFuture()
        }
        return bind(new, group: group)
            .map { listener in
                let old = self.listener
                self.listener = listener
                self.configuration = new
                old?.stopAccepting().whenComplete { _ in }
                self.closeConnections()
            }
            .nonisolated()
    }

    // MARK: Connections

    private func closeConnections() {
        for connection in Array(connections.values) {
            connection.socket.close(code: Self.goingAway, reason: "going away")
        }
    }

    /// Too much waits for all clients together: the ones that are furthest behind go, not the one that was next.
    private func makeRoom() {
        guard !isMakingRoom else { return }
        isMakingRoom = true
        later {
            self.isMakingRoom = false
            while self.budget.isExceeded,
                let slowest = self.connections.values.max(by: { $0.socket.accountedBytes < $1.socket.accountedBytes }),
                slowest.socket.accountedBytes > 0
            {
                slowest.closeAsTooSlow()
            }
        }
    }

    /// Stops accepting and closes every connection; completes when their leave triggers have run.
    func close(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let stopped = listener?.stopAccepting() ?? engine.loop.makeSucceededVoidFuture()
        listener = nil
        closeConnections()
        sweep?.cancel()
        sweep = nil
        guard !connections.isEmpty else { return stopped }
        let emptied = self.emptied ?? engine.loop.makePromise(of: Void.self)
        self.emptied = emptied
        let timer = engine.loop.assumeIsolated().scheduleTask(deadline: deadline) { self.finishClosing() }
        emptied.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
        return stopped.and(emptied.futureResult).map { _ in }
    }

    private func finishClosing() {
        emptied?.succeed()
        emptied = nil
    }

    /// A socket that was admitted has upgraded.
    func add(_ connection: StreamConnection) {
        connections[ObjectIdentifier(connection)] = connection
        startSweep()
    }

    /// The connection's last leave trigger has run.
    func didClose(_ connection: StreamConnection) {
        connections[ObjectIdentifier(connection)] = nil
        if connections.isEmpty { finishClosing() }
    }

    /// Runs only while somebody is connected: an idle engine has no timer.
    private func startSweep() {
        guard sweep == nil else { return }
        sweep = engine.loop.assumeIsolated().scheduleTask(in: Self.sweepInterval) {
            self.sweep = nil
            let now = self.engine.loop.now
            for connection in Array(self.connections.values) { connection.socket.sweep(now: now) }
            if !self.connections.isEmpty { self.startSweep() }
        }
    }

    // MARK: Log

    func noteIgnoredFrame(_ text: ByteBuffer) {
        guard text.readableBytes > 0, ignoredFrames.notesNext() else { return }
        logger.debug(
            "frame of a stream client ignored: no join or leave",
            metadata: ["frame.bytes": "\(text.readableBytes)", "frames.ignored": "\(ignoredFrames.count)"]
        )
    }

    func noteFailedSync(_ subscription: StreamSubscription, _ error: AdapterError) {
        logger.error(
            "stream subscription has no sync: reading failed",
            metadata: [
                "stream": "\(subscription.group.stream)", "group": "\(subscription.group.group)", "error": "\(error)",
            ]
        )
    }

    func noteClosed(_ connection: StreamConnection, reason: String) {
        guard connection.socket.wasDropped, droppedClients.notesNext() else { return }
        logger.warning(
            "stream client dropped",
            metadata: ["reason": "\(reason)", "clients.dropped": "\(droppedClients.count)"]
        )
    }
}
