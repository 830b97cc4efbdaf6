import Engine
import Logging
import NIOCore

/// The in-process worker `iii-stream`: items by stream and group, events for subscribers on port 3112 and for triggers
/// (stream.md).
public final class StreamWorker: Worker {
    public let type = "iii-stream"
    public let summary = "Real-time streams: items by stream and group, with subscriptions over WebSocket."

    let adapter: any StreamAdapter
    private(set) var configuration: StreamConfiguration
    let group: any EventLoopGroup
    let logger = Logger(label: "iii::workers::stream")
    private var parts: Parts?

    /// What there is from `initialize` on.
    struct Parts {
        let triggers: StreamTriggers
        let membership: StreamMembershipTriggers
        let server: StreamServer
        let live: LiveConfiguration
    }

    public init(configuration: StreamConfiguration, adapter: any StreamAdapter, group: any EventLoopGroup) {
        self.configuration = configuration
        self.adapter = adapter
        self.group = group
    }

    /// The bound address; with port 0 in the configuration this tells the real one.
    public var localAddress: SocketAddress? { parts?.server.localAddress }
    var server: StreamServer? { parts?.server }
    var triggers: StreamTriggers? { parts?.triggers }

    public var stores: [StoreStatus] { [adapter.status] }

    public func initialize(_ engine: Engine) {
        logger.info("Initializing StreamWorker")
        let triggers = StreamTriggers(engine: engine, logger: logger)
        let membership = StreamMembershipTriggers(engine: engine, logger: logger)
        let server = StreamServer(
            engine: engine,
            adapter: adapter,
            membership: membership,
            configuration: configuration,
            logger: logger
        )
        let live = LiveConfiguration(
            engine: engine,
            worker: type,
            entry: configuration.entry,
            logger: logger
        ) { [unowned self, unowned engine] block in self.apply(block, engine) }
        parts = Parts(triggers: triggers, membership: membership, server: server, live: live)
        adapter.sink = self
        registerFunctions(engine)
        register("stream", triggers, engine)
        register("stream:join", membership.joins, engine)
        register("stream:leave", membership.leaves, engine)
        live.initialize()
    }

    private func register(_ trigger: String, _ provider: any TriggerProvider, _ engine: Engine) {
        guard let description = BuiltInTriggerTypes.description(of: trigger) else { return }
        engine.register(description, provider: provider, worker: type)
    }

    public func start(_ engine: Engine) -> EventLoopFuture<Void> {
        guard let parts else { return engine.loop.makeSucceededVoidFuture() }
        logger.info("Starting StreamWorker on \(configuration.host):\(configuration.port)")
        return parts.server.bind(group: group).assumeIsolated().flatMap { parts.live.start() }.nonisolated()
    }

    /// Clients are told to come back later (1001), and their leave triggers run while handlers still answer.
    public func drain(_ engine: Engine, until deadline: NIODeadline) -> EventLoopFuture<Void> {
        parts?.live.stop()
        return parts?.server.close(until: deadline) ?? engine.loop.makeSucceededVoidFuture()
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        engine.loop.makeCompletedFuture { try adapter.close() }
    }
}

// MARK: - Events

extension StreamWorker: StreamEventSink {
    public func fire(_ event: StreamEvent) {
        triggers?.fire(event)
    }

    public func deliver(_ event: StreamEvent) {
        server?.subscribers.deliver(event)
    }
}

// MARK: - Live configuration

extension StreamWorker {
    /// All or nothing: a listener that can't be bound leaves everything as it was (stream.md §8).
    private func apply(_ block: ConfigBlock, _ engine: Engine) -> EventLoopFuture<Void> {
        let new: StreamConfiguration
        do throws(ConfigurationError) {
            new = try StreamConfiguration(block)
        } catch {
            return engine.loop.makeFailedFuture(error)
        }
        guard let server else { return engine.loop.makeSucceededVoidFuture() }
        return server.apply(new, group: group)
            .assumeIsolated()
            .map {
                self.adopt(new)
            }
            .nonisolated()
    }

    private func adopt(_ new: StreamConfiguration) {
        if !new.hasSameStorage(as: configuration) {
            logger.warning(
                """
                iii-stream: adapter, retention and history of the stored configuration have no effect in this version; \
                set them in config.yaml
                """
            )
        }
        configuration = new
    }
}
