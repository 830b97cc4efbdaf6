/// The commit state machine: validates nothing of its own, orders everything (storage.md §5.6 step 1). No I/O, no waiting.
///
/// `@unchecked Sendable`: a core is reachable only through the `Mutex` of its `LogStore`; every access happens inside
/// `withLock`. (A plain class in a `Mutex` would do if the bodies of transactions were `sending`, which would forbid
/// callers to capture their own state in them.)
final class CommitCore: @unchecked Sendable {
    let limits: CommitLimits
    /// Changes since the last checkpoint began.
    private(set) var live: Overlay
    /// The changes of the checkpoint in progress; nobody changes them any more.
    private(set) var frozen: Overlay?
    let snapshot: any SnapshotStore
    /// The next record's position.
    private(set) var nextLSN: LSN
    private(set) var open = BatchBuffer()
    private var closed: [BatchBuffer] = []
    private var pool: [BatchBuffer] = []

    /// Taken by the writer, not yet durable.
    private var writingBytes = 0
    private var writingTransactions = 0
    /// Transactions in `open` and `closed`.
    private(set) var waitingTransactions = 0
    private var closedBytes = 0
    /// Transactions that waited when the first batch taken last became durable.
    private(set) var waitingAtRelease: Int?

    /// Why commits are refused, if they are.
    private(set) var refusal: StorageError?
    /// The snapshot is given up: nothing is read any more.
    private(set) var isClosed = false
    private(set) var isLowSpace = false
    /// Room left in the active segment, as the writer last said.
    var segmentRoom = 0
    /// While the disk is full: it still has room for a small segment.
    var canRotate = false
    /// Room for more content, as `judgeSpace` last said.
    var roomBytes = Int.max
    /// Log written since the last checkpoint began, and before that since the one that is in progress.
    private(set) var liveLogBytes = 0
    private(set) var frozenLogBytes = 0
    /// How far an undone checkpoint is back in the live generation.
    private var thawing: Absorption?
    /// As of the last checkpoint.
    private var snapshotSize: SnapshotSize
    /// Contiguous pages that the largest value of the latest frozen generation needed: the next ones will resemble it.
    private var largestFrozenPages = 1
    /// With nothing to be written, one large value of the past doesn't count.
    private static let usualValuePages = 16
    private(set) var refusals: UInt64 = 0
    private var whenUnsaturated: [@Sendable () -> Void] = []

    /// The writer sleeps until this many transactions wait.
    var wakeWriterAt = 1
    var undo: [UndoStep] = []
    var scratch = TransactionScratch()
    /// Highest LSN that the read or transaction in progress has seen.
    var seenLSN: UInt64 = 0
    /// Why what the read or transaction in progress found can't be trusted.
    var readFailure: StorageError?

    init(live: Overlay, logBytes: Int, snapshot: any SnapshotStore, nextLSN: LSN, limits: CommitLimits) {
        self.live = live
        snapshotSize = snapshot.size
        liveLogBytes = logBytes
        self.snapshot = snapshot
        self.nextLSN = nextLSN
        self.limits = limits
    }

    var lastLSN: LSN { LSN(rawValue: nextLSN.rawValue - 1) }
    var openBytes: Int { closedBytes + open.payloadBytes }
    var pendingBytes: Int { openBytes + writingBytes }
    var pendingTransactions: Int { waitingTransactions + writingTransactions }
    var isSaturated: Bool {
        pendingBytes >= limits.pendingBytes || pendingTransactions >= limits.pendingTransactions || isOverlayFull
    }
    /// Changes come faster than checkpoints take them: memory is bounded, so writers wait.
    ///
    /// While the disk is full nobody waits for that: puts are refused anyway, and deletes are what lets a checkpoint fit.
    private var isOverlayFull: Bool {
        guard !isLowSpace else { return false }
        return live.bytes >= limits.overlayBytes || live.touchedBytes(snapshotSize) >= limits.dirtyBytes
            || liveLogBytes + frozenLogBytes >= limits.logBytes
    }

    func takeLSN() -> LSN {
        defer { nextLSN.rawValue += 1 }
        return nextLSN
    }

    /// Runs one transaction: all of it, or nothing. `wakesWriter`: set if the writer must be woken.
    func commit<R>(_ body: (inout Transaction) throws -> R, _ wakesWriter: inout Bool) throws -> R {
        try admit()
        closeOpenBatchIfFull()
        let start = TransactionStart(bytes: open.count, records: open.recordCount, nextLSN: nextLSN)
        scratch = TransactionScratch()
        undo.removeAll(keepingCapacity: true)
        readFailure = nil
        defer {
            snapshot.endRead()
            snapshot.trimMapped()
        }
        var transaction = Transaction(core: self)
        let result: R
        do {
            result = try body(&transaction)
            if let readFailure { throw readFailure }
            try checkLimits(since: start)
        } catch {
            rollBack(to: start)
            throw error
        }
        undo.removeAll(keepingCapacity: true)
        guard open.recordCount > start.records else { return result }
        if start.records == 0 { open.firstLSN = start.nextLSN }
        open.transactionCount += 1
        waitingTransactions += 1
        wakesWriter = takeWriterWakeUp()
        return result
    }

    private func takeWriterWakeUp() -> Bool {
        guard waitingTransactions >= wakeWriterAt else { return false }
        wakeWriterAt = Int.max
        return true
    }

    private func admit() throws(StorageError) {
        if let refusal { throw refusal }
        guard !isSaturated else {
            refusals += 1
            throw StorageError(
                .overloaded,
                isOverlayFull
                    ? "\(live.bytes + (frozen?.bytes ?? 0)) bytes of changes, \(liveLogBytes + frozenLogBytes) bytes of log, wait for a checkpoint; retry when the store is no longer saturated"
                    : "\(pendingBytes) bytes in \(pendingTransactions) transactions wait for the disk; retry when the store is no longer saturated"
            )
        }
    }

    private func checkLimits(since start: TransactionStart) throws(StorageError) {
        if let tooLarge = scratch.tooLarge { throw tooLarge }
        let bytes = open.count - start.bytes
        guard bytes <= limits.transactionBytes else {
            throw StorageError(
                .tooLarge,
                "a transaction of \(bytes) bytes exceeds the limit of \(limits.transactionBytes); split it"
            )
        }
        if scratch.hasPut, bytes > limits.softBatchBytes, bytes > roomBytes / 2 {
            // In the log and in the snapshot: accepted without that room it would wait, and everybody behind it.
            refusals += 1
            throw StorageError(.lowSpace, "the disk has no room for \(bytes) bytes; free some space and try again")
        }
        guard isLowSpace, bytes > 0 else { return }
        // Deletes go on while there is room for their records; only they make space.
        let needed = pendingBytes + bytes + LogLimits.lowSpaceMarginBytes
        let hasRoom = needed <= segmentRoom || canRotate && needed <= SegmentSizing.fullDiskBytes
        guard scratch.hasPut || !hasRoom else { return }
        refusals += 1
        throw StorageError(.lowSpace, "the disk is full; free some space, writing resumes by itself")
    }

    private func rollBack(to start: TransactionStart) {
        for step in undo.reversed() { step.revert(in: live) }
        undo.removeAll(keepingCapacity: true)
        open.truncate(to: start.bytes)
        open.recordCount = start.records
        nextLSN = start.nextLSN
    }

    private func closeOpenBatchIfFull() {
        guard open.payloadBytes >= limits.softBatchBytes else { return }
        closeOpenBatch()
    }

    private func closeOpenBatch() {
        closedBytes += open.payloadBytes
        closed.append(open)
        open = pool.popLast() ?? BatchBuffer()
    }
}

// Checkpoints.
extension CommitCore {
    /// Everything committed so far becomes the frozen generation, at a batch boundary. Returns the last batch
    /// that waits here; nil: the writer has them all.
    func freeze() -> BatchBuffer? {
        precondition(frozen == nil, "one checkpoint at a time")
        if !open.isEmpty { closeOpenBatch() }
        if isMutant(.checkpointSkipsTrims) { live.forgetTrims() }
        frozen = live
        largestFrozenPages = live.largestValuePages
        live = Overlay()
        frozenLogBytes = liveLogBytes
        liveLogBytes = 0
        return closed.last
    }

    /// The frozen generation is in the snapshot now. Returns it, since freeing tens of mebibytes takes tens of milliseconds
    /// that nobody should wait for, and whom to tell that there is room again.
    func dropFrozen() -> (gone: Overlay?, unsaturated: [@Sendable () -> Void]) {
        snapshotSize = snapshot.size
        let gone = frozen
        frozen = nil
        frozenLogBytes = 0
        return (gone, takeUnsaturatedCallbacks())
    }

    /// What one hold of the lock came to.
    enum Thaw {
        case more
        /// The generation that is empty now, to be freed without the lock.
        case done(Overlay?)
    }

    /// Entries that a piece moves: a fraction of a millisecond.
    static let thawedEntries = 256

    /// The snapshot has no room for the frozen generation: it goes back below the live one, where deletes can take out
    /// what doesn't fit. A piece at a time, because nobody may wait long for the lock; until the last one both generations
    /// are looked at as before.
    func thaw() -> Thaw {
        guard let older = frozen else { return .done(nil) }
        var progress = thawing ?? Absorption(of: older)
        guard live.absorb(older, &progress, limit: Self.thawedEntries) else {
            thawing = progress
            return .more
        }
        thawing = nil
        frozen = nil
        liveLogBytes += frozenLogBytes
        frozenLogBytes = 0
        return .done(older)
    }
}

// The writer's side.
extension CommitCore {
    /// Hands over everything that waits, in order.
    func takeBatches() -> [BatchBuffer] {
        if !open.isEmpty { closeOpenBatch() }
        let taken = closed
        closed.removeAll(keepingCapacity: true)
        writingBytes += closedBytes
        writingTransactions += waitingTransactions
        closedBytes = 0
        waitingTransactions = 0
        waitingAtRelease = nil
        return taken
    }

    /// Takes a durable batch's buffer back. Returns whom to tell that there is room again.
    func batchIsDurable(_ batch: BatchBuffer) -> [@Sendable () -> Void] {
        writingBytes -= batch.payloadBytes
        writingTransactions -= batch.transactionCount
        liveLogBytes += batch.storedBytes
        if waitingAtRelease == nil { waitingAtRelease = waitingTransactions }
        precondition(writingBytes >= 0 && writingTransactions >= 0, "a batch was completed twice")
        if pool.count < LogLimits.pooledBuffers && batch.capacity <= LogLimits.pooledBufferBytes {
            batch.reset()
            pool.append(batch)
        }
        return takeUnsaturatedCallbacks()
    }

    /// Returns whom to tell that waiting has ended.
    func setLowSpace(_ isLow: Bool, room: Int, canRotate: Bool) -> [@Sendable () -> Void] {
        isLowSpace = isLow
        self.canRotate = canRotate
        roomBytes = room
        return takeUnsaturatedCallbacks()
    }

    /// What checkpoints of everything accepted may write.
    func writtenBytes(_ snapshot: SnapshotSize) -> Int {
        live.writtenBytes(snapshot) + (frozen?.writtenBytes(snapshot) ?? 0)
    }

    /// Contiguous pages that the largest value to be written needs.
    var largestValuePages: Int {
        guard live.isEmpty && frozen == nil else { return max(live.largestValuePages, largestFrozenPages) }
        return min(largestFrozenPages, Self.usualValuePages)
    }

    /// Nothing is accepted any more. The first reason stays, but for lost durability, which is worse. Returns whom to tell
    /// that waiting has ended: from here on nobody can begin to.
    func refuse(_ error: StorageError, isFinal: Bool = false) -> (isNew: Bool, unsaturated: [@Sendable () -> Void]) {
        let isNew = refusal == nil || isFinal && refusal?.code != .durabilityLost
        if isNew { refusal = error }
        if isMutant(.refusalNotTold) { return (isNew, []) }
        return (isNew, takeAllUnsaturatedCallbacks())
    }

    /// Gives the snapshot up; reads are refused from now on.
    func close() {
        isClosed = true
        snapshot.close()
    }

    /// False: there is room, or there never will be; nothing was registered.
    func callWhenUnsaturated(_ body: @escaping @Sendable () -> Void) -> Bool {
        guard isSaturated && refusal == nil else { return false }
        whenUnsaturated.append(body)
        return true
    }

    /// Hysteresis: half of either limit must be free again.
    private func takeUnsaturatedCallbacks() -> [@Sendable () -> Void] {
        guard !whenUnsaturated.isEmpty, !isOverlayFull, pendingBytes <= limits.pendingBytes / 2,
            pendingTransactions <= limits.pendingTransactions / 2
        else { return [] }
        return takeAllUnsaturatedCallbacks()
    }

    private func takeAllUnsaturatedCallbacks() -> [@Sendable () -> Void] {
        let taken = whenUnsaturated
        whenUnsaturated.removeAll()
        return taken
    }
}

/// The bounds that a core works within (I10).
struct CommitLimits: Sendable {
    var softBatchBytes: Int
    var recordBytes: Int
    var transactionBytes = LogLimits.maximumTransactionBytes
    var pendingBytes: Int
    var pendingTransactions: Int
    /// Memory of the live generation, twice what makes a checkpoint due.
    var overlayBytes: Int
    /// What the checkpoint of the live generation may touch, a quarter more than what makes it due: enough to begin it.
    var dirtyBytes: Int
    /// Log that no checkpoint has taken in yet.
    var logBytes: Int

    static let logFactor = 8

    init(_ options: StorageOptions) {
        softBatchBytes = min(max(1, options.softBatchBytes), LogLimits.softBatchBytes)
        recordBytes = min(max(16, options.maximumRecordBytes), LogLimits.maximumRecordBytes)
        pendingBytes = min(max(1, options.maximumPendingBytes), LogLimits.maximumPendingBytes)
        pendingTransactions = min(max(1, options.maximumPendingTransactions), LogLimits.maximumPendingTransactions)
        overlayBytes = 2 * min(max(1, options.checkpointOverlayBytes), Int.max / 2)
        dirtyBytes = min(max(LogLimits.blockBytes, options.checkpointDirtyBytes), Int.max / 5) / 4 * 5
        logBytes = Self.logFactor * min(max(LogLimits.blockBytes, options.checkpointLogBytes), Int.max / Self.logFactor)
    }
}

/// Where a transaction began, to return to if it fails.
private struct TransactionStart {
    var bytes: Int
    var records: Int
    var nextLSN: LSN
}

/// What a transaction in progress remembers.
struct TransactionScratch {
    var origin: Bytes?
    /// Offset of the latest record in the open batch.
    var lastRecord: Int?
    var hasPut = false
    var tooLarge: StorageError?
}

/// How to take one change back.
struct UndoStep {
    var table: Overlay.Table
    var key: Bytes
    /// What the generation said of the key before; nil: nothing.
    var old: TableEntry?
    /// Before a trim: the table's trims.
    var trims: RangeTombstones?
    var lastChangeLSN: UInt64

    func revert(in overlay: Overlay) {
        if let trims {
            overlay.setTrims(trims, in: table)
        } else if let old {
            overlay.set(old, in: table)
        } else {
            overlay.forget(key, in: table)
        }
        table.lastChangeLSN = lastChangeLSN
    }
}
