import Synchronization

/// Core, gate and writer of one open store over any file system. Starts no thread: `Store` drives it with threads, the
/// simulated tests call its steps one by one.
final class LogStore<IO: StorageIO>: Sendable {
    let options: StorageOptions
    let io: IO
    let directory: LogDirectory
    let recovery: RecoveryReport
    let core: Mutex<CommitCore>
    let gate: DurabilityGate
    let preparer: SegmentPreparer<IO>
    let writer: Mutex<WriterState<IO>>
    /// Apart from the writer's state, which is held during a sync.
    let counters = Mutex(StoreMetrics(segments: 1))
    /// Not yet told.
    let warnings = Mutex<[String]>([])

    init(options: StorageOptions, io: IO, opened: OpenedLog<IO>) {
        self.options = options
        self.io = io
        directory = opened.writer.directory
        recovery = opened.report
        preparer = opened.preparer
        let core = CommitCore(tables: opened.tables, nextLSN: opened.writer.nextLSN, limits: CommitLimits(options))
        core.segmentRoom = opened.writer.room
        gate = DurabilityGate(durable: core.lastLSN, deliver: options.deliver)
        self.core = Mutex(core)
        writer = Mutex(WriterState(log: opened.writer, sizing: opened.sizing))
    }

    /// True in the second place: the writer must be woken.
    func commit<R: Sendable>(_ body: (inout Transaction) throws -> R) throws -> (pending: Pending<R>, wakesWriter: Bool)
    {
        let committed = try core.withLock { core in try core.commit(body) }
        return (Pending(committed.result, lsn: committed.lsn, gate: gate, isRead: false), committed.wakesWriter)
    }

    func read<R: Sendable, Failure: Error>(
        _ body: (borrowing ReadView) throws(Failure) -> R
    ) throws(Failure) -> Pending<R> {
        let (value, seen) = try core.withLock { (core) throws(Failure) -> (R, UInt64) in
            let view = ReadView(core: core)
            let value = try body(view)
            return (value, core.seenLSN)
        }
        return Pending(value, lsn: LSN(rawValue: seen), gate: gate, isRead: true)
    }

    var metrics: StoreMetrics {
        var metrics = counters.withLock { $0 }
        metrics.waiters = gate.waiterCount
        core.withLock { core in
            metrics.pendingBytes = core.pendingBytes
            metrics.pendingTransactions = core.pendingTransactions
            metrics.isLowSpace = core.isLowSpace
            metrics.refusals = core.refusals
        }
        return metrics
    }
}

/// What the writer owns between its steps.
struct WriterState<IO: StorageIO>: Sendable {
    var log: LogWriter<IO>
    var sizing: SegmentSizing
    /// Taken from the core, not yet written: only while the disk is full.
    var backlog: [BatchBuffer] = []
    var spareRequestedFor = SegmentNumber.none
    /// Failed or closed: nothing is written any more.
    var hasStopped = false

    init(log: LogWriter<IO>, sizing: SegmentSizing) {
        self.log = log
        self.sizing = sizing
    }
}
