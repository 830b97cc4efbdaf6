import Synchronization

/// A checkpoint that has begun: its changes are frozen.
struct CheckpointPlan: Sendable {
    /// The last record that it takes in.
    var lsn: LSN
    /// Where in the log that is; nil while the batch waits for the writer.
    var end: LogEnd?
    var startedAt: UInt64
}

/// What the checkpoint thread knows.
struct CheckpointState: Sendable {
    var plan: CheckpointPlan?
    /// When the first change since the last checkpoint became durable.
    var dirtySince: UInt64?
    var retryAt: UInt64?
    /// Somebody wants one now.
    var isRequested = false
    /// Who waits for one that began after they asked.
    var waiting: [@Sendable (StorageError?) -> Void] = []
    var waitingForPlan: [@Sendable (StorageError?) -> Void] = []
    /// Backups in progress: no segment is retired.
    var pins = 0
    /// The thread has been woken and hasn't looked yet.
    var isAwake = false
    var hasStopped = false
    /// The snapshot is damaged: it is not written, and the log stays.
    var isDamaged = false
}

enum CheckpointAction: Equatable, Sendable {
    case begin
    case write
    /// nil: until somebody wakes the thread.
    case sleep(nanoseconds: UInt64?)
}

enum CheckpointResult: Sendable {
    case nothing
    case written(CheckpointRow)
    case failed(StorageError)
}

/// Checkpoints (storage.md §5.9): log durable, then snapshot durable, then log retired.
extension LogStore {
    /// What the checkpoint thread should do now.
    func nextCheckpointAction() -> CheckpointAction {
        let now = options.clock.monotonicNanoseconds()
        let isDue = checkpointSchedule.isDue(checkpointFacts())
        return checkpoints.withLock { state in
            // Looked at inside: what becomes durable after this finds the thread asleep and wakes it.
            let action = state.next(now: now, durable: gate.durableLSN, isDue: isDue, checkpointSchedule)
            state.isAwake = action == .begin || action == .write
            return action
        }
    }

    /// After a sync: whether the checkpoint thread must be woken.
    func wakesCheckpoint() -> Bool {
        let now = options.clock.monotonicNanoseconds()
        let isDue = checkpointSchedule.isDue(checkpointFacts())
        return checkpoints.withLock { state in
            let isFirstChange = state.dirtySince == nil
            if isFirstChange { state.dirtySince = now }
            guard !state.isAwake else { return false }
            let action = state.next(now: now, durable: gate.durableLSN, isDue: isDue, checkpointSchedule)
            state.isAwake = isFirstChange || action == .begin || action == .write
            return state.isAwake
        }
    }

    private func checkpointFacts() -> CheckpointSchedule.Facts {
        let covered = snapshot.row?.position.end.segment ?? .none
        let segments = writer.withLock { state in state.files.count { $0.number >= covered } }
        let size = snapshot.size
        return core.withLock { core in
            CheckpointSchedule.Facts(
                overlayBytes: core.live.bytes,
                touchedBytes: core.live.touchedBytes(size),
                writtenBytes: core.live.writtenBytes(size),
                isDirty: !core.live.isEmpty,
                logBytes: core.liveLogBytes,
                segments: segments,
                roomBytes: core.roomBytes,
                isLowSpace: core.isLowSpace,
                needsReseal: snapshot.needsReseal
            )
        }
    }

    /// Step 1: everything committed so far is frozen. False: one is in progress, the store has stopped, or it waits for a
    /// segment.
    @discardableResult
    func beginCheckpoint() -> Bool {
        guard !checkpoints.withLock({ $0.isDamaged }), hasItsPlace(), enterActiveSegment(), !waitsForSegment() else {
            return false
        }
        let now = options.clock.monotonicNanoseconds()
        let plan: CheckpointPlan? = writer.withLock { state in
            guard !state.hasStopped else { return nil }
            return core.withLock { core in
                guard core.frozen == nil else { return nil }
                let last = core.freeze() ?? state.backlog.last
                last?.endsCheckpoint = true
                if !isMutant(.staleCheckpointEnd) { state.checkpointEnd = nil }
                precondition(last != nil || state.log.syncedEnd.lastLSN == core.lastLSN, "a batch got lost")
                return CheckpointPlan(lsn: core.lastLSN, end: last == nil ? state.log.syncedEnd : nil, startedAt: now)
            }
        }
        guard let plan else { return false }
        checkpoints.withLock { state in
            state.plan = plan
            state.isRequested = false
            state.dirtySince = nil
            state.waitingForPlan += state.waiting
            state.waiting = []
        }
        return true
    }

    /// Before any thread runs: an owner that is always killed right after its start must not pile up segments, so their
    /// number is bounded here and not left to a thread; on a full disk the first deletes would find no room for their
    /// records while the log waits for a checkpoint.
    func settleOpening() {
        let facts = checkpointFacts()
        // On a full disk every opening's segment would be one more, until there is no room for the next.
        let mustRetire = facts.isLowSpace && (facts.isDirty || facts.segments > 1)
        guard facts.segments > CheckpointSchedule.maximumSegments || mustRetire,
            beginCheckpoint()
        else { return }
        _ = writeCheckpoint()
    }

    /// On a full disk the log may still end in an older segment. If that is plain and rows are to be sealed, a checkpoint there
    /// would prove that nothing is plain and rest on a segment that is: no opening would believe it any more (R15).
    private func waitsForSegment() -> Bool {
        let mustWait = writer.withLock { state in
            !state.hasStopped && state.log.marks.plainBefore && state.log.end.segment != state.log.segment?.number
        }
        guard mustWait else { return false }
        let now = options.clock.monotonicNanoseconds()
        checkpoints.withLock { $0.retryAt = now &+ CheckpointSchedule.retryNanoseconds }
        tellCheckpointWaiters(StorageError(.lowSpace, "no room for the log", path: directory.wal))
        return true
    }

    /// A checkpoint that could not begin is tried again by itself.
    var retriesCheckpoint: Bool {
        let now = options.clock.monotonicNanoseconds()
        return checkpoints.withLock { state in !state.hasStopped && state.retryAt.map { now < $0 } ?? false }
    }

    /// If nothing was written since the active segment began, the log ends in an older one, and a checkpoint there could
    /// retire nothing: openings without writes would pile up segments. An empty batch, synced, takes the end along; so does
    /// a batch that waits, and nothing may go before one that found no room.
    private func enterActiveSegment() -> Bool {
        let failure: StorageError? = writer.withLock { state in
            guard !state.hasStopped, state.backlog.isEmpty, let active = state.log.segment,
                active.number != state.log.end.segment, state.log.room >= LogLimits.blockBytes
            else { return nil }
            do throws(StorageError) {
                try state.log.seal()
                try state.log.sync(exceptFor: .noCheckpointEndSync)
                return nil
            } catch {
                // The checkpoint will do without.
                guard error.code == .durabilityLost else { return nil }
                state.hasStopped = true
                state.log.closeFile()
                return error
            }
        }
        guard let failure else { return true }
        stopPromising(failure)
        return false
    }

    /// Steps 2 to 6, when the frozen changes are durable in the log.
    func writeCheckpoint() -> CheckpointResult {
        guard let plan = checkpoints.withLock({ $0.isDamaged ? nil : $0.plan }), let end = checkpointEnd(plan) else {
            return .nothing
        }
        precondition(plan.lsn <= gate.durableLSN, "I5: the snapshot ran ahead of the log")
        precondition(end.lastLSN == plan.lsn || isMutant(.snapshotClaimsTooMuch), "a checkpoint ends with its changes")
        guard hasItsPlace() else { return .nothing }
        watchReaders()
        failpoint("checkpoint.beforeApply")
        if isMutant(.retireBeforeSnapshot) { retireSegments(below: end.segment) }
        let row: CheckpointRow
        do {
            row = try apply(CheckpointPosition(end: end, createdAt: options.clock.wallNanoseconds()))
        } catch {
            return settle(error)
        }
        failpoint("checkpoint.afterCommit")
        checkpointHasResources()
        publish(row, startedAt: plan.startedAt)
        retireSegments(below: row.position.end.segment)
        judgeSpace()
        return .written(row)
    }

    /// Behind the last batch that the frozen changes came with.
    private func checkpointEnd(_ plan: CheckpointPlan) -> LogEnd? {
        writer.withLock { state in
            isMutant(.snapshotClaimsTooMuch) ? state.log.end : plan.end ?? state.checkpointEnd
        }
    }

    private func apply(_ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        guard let frozen = core.withLock({ $0.frozen }) else { preconditionFailure("a plan without its changes") }
        // Writing it all once more would end at the same place.
        if snapshot.waitsForGrowth { try growMap() }
        do {
            return try snapshot.apply(frozen, position)
        } catch {
            guard case .mapFull = error else { throw error }
        }
        try growMap()
        return try snapshot.apply(frozen, position)
    }

    /// Nobody reads while the map moves.
    private func growMap() throws(SnapshotFailure) {
        try core.withLock { (_) throws(SnapshotFailure) in try snapshot.growMap() }
    }

    /// Step 5: the frozen changes are the snapshot's from now on.
    private func publish(_ row: CheckpointRow, startedAt: UInt64) {
        let (gone, unsaturated) = core.withLock { $0.dropFrozen() }
        let spent = options.clock.monotonicNanoseconds() &- startedAt
        let told = checkpoints.withLock { state in
            state.plan = nil
            state.retryAt = nil
            defer { state.waitingForPlan = [] }
            return state.waitingForPlan
        }
        counters.withLock { $0.recordCheckpoint(row, nanoseconds: spent) }
        for callback in unsaturated { callback() }
        for callback in told { callback(nil) }
        // Freed here, without the lock.
        extendLifetime(gone)
    }

    /// The frozen changes go back below the live ones, for another attempt; or nothing is promised any more.
    private func settle(_ failure: SnapshotFailure) -> CheckpointResult {
        counters.withLock { $0.checkpointFailures += 1 }
        switch failure {
        case .mapFull:
            return retryWithRoom(StorageError(.lowSpace, "the snapshot's map is full", path: directory.snapshot))
        case .lowSpace(let error):
            return retryWithRoom(error)
        case .busy(let error):
            noteCheckpointShortage(error)
            return retry(error)
        case .final(let error) where error.row == .r17 || error.row == .r14:
            // What is frozen stays so: reads find it there, the log has it.
            reportDamage(error)
            return .failed(error)
        case .final(let error):
            writer.withLock { state in
                state.hasStopped = true
                state.log.closeFile()
            }
            stopPromising(error)
            return .failed(error)
        }
    }

    private func retryWithRoom(_ error: StorageError) -> CheckpointResult {
        // The room that was kept is for this as well: without a checkpoint nothing that deletes free comes back.
        _ = preparer.releaseReserve()
        foundDiskFull()
        return retry(error)
    }

    private func retry(_ error: StorageError) -> CheckpointResult {
        while case .more = core.withLock({ $0.thaw() }) {}
        let now = options.clock.monotonicNanoseconds()
        let told = checkpoints.withLock { state in
            state.plan = nil
            state.dirtySince = now
            state.retryAt = now &+ CheckpointSchedule.retryNanoseconds
            defer { state.waitingForPlan = [] }
            return state.waitingForPlan
        }
        for callback in told { callback(error) }
        return .failed(error)
    }

    /// Calls back when a checkpoint that began after this call has been written, or could not be.
    func requestCheckpoint(_ body: @escaping @Sendable (StorageError?) -> Void) {
        let refusal = core.withLock { $0.refusal }
        let isRefused = checkpoints.withLock { state in
            guard refusal == nil, !state.hasStopped else { return true }
            state.isRequested = true
            state.waiting.append(body)
            return false
        }
        if isRefused { body(refusal ?? .closed(directory)) }
    }

    /// The checkpoint that somebody waits for is not coming for now; it is written without them when it can be.
    func tellCheckpointWaiters(_ error: StorageError) {
        let told = checkpoints.withLock { $0.takeWaiting() }
        for callback in told { callback(error) }
    }

    /// Nobody will write checkpoints any more: who waits for one is told.
    func stopCheckpoints(_ error: StorageError) {
        let told = checkpoints.withLock { state in
            state.hasStopped = true
            return state.takeWaiting()
        }
        for callback in told { callback(error) }
    }

    /// At the end, with everything written and no thread left: what is frozen, then what came after.
    ///
    /// A store that failed, or that closes with a full disk or a damaged snapshot, leaves both to the log.
    func lastCheckpoint() {
        guard writer.withLock({ !$0.hasStopped && $0.backlog.isEmpty }) else { return }
        if case .failed = writeCheckpoint() { return }
        guard core.withLock({ !$0.live.isEmpty }) || snapshot.needsReseal, beginCheckpoint() else { return }
        _ = writeCheckpoint()
    }
}

extension CheckpointState {
    /// Everybody who waits: each is told once.
    mutating func takeWaiting() -> [@Sendable (StorageError?) -> Void] {
        defer {
            waiting = []
            waitingForPlan = []
        }
        return waiting + waitingForPlan
    }

    /// Pure: what comes next.
    func next(now: UInt64, durable: LSN, isDue: Bool, _ schedule: CheckpointSchedule)
        -> CheckpointAction
    {
        if hasStopped { return .sleep(nanoseconds: nil) }
        if let plan {
            return durable >= plan.lsn ? .write : .sleep(nanoseconds: nil)
        }
        if let retryAt, now < retryAt { return .sleep(nanoseconds: retryAt - now) }
        if isRequested || isDue { return .begin }
        guard let dirtySince, let deadline = schedule.deadline(dirtySince: dirtySince) else {
            return .sleep(nanoseconds: nil)
        }
        return now >= deadline ? .begin : .sleep(nanoseconds: deadline - now)
    }
}
