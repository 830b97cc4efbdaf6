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
    let counters: Mutex<StoreMetrics>
    /// Not yet told.
    let warnings = Mutex<[String]>([])
    let snapshot: any SnapshotStore
    let checkpointSchedule: CheckpointSchedule
    let checkpoints = Mutex(CheckpointState())
    let space = Mutex(SpaceJudgement())
    /// nil: nobody else can know of the directory yet.
    let hold: DirectoryHold<IO>?
    /// The process lacks descriptors or memory; somebody was told.
    let isShortOfResources = Mutex(false)
    let isCheckpointShort = Mutex(false)
    let backups = BackupRegistry()
    let readerWatch = Mutex(ReaderWatch())

    init(options: StorageOptions, io: IO, opened: OpenedLog<IO>) {
        self.options = options
        self.io = io
        directory = opened.writer.directory
        recovery = opened.report
        preparer = opened.preparer
        hold = opened.writer.hold
        counters = Mutex(StoreMetrics(segments: opened.writer.segment == nil ? 0 : 1))
        snapshot = opened.snapshot
        checkpointSchedule = CheckpointSchedule(options)
        let core = CommitCore(
            live: opened.overlay,
            logBytes: opened.replayedBytes,
            snapshot: opened.snapshot,
            nextLSN: opened.writer.nextLSN,
            limits: CommitLimits(options)
        )
        core.segmentRoom = opened.writer.room
        gate = DurabilityGate(durable: core.lastLSN, deliver: options.deliver)
        self.core = Mutex(core)
        writer = Mutex(WriterState(log: opened.writer, sizing: opened.sizing, files: opened.files))
        counters.withLock { $0.recordFiles(opened.files) }
        judgeSpace()
    }

    /// `wakesWriter`: set if the writer must be woken. What is told beside a result goes through variables: a tuple with a
    /// generic part is a type that each call would have to look up.
    func commit<R: Sendable>(_ body: (inout Transaction) throws -> R, _ wakesWriter: inout Bool) throws -> Pending<R> {
        var lsn = LSN.zero
        do {
            let result = try core.withLock { core in
                let result = try core.commit(body, &wakesWriter)
                lsn = core.lastLSN
                return result
            }
            return Pending(result, lsn: lsn, gate: gate, isRead: false)
        } catch let error as StorageError where error.row == .r17 || error.row == .r16 {
            reportDamage(error)
            throw error
        }
    }

    func read<R: Sendable, Failure: Error>(
        _ body: (borrowing ReadView) throws(Failure) -> R
    ) throws(Failure) -> Pending<R> {
        var seen: UInt64 = 0
        var failure: StorageError?
        let value = try core.withLock { (core) throws(Failure) -> R in
            core.readFailure = core.isClosed ? .closed(directory) : nil
            defer { core.snapshot.endRead() }
            let view = ReadView(core: core)
            let value = try body(view)
            seen = core.seenLSN
            failure = core.readFailure
            return value
        }
        // A lack of memory passes.
        if let failure, failure.code != .closed, failure.code != .overloaded { reportDamage(failure) }
        return Pending(value, lsn: LSN(rawValue: seen), gate: gate, isRead: true, failure: failure)
    }

    /// A row of the snapshot is damaged: nothing more is written on top of it; reads of other rows go on (§5.8).
    ///
    /// No checkpoint follows, no segment is retired, and closing leaves the files as they are: the log may hold the only
    /// sound copy of the row, and salvage must find it. What was committed before goes on into the log.
    func reportDamage(_ error: StorageError) {
        let (isNew, unsaturated) = core.withLock { $0.refuse(error) }
        // Writers that wait for room would wait for a checkpoint.
        for callback in unsaturated { callback() }
        guard isNew else { return }
        checkpoints.withLock { $0.isDamaged = true }
        stopCheckpoints(error)
        warn("\(error)")
        tellWarnings()
    }

    /// Takes no lock that is held during a sync: may be read where nothing may block.
    var metrics: StoreMetrics {
        var metrics = counters.withLock { $0 }
        metrics.waiters = gate.waiterCount
        core.withLock { core in
            metrics.pendingBytes = core.pendingBytes
            metrics.pendingTransactions = core.pendingTransactions
            metrics.isLowSpace = core.isLowSpace
            metrics.refusals = core.refusals
            metrics.overlayBytes = core.live.bytes + (core.frozen?.bytes ?? 0)
            metrics.lastLSN = core.lastLSN
            metrics.durableLSN = min(core.lastLSN, gate.durableLSN)
            metrics.durableLag = metrics.lastLSN.rawValue - metrics.durableLSN.rawValue
        }
        metrics.isShortOfResources = isShortOfResources.withLock { $0 } || isCheckpointShort.withLock { $0 }
        metrics.snapshot = snapshot.size
        metrics.checkpointLSN = snapshot.row?.position.lsn ?? .zero
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
    /// All segments on disk, in order; the last is the active one.
    var files: [LogFile]
    /// Behind the batch that the checkpoint in progress ends with.
    var checkpointEnd: LogEnd?

    init(log: LogWriter<IO>, sizing: SegmentSizing, files: [LogFile]) {
        self.log = log
        self.sizing = sizing
        self.files = files
    }
}
