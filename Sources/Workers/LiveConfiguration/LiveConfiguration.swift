import Engine
import Logging
import NIOCore

/// The common protocol by which a built-in worker takes its configuration from the `configuration` worker, at its start
/// and whenever the stored value changes (configuration-worker.md §8).
///
/// Nothing here stops the engine: without a `configuration` worker, with a broken value or a hanging call the worker
/// goes on with what it has. Applies are serialised; one that timed out is tried once more.
final class LiveConfiguration {
    /// When a change whose call timed out is tried again.
    static let retryDelay = TimeAmount.seconds(5)

    /// Takes a stored value into use, all or nothing: a failed future means that nothing has changed. Must complete;
    /// the next change waits for it. A `ConfigurationError` is worded as a malformed value.
    typealias Apply = (ConfigBlock) -> EventLoopFuture<Void>

    let engine: Engine
    let entry: ConfigurationEntry
    let bus: ConfigurationBus
    let logger: Logger
    private let worker: String
    private let apply: Apply

    private enum State { case idle, running, stopped }

    private var state = State.idle
    private var isApplying = false
    /// Changes that have been reported and not been read yet: one apply serves them all.
    private var waiting: [Reply] = []
    private var retry: Scheduled<Void>?

    /// `worker` is the type name that discovery shows as the handler function's owner.
    init(engine: Engine, worker: String, entry: ConfigurationEntry, logger: Logger, apply: @escaping Apply) {
        self.engine = engine
        self.worker = worker
        self.entry = entry
        self.logger = logger
        self.apply = apply
        bus = ConfigurationBus(engine: engine)
    }

    var handlerID: String { "\(entry.id)::on-config-change" }

    /// Phase A of the boot: registers `<id>::on-config-change`.
    func initialize() {
        let description = FunctionDescription(
            id: handlerID,
            description: "Reads the stored \(entry.id) configuration again",
            metadata: RawJSON(["internal": true])
        )
        engine.register(description, worker: worker) { [weak self] _, reply in
            guard let self else { return reply(.success(nil)) }
            self.changed(reply)
        }
    }

    /// Phase B: registers the entry, adopts the stored value, watches for changes. Completes when the stored value is
    /// in use, or can't be; never fails. Does nothing when nobody serves `configuration::*`.
    func start() -> EventLoopFuture<Void> {
        state = .running
        guard bus.serves("configuration::register"), bus.serves("configuration::get") else {
            logger.debug("\(entry.id): no configuration worker; using static configuration")
            return engine.loop.makeSucceededVoidFuture()
        }
        isApplying = true
        return registerEntry()
            .assumeIsolated()
            .flatMap { self.applyStored() }
            .flatMapError { error in
                self.logger.warning(
                    "\(self.entry.id): failed to read configuration; continuing with static config",
                    metadata: ["error": "\(self.wording(of: error))"]
                )
                return self.engine.loop.makeSucceededVoidFuture()
            }
            .map {
                self.isApplying = false
                guard self.state == .running else { return }
                self.watch()
                // Catches what was stored before the watch.
                self.waiting.append { _ in }
                self.applyNext()
            }
            .nonisolated()
    }

    /// No apply begins from here on.
    func stop() {
        state = .stopped
        retry?.cancel()
        retry = nil
        let unserved = waiting
        waiting = []
        for reply in unserved { reply(.success(entry.answer)) }
    }

    // MARK: Changes

    private func changed(_ reply: @escaping Reply) {
        guard state == .running, bus.serves("configuration::get") else { return reply(.success(entry.answer)) }
        waiting.append(reply)
        applyNext()
    }

    private func applyNext(isRetry: Bool = false) {
        guard state == .running, !isApplying, isRetry || !waiting.isEmpty else { return }
        isApplying = true
        retry?.cancel()
        retry = nil
        let served = waiting
        waiting = []
        applyStored().assumeIsolated().whenComplete { result in
            self.isApplying = false
            self.report(result, isRetry: isRetry)
            for reply in served { reply(.success(self.entry.answer)) }
            self.applyNext()
        }
    }

    private func applyStored() -> EventLoopFuture<Void> {
        bus.value(of: entry.id)
            .assumeIsolated()
            .flatMap { block in
                guard self.state == .running else { return self.engine.loop.makeSucceededVoidFuture() }
                guard let block else {
                    self.logger.info("no `\(self.entry.id)` configuration value stored; using static configuration")
                    return self.engine.loop.makeSucceededVoidFuture()
                }
                return self.apply(block)
            }
            .nonisolated()
    }

    private func report(_ result: Result<Void, any Error>, isRetry: Bool) {
        guard case .failure(let error) = result else {
            return logger.info("\(entry.id) configuration re-applied after change")
        }
        if case .timedOut? = error as? ConfigurationBus.Failure, !isRetry, waiting.isEmpty, state == .running {
            logger.error("\(entry.id): configuration apply timed out; retrying once in 5s")
            retry = engine.loop.assumeIsolated().scheduleTask(in: Self.retryDelay) { self.applyNext(isRetry: true) }
            return
        }
        logger.error(
            "\(entry.id): failed to apply changed configuration; keeping previous config",
            metadata: ["error": "\(wording(of: error))"]
        )
    }

    private func wording(of error: any Error) -> String {
        guard let error = error as? ConfigurationError else { return "\(error)" }
        return "stored `\(entry.id)` configuration is invalid: \(error.message)"
    }
}
