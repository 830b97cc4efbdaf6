import Engine
import Logging
import NIOCore

/// The in-process worker `iii-state`: key/value state by scope and key, with atomic updates and triggers (state.md).
public final class StateWorker: Worker {
    public let type = "iii-state"
    public let summary = "Distributed key-value state management."

    let adapter: any StateAdapter
    private(set) var configuration: StateConfiguration
    let logger = Logger(label: "iii::workers::state")
    private(set) var triggers: StateTriggers?
    private var live: LiveConfiguration?

    public init(configuration: StateConfiguration, adapter: any StateAdapter) {
        self.configuration = configuration
        self.adapter = adapter
    }

    public var stores: [StoreStatus] { [adapter.status] }

    public func initialize(_ engine: Engine) {
        logger.info("Initializing StateWorker")
        let triggers = StateTriggers(engine: engine)
        self.triggers = triggers
        register(StateSchemas.set, on: engine, set)
        register(StateSchemas.get, on: engine, get)
        register(StateSchemas.delete, on: engine, delete)
        register(StateSchemas.update, on: engine, update)
        register(StateSchemas.list, on: engine, list)
        register(StateSchemas.listGroups, on: engine, listGroups)
        register(StateSchemas.listKeys, on: engine, listKeys)
        register(StateSchemas.listEntries, on: engine, listEntries)
        if let type = BuiltInTriggerTypes.description(of: "state") {
            engine.register(type, provider: triggers, worker: self.type)
        }
        watchConfiguration(engine)
    }

    public func start(_ engine: Engine) -> EventLoopFuture<Void> {
        live?.start() ?? engine.loop.makeSucceededVoidFuture()
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        live?.stop()
        return engine.loop.makeCompletedFuture { try adapter.close() }
    }

    // MARK: Live configuration

    private func watchConfiguration(_ engine: Engine) {
        let live = LiveConfiguration(engine: engine, worker: type, entry: configuration.entry, logger: logger) {
            [unowned self, unowned engine] block in
            engine.loop.makeCompletedFuture { try self.apply(block) }
        }
        live.initialize()
        self.live = live
    }

    /// A stored value; what can't be read as one changes nothing.
    func apply(_ block: ConfigBlock) throws(ConfigurationError) {
        let new = try StateConfiguration(block)
        if !configuration.storage.isKept(by: new.storage) {
            logger.warning(
                "iii-state: the adapter of the stored configuration has no effect in this version; set it in config.yaml"
            )
        }
        configuration.adopt(new)
    }

    /// Argument errors become `deserialization_error` here, once for all functions.
    private func register(
        _ description: FunctionDescription,
        on engine: Engine,
        _ body: @escaping (RawJSON, @escaping Reply) throws(ArgumentError) -> Void
    ) {
        engine.register(description, worker: type) { invocation, reply in
            do throws(ArgumentError) {
                try body(invocation.data, reply)
            } catch {
                reply(.failure(.deserialization(description.id, error.detail)))
            }
        }
    }
}
