import Logging
import NIOCore

/// Boot and shutdown of the whole engine, in order (config-file.md §6, §12).
public final class Lifecycle {
    /// How long a graceful stop may take; container runtimes kill after 10 s.
    public static let defaultShutdownSeconds: Int64 = 8
    /// The engine has served every worker's last writes when it has been idle for this long.
    static let quietPeriod = TimeAmount.milliseconds(200)

    fileprivate enum State {
        case idle
        case running
        case stopping
        case stopped
    }

    /// One worker with the id that its config.yaml entry got.
    public struct Entry {
        let instanceID: String
        public let worker: any Worker
        let isMandatory: Bool

        public init(instanceID: String, worker: any Worker, isMandatory: Bool) {
            self.instanceID = instanceID
            self.worker = worker
            self.isMandatory = isMandatory
        }
    }

    public let engine: Engine
    private let entries: [Entry]
    private var state = State.idle
    private let logger = Logger(label: "iii::engine")

    /// `entries` in the order in which they boot: listeners last, so that clients never see a half-started engine.
    public init(engine: Engine, entries: [Entry]) {
        self.engine = engine
        self.entries = entries
    }

    /// Phase A: every worker registers its functions and trigger types. Phase B: listeners are bound. Any failure
    /// ends the boot.
    public func boot() -> EventLoopFuture<Void> {
        precondition(state.isIdle, "boot is called once")
        state = .running
        do {
            for entry in entries { try initialize(entry) }
        } catch {
            return engine.loop.makeFailedFuture(error)
        }
        return start(entries[...])
    }

    private func initialize(_ entry: Entry) throws {
        do {
            try entry.worker.initialize(engine)
        } catch {
            throw BootError("failed to initialize worker '\(entry.instanceID)': \(error)")
        }
        engine.instances.append(
            WorkerInstance(
                worker: entry.worker,
                instanceID: entry.instanceID,
                isMandatory: entry.isMandatory,
                startedAtMilliseconds: engine.nowMilliseconds
            )
        )
    }

    private func start(_ remaining: ArraySlice<Entry>) -> EventLoopFuture<Void> {
        guard let next = remaining.first else { return engine.loop.makeSucceededVoidFuture() }
        return next.worker.start(engine)
            .flatMapErrorThrowing { [id = next.instanceID] error in
                throw BootError("failed to start worker '\(id)': \(error)")
            }
            .assumeIsolated()
            .flatMap { self.start(remaining.dropFirst()) }
            .nonisolated()
    }

    /// Stops accepting, lets what runs finish, serves the workers' own last writes, tells workers to reconnect later
    /// (1012), closes the stores. Ends by the deadline whatever anybody does.
    public func shutdown(within limit: TimeAmount = .seconds(defaultShutdownSeconds)) -> EventLoopFuture<Void> {
        guard case .running = state else { return engine.loop.makeSucceededVoidFuture() }
        state = .stopping
        logger.warning("Shutting down engine and destroying workers")
        let deadline = engine.loop.now + limit
        let drained = entries.map { $0.worker.drain(engine, until: deadline) }
        let finished = EventLoopFuture.andAllComplete(drained, on: engine.loop)
            .assumeIsolated()
            .flatMap { self.waitForQuiet(until: deadline - .seconds(1)) }
            .nonisolated()
        return finished.orTimeout(after: limit - .seconds(1))
            .assumeIsolated()
            .flatMap { () -> EventLoopFuture<Void> in
                self.closeConnections()
                return EventLoopFuture.andAllComplete(
                    self.entries.map { $0.worker.stop(self.engine) },
                    on: self.engine.loop
                )
            }
            .map {
                self.state = .stopped
                self.logger.warning("Engine shutdown complete")
            }
            .nonisolated()
    }

    /// Waits until no invocation has been in flight for the quiet period.
    private func waitForQuiet(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let isBusy = engine.hasActiveInvocations
        guard engine.loop.now < deadline, isBusy || !engine.connections.isEmpty else {
            return engine.loop.makeSucceededVoidFuture()
        }
        let before = engine.routedInvocations
        let promise = engine.loop.makePromise(of: Void.self)
        engine.loop.assumeIsolated().scheduleTask(in: Self.quietPeriod) {
            let isQuiet = self.engine.routedInvocations == before && !self.engine.hasActiveInvocations
            if isQuiet { promise.succeed() } else { self.waitForQuiet(until: deadline).cascade(to: promise) }
        }
        return promise.futureResult
    }

    private func closeConnections() {
        for connection in Array(engine.connections.values) {
            connection.socket.close(code: 1012, reason: "engine restart")
        }
        for (socket, _) in Array(engine.telemetrySockets.values) {
            socket.close(code: 1012, reason: "engine restart")
        }
    }
}

extension EventLoopFuture where Value == Void {
    /// Completes with this future or after `limit`, whichever is first.
    fileprivate func orTimeout(after limit: TimeAmount) -> EventLoopFuture<Void> {
        let first = eventLoop.makePromise(of: Void.self)
        var isDone = false
        let finish = {
            guard !isDone else { return }
            isDone = true
            first.succeed()
        }
        let timeout = eventLoop.assumeIsolated().scheduleTask(in: limit) { finish() }
        assumeIsolated().whenComplete { _ in
            timeout.cancel()
            finish()
        }
        return first.futureResult
    }
}

extension Lifecycle.State {
    var isIdle: Bool {
        if case .idle = self { true } else { false }
    }
}

extension Engine {
    /// Whether a call is in flight or a frame is still on its way to a worker.
    var hasActiveInvocations: Bool {
        budget.usedBytes > 0 || connections.values.contains { $0.activeInvocations > 0 }
    }
}

/// Why the engine did not start; printed as `Error: <description>`.
public struct BootError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
