import CPlatform
import Glibc
import Synchronization

/// A durable ordered key/value store with atomic multi-record transactions: one directory, one log, one sync for
/// everybody who waits (storage.md §1).
///
/// What was acknowledged is on disk; what a read shows is on disk. Thread-safe. A path can be open once per process.
public final class Store: Sendable {
    /// Names in the directory that are the store's.
    public static let fileNames: Set<String> = LogDirectory.names

    /// What opening it found and did.
    public let recovery: RecoveryReport

    private let log: LogStore<PosixIO>
    private let lock: DirectoryLock
    private let writerWakeUp: WakeUp
    private let spareWakeUp: WakeUp
    private let checkpointWakeUp: WakeUp
    private let scrubWakeUp: WakeUp
    private let isStopping: StopFlag
    private let threads: [WorkerThread]
    private let ending = Mutex(Ending.open)

    private enum Ending: Sendable {
        case open
        /// By a thread; others wait for it.
        case closing(by: pthread_t, waiting: [WakeUp])
        case closed(Result<Void, StorageError>)
    }

    /// Opens or creates the store in a directory, which is created with its parents.
    ///
    /// Throws a `StorageError` that names the absolute path and what to do; never starts empty in place of damaged data.
    public static func open(path: String, options: StorageOptions = .init()) throws(StorageError) -> Store {
        let root = try StoreDirectory.prepare(path)
        let warnings = try StoreDirectory.judgeFilesystem(root, allowNetwork: options.allowNetworkFilesystem)
        let lock = try DirectoryLock.take(LogDirectory(root: root))
        do {
            let io = PosixIO()
            var opening = LogOpening(io: io, root: root, options: options) { store, create throws(StorageError) in
                try LMDBSnapshot.open(LogDirectory(root: root), options, store: store, create: create)
            }
            opening.warnings = warnings + lock.warnings
            opening.lock = lock.file
            let log = LogStore(options: options, io: io, opened: try opening.run())
            log.settleOpening()
            return try Store(log, lock)
        } catch {
            lock.release()
            throw error
        }
    }

    private init(_ log: LogStore<PosixIO>, _ lock: DirectoryLock) throws(StorageError) {
        let writerWakeUp = WakeUp()
        let spareWakeUp = WakeUp()
        let checkpointWakeUp = WakeUp()
        let scrubWakeUp = WakeUp()
        let isStopping = StopFlag()
        var started: [WorkerThread] = []
        do {
            if let scrub = log.snapshot.scrub, log.options.scrubIntervalNanoseconds > 0 {
                scrub.load(
                    log.snapshot.row,
                    store: log.writer.withLock { $0.log.store },
                    now: log.options.clock.wallNanoseconds()
                )
                started.append(
                    try WorkerThread(name: "iii-scrub") {
                        ScrubLoop(log: log, scrub: scrub, wakeUp: scrubWakeUp, isStopping: isStopping).run()
                    }
                )
            }
            started.append(
                try WorkerThread(name: "iii-log-spare") {
                    SpareLoop(log: log, wakeUp: spareWakeUp, isStopping: isStopping).run()
                }
            )
            started.append(
                try WorkerThread(name: "iii-checkpoint") {
                    CheckpointLoop(
                        log: log,
                        wakeUp: checkpointWakeUp,
                        spareWakeUp: spareWakeUp,
                        isStopping: isStopping
                    ).run()
                }
            )
            started.append(
                try WorkerThread(name: "iii-log-writer") {
                    WriterLoop(
                        log: log,
                        wakeUp: writerWakeUp,
                        spareWakeUp: spareWakeUp,
                        checkpointWakeUp: checkpointWakeUp,
                        isStopping: isStopping
                    ).run()
                }
            )
        } catch {
            // Ends those that were started.
            isStopping.set()
            spareWakeUp.post()
            checkpointWakeUp.post()
            scrubWakeUp.post()
            for thread in started { thread.join() }
            log.snapshot.close()
            throw .openFailed(error)
        }
        threads = started.reversed()
        recovery = log.recovery
        self.log = log
        self.lock = lock
        self.writerWakeUp = writerWakeUp
        self.spareWakeUp = spareWakeUp
        self.checkpointWakeUp = checkpointWakeUp
        self.scrubWakeUp = scrubWakeUp
        self.isStopping = isStopping
        // For the reserve.
        spareWakeUp.post()
    }

    deinit {
        try? close()
    }

    /// Everything up to here survives a power cut.
    public var durableLSN: LSN { log.gate.durableLSN }

    /// Plain counters.
    public var metrics: StoreMetrics { log.metrics }

    /// Runs `body` in commit order under the store's lock: it sees all earlier transactions, its effects are atomic.
    ///
    /// Throwing from `body` discards everything it did and passes the error on. Throws a `StorageError` of its own when
    /// nothing was done: `.overloaded` and `.lowSpace` (retryable), `.tooLarge`, `.durabilityLost`, `.closed`.
    public func commit<R: Sendable>(_ body: (inout Transaction) throws -> R) throws -> Pending<R> {
        var wakesWriter = false
        let pending = try log.commit(body, &wakesWriter)
        if wakesWriter { writerWakeUp.post() }
        return pending
    }

    /// A consistent read; the result is released when everything it saw is durable, at once in the common case.
    ///
    /// After `close` the result is `.closed`, whatever the body found.
    public func read<R: Sendable, Failure: Error>(
        _ body: (borrowing ReadView) throws(Failure) -> R
    ) throws(Failure) -> Pending<R> {
        try log.read(body)
    }

    /// `commit` would refuse with `.overloaded` now.
    public var isSaturated: Bool { log.core.withLock { $0.isSaturated } }

    /// The disk is full: `commit` takes deletes only.
    public var isLowSpace: Bool { log.core.withLock { $0.isLowSpace } }

    /// Calls back once, when half of the bound is free again or the store fails; in place if it is not saturated.
    public func whenUnsaturated(_ body: @escaping @Sendable () -> Void) {
        if !log.core.withLock({ $0.callWhenUnsaturated(body) }) { body() }
    }

    /// Same, for a thread that may block.
    public func waitUntilUnsaturated() {
        let wakeUp = WakeUp()
        whenUnsaturated { wakeUp.post() }
        wakeUp.wait(nanoseconds: nil)
    }

    /// Takes everything committed so far from the log into the snapshot, and returns when that is durable.
    ///
    /// Checkpoints come by themselves (`StorageOptions.checkpointLogBytes`); one on demand makes the next opening quick.
    /// Throws `.lowSpace` when there is no room, `.closed`, or what failed the store. Blocks the calling thread.
    public func checkpoint() throws(StorageError) {
        let done = WakeUp()
        let outcome = Mutex<StorageError?>(nil)
        log.requestCheckpoint { error in
            outcome.withLock { $0 = error }
            done.post()
        }
        checkpointWakeUp.post()
        done.wait(nanoseconds: nil)
        if let error = outcome.withLock({ $0 }) { throw error }
    }

    /// Copies the store to `path`, which must not exist, while it goes on; every byte written is read back and compared.
    ///
    /// Holds everything that was durable when it began. `progress` gets the bytes copied so far. Blocks the calling
    /// thread; no checkpoint removes log meanwhile. An interrupted backup leaves `path.partial`, which the next one
    /// removes. Throws `.closed` if the store closes and it isn't done a few seconds later.
    public func backup(to path: String, progress: (UInt64) -> Void = { _ in }) throws(StorageError) -> BackupReport {
        let target = try StoreDirectory.absolutePath(path)
        return try log.backup(to: target, progress)
    }

    /// Writes what is pending, takes it into the snapshot, marks the log as closed cleanly and gives the directory up.
    /// Idempotent: later calls wait for the first, and return or throw what it did.
    ///
    /// Waits at most `BackupClaims.closeNanoseconds` for backups, then cancels them. Any thread, any callback: within a
    /// callback that runs while the store closes it throws `.closed`, since that callback is what closing waits for.
    public func close() throws(StorageError) {
        let wakeUp = WakeUp()
        while true {
            switch beginClosing(wakeUp) {
            case .first:
                let result = stop()
                let waiting = ending.withLock { ending in
                    defer { ending = .closed(result) }
                    guard case .closing(_, let waiting) = ending else { return [] as [WakeUp] }
                    return waiting
                }
                for waiter in waiting { waiter.post() }
                return try result.get()
            case .done(let result): return try result.get()
            case .wait: wakeUp.wait(nanoseconds: nil)
            case .inside: throw .closed(log.directory)
            }
        }
    }

    private enum Turn: Sendable {
        case first
        case wait
        /// A thread that closing waits for.
        case inside
        case done(Result<Void, StorageError>)
    }

    private func beginClosing(_ wakeUp: WakeUp) -> Turn {
        let caller = pthread_self()
        return ending.withLock { ending in
            switch ending {
            case .open:
                ending = .closing(by: caller, waiting: [])
                return .first
            case .closing(let closer, let waiting):
                let isInside = pthread_equal(closer, caller) != 0 || threads.contains { $0.isCurrent }
                guard !isInside else { return .inside }
                ending = .closing(by: closer, waiting: waiting + [wakeUp])
                return .wait
            case .closed(let result): return .done(result)
            }
        }
    }

    private func stop() -> Result<Void, StorageError> {
        // A backup that did not end has the files open.
        defer { log.backups.whenOver { [lock] in lock.release() } }
        do throws(StorageError) {
            try log.stop {
                isStopping.set()
                writerWakeUp.post()
                spareWakeUp.post()
                checkpointWakeUp.post()
                scrubWakeUp.post()
                for thread in threads { thread.join() }
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}
