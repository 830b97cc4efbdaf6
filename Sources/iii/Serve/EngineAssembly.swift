import Adapters
import Engine
import Logging
import NIOCore
import NIOPosix
import Storage
import Workers

#if canImport(Glibc)
    import Glibc
#endif

/// The composition root: the only place that names every worker and every adapter.
struct EngineAssembly {
    let loop: any EventLoop
    let group: any EventLoopGroup

    private let logger = Logger(label: "iii::engine")

    /// Builds all workers of the configuration, in boot order: functions first, listeners last, so that clients never
    /// see a half-started engine.
    func assemble(_ configuration: EngineConfiguration, stores: StoreRegistry) throws -> Lifecycle {
        logger.info("Building engine with \(configuration.listedCount) workers")
        try declareOwners(configuration, stores)
        let engine = Engine(loop: loop)
        var entries: [Lifecycle.Entry] = []
        for entry in configuration.startOrder {
            guard let worker = try make(entry, stores: stores) else { continue }
            entries.append(
                Lifecycle.Entry(instanceID: entry.instanceID, worker: worker, isMandatory: entry.isMandatory)
            )
        }
        return Lifecycle(engine: engine, entries: entries)
    }

    /// What upstream's files in a directory are depends on all workers that have it, also on those that start later. Queues and
    /// cron aren't served by this version: an entry for one is refused before this.
    private func declareOwners(_ configuration: EngineConfiguration, _ stores: StoreRegistry) throws {
        for entry in configuration.entries(ofType: "iii-state") {
            declare(.state, try entry.decode(StateConfiguration.init).storage, stores)
        }
        for entry in configuration.entries(ofType: "iii-stream") {
            declare(.stream, try entry.decode(StreamConfiguration.init).storage, stores)
        }
    }

    private func declare(_ owner: UpstreamOwner, _ storage: KeyValueStorageConfiguration, _ stores: StoreRegistry) {
        if case .fileBased(let configuration) = storage.method { stores.declare(owner, at: configuration.path) }
    }

    /// nil for workers that have no part of their own in this version.
    private func make(_ entry: WorkerEntry, stores: StoreRegistry) throws -> (any Worker)? {
        switch entry.type {
        case "iii-engine-functions":
            EngineFunctionsWorker(engineVersion: EngineVersion.string)
        case "iii-worker-manager":
            WorkerManager(
                options: WorkerListener.Options(try entry.decode(WorkerManagerConfiguration.init)),
                group: group
            )
        case "iii-http":
            HTTPWorker(configuration: try entry.decode(HTTPConfiguration.init), group: group)
        case "iii-state":
            try makeState(entry, stores: stores)
        case "iii-pubsub":
            try makePubSub(entry)
        case "iii-stream":
            try makeStream(entry, stores: stores)
        case "iii-observability":
            warnOfExporters(entry)
        default:
            nil
        }
    }

    /// Telemetry is taken from SDKs and not exported yet: a block that asks for it must not be ignored in silence.
    private func warnOfExporters(_ entry: WorkerEntry) -> (any Worker)? {
        for field in ["exporter", "metrics_exporter", "logs_exporter"] {
            guard let exporter = entry.config?[field]?.string, exporter != "memory" else { continue }
            logger.warning(
                "this version exports no telemetry: the setting has no effect",
                metadata: ["worker": "\(entry.name)", "field": "\(field)", "value": "\(exporter)"]
            )
        }
        return nil
    }

    // MARK: Pub/sub

    private func makePubSub(_ entry: WorkerEntry) throws -> PubSubWorker {
        // Every name that decodes is served: there is one adapter.
        try PubSubWorker(configuration: try entry.decode(PubSubConfiguration.init)) { _ in LocalPubSubAdapter() }
    }

    // MARK: State

    private func makeState(_ entry: WorkerEntry, stores: StoreRegistry) throws -> StateWorker {
        let configuration = try entry.decode(StateConfiguration.init)
        do {
            let adapter = try stateAdapter(configuration.storage, for: entry.name, stores: stores)
            return StateWorker(configuration: configuration, adapter: adapter)
        } catch {
            throw ConfigurationError.creating(entry.name, error)
        }
    }

    private func stateAdapter(
        _ storage: KeyValueStorageConfiguration,
        for worker: String,
        stores: StoreRegistry
    ) throws -> any StateAdapter {
        guard let store = try open(storage, for: worker, stores: stores) else { return InMemoryStateAdapter() }
        try store.adoptUpstreamVolume(.state, owners: stores.owners(of: store), for: worker)
        return DurableStateAdapter(store: store, loop: loop)
    }

    /// nil: in memory.
    private func open(
        _ storage: KeyValueStorageConfiguration,
        for worker: String,
        stores: StoreRegistry
    ) throws -> SharedStore? {
        switch storage.method {
        case .inMemory:
            Logger(label: "iii::adapters::kv").warning("\(KeyValueStorageConfiguration.inMemoryWarning)")
            return nil
        case .fileBased(let configuration):
            if storage.saveIntervalMilliseconds != nil {
                logger.info("save_interval_ms is superseded: every acknowledged write is on disk already")
            }
            return try stores.open(configuration, for: worker)
        }
    }

    // MARK: Streams

    private func makeStream(_ entry: WorkerEntry, stores: StoreRegistry) throws -> StreamWorker {
        let configuration = try entry.decode(StreamConfiguration.init)
        do {
            let adapter = try streamAdapter(configuration, for: entry.name, stores: stores)
            return StreamWorker(configuration: configuration, adapter: adapter, group: group)
        } catch {
            throw ConfigurationError.creating(entry.name, error)
        }
    }

    private func streamAdapter(
        _ configuration: StreamConfiguration,
        for worker: String,
        stores: StoreRegistry
    ) throws -> any StreamAdapter {
        guard let store = try open(configuration.storage, for: worker, stores: stores) else {
            let name = String(UInt64.random(in: .min ... .max), radix: 16)
            return InMemoryStreamAdapter(configuration: configuration, loop: loop, clock: .system, store: name)
        }
        try store.adoptUpstreamVolume(.stream, owners: stores.owners(of: store), for: worker)
        return try DurableStreamAdapter(store: store, loop: loop, configuration: configuration, clock: .system)
    }

    func storageOptions() -> StorageOptions {
        var options = StorageOptions()
        options.deliver = { [loop] resume in loop.execute(resume) }
        options.onWarning = { text in Logger(label: "iii::storage").warning("\(text)") }
        options.onFailure = { error in
            // Nothing that was acknowledged is in doubt, but nothing can be acknowledged any more: a supervisor has to
            // restart the engine, which then recovers from the disk itself (storage.md §5.8).
            Logger(label: "iii::storage").critical(
                "store is no longer durable; the engine exits",
                metadata: ["error": "\(error)"]
            )
            Process.printError("\(error)")
            _exit(Server.durabilityLostExitCode)
        }
        return options
    }
}
