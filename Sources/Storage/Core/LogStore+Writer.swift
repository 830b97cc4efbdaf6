/// The writer's steps (storage.md §5.6 step 2). Only one caller at a time: the writer thread, or a test.
extension LogStore {
    enum StepResult: Equatable, Sendable {
        case idle
        case wrote(transactions: Int, nanoseconds: UInt64)
        /// No room for the next segment; what was taken waits for the next step.
        case outOfSpace
        case failed
    }

    /// Writes, syncs and publishes everything that waits.
    func writeStep() -> StepResult {
        writer.withLock { state in
            guard !state.hasFailed else { return .failed }
            state.backlog += core.withLock { $0.takeBatches() }
            guard !state.backlog.isEmpty else { return .idle }
            let start = options.clock.monotonicNanoseconds()
            do throws(StorageError) {
                let transactions = try writeBacklog(&state)
                return .wrote(transactions: transactions, nanoseconds: options.clock.monotonicNanoseconds() &- start)
            } catch {
                guard error.code == .durabilityLost else { return .outOfSpace }
                fail(&state, error)
                return .failed
            }
        }
    }

    /// Returns how many transactions became durable.
    private func writeBacklog(_ state: inout WriterState<IO>) throws(StorageError) -> Int {
        var written = 0
        var transactions = 0
        var started = options.clock.monotonicNanoseconds()
        while written < state.backlog.count {
            let batch = state.backlog[written]
            if batch.paddedBytes > state.log.room {
                try publish(&state, &written, &transactions, since: started)
                try rotate(&state, toHold: batch.paddedBytes)
                started = options.clock.monotonicNanoseconds()
                continue
            }
            try state.log.append(batch)
            state.metrics.batches += 1
            state.metrics.bytes += UInt64(batch.paddedBytes)
            state.metrics.records += UInt64(batch.recordCount)
            state.metrics.transactions += UInt64(batch.transactionCount)
            written += 1
            // A direct write is durable already: tell at once instead of after the whole backlog.
            if state.log.isDirect {
                try publish(&state, &written, &transactions, since: started)
                started = options.clock.monotonicNanoseconds()
            }
        }
        try publish(&state, &written, &transactions, since: started)
        return transactions
    }

    /// Syncs the first `written` batches of the backlog and releases who waits for them (I1).
    private func publish(
        _ state: inout WriterState<IO>,
        _ written: inout Int,
        _ transactions: inout Int,
        since start: UInt64
    ) throws(StorageError) {
        guard written > 0 else { return }
        try state.log.sync()
        precondition(state.log.syncedBatch == state.log.lastBatch, "I1: published before the sync")
        noteSync(&state, nanoseconds: options.clock.monotonicNanoseconds() &- start)
        let done = state.backlog[..<written]
        transactions += done.reduce(0) { $0 + $1.transactionCount }
        let durable = done[written - 1].lastLSN
        let room = state.log.room
        let unsaturated = core.withLock { core in
            core.segmentRoom = room
            return done.flatMap { core.batchIsDurable($0) }
        }
        state.backlog.removeFirst(written)
        written = 0
        gate.publish(durable)
        for callback in unsaturated { callback() }
    }

    private func noteSync(_ state: inout WriterState<IO>, nanoseconds: UInt64) {
        state.metrics.recordSync(nanoseconds: nanoseconds)
        if nanoseconds > StoreMetrics.slowSyncNanoseconds {
            options.onWarning("a sync of the log took \(nanoseconds / 1_000_000) ms [path \(directory.root)]")
        }
    }

    /// Never under the core's lock. Throws `.lowSpace` when there is no room for a segment, which is no failure.
    private func rotate(_ state: inout WriterState<IO>, toHold bytes: Int) throws(StorageError) {
        try state.log.finishSegment()
        let spare: PreparedSegment
        do {
            spare = try preparer.take(atLeast: state.sizing.segmentBytes(toHold: bytes))
        } catch {
            throw outOfSpaceOrFailure(error)
        }
        try state.log.activate(spare)
        state.metrics.segments += 1
        state.sizing.rotated(now: options.clock.monotonicNanoseconds())
        let room = state.log.room
        core.withLock { core in
            core.segmentRoom = room
        }
        changeLowSpace(false)
    }

    private func outOfSpaceOrFailure(_ error: SystemCallError) -> StorageError {
        guard error.isLackOfSpace else {
            return StorageError(
                .durabilityLost,
                "could not prepare a log segment: \(error.reason); check the device, then restart",
                path: error.path,
                systemCall: error
            )
        }
        changeLowSpace(true)
        return StorageError(.lowSpace, "no room for a log segment", path: error.path, systemCall: error)
    }

    private func changeLowSpace(_ isLow: Bool) {
        let changed = core.withLock { core in
            defer { core.setLowSpace(isLow) }
            return core.isLowSpace != isLow
        }
        guard changed else { return }
        options.onWarning(
            isLow
                ? "the disk is full: writes are refused until there is room again [path \(directory.root)]"
                : "there is room on the disk again: writes are accepted [path \(directory.root)]"
        )
    }

    /// Stops everything that promises durability (§5.8).
    private func fail(_ state: inout WriterState<IO>, _ error: StorageError) {
        state.hasFailed = true
        state.log.closeFile()
        let unsaturated = core.withLock { core in
            core.refusal = error
            return core.takeAllUnsaturatedCallbacks()
        }
        gate.fail(error)
        for callback in unsaturated { callback() }
        options.onFailure(error)
    }

    /// Writes an empty batch after idleness. No-op when there is no room: the next rotation does the same.
    func sealStep() -> StepResult {
        writer.withLock { state in
            guard !state.hasFailed else { return .failed }
            guard !state.log.isSealed, state.backlog.isEmpty, state.log.room >= LogLimits.blockBytes else { return .idle }
            do throws(StorageError) {
                try state.log.seal()
                state.metrics.seals += 1
                return .idle
            } catch {
                fail(&state, error)
                return .failed
            }
        }
    }

    /// True once per segment, when it is half full: the next one should be made ready.
    var needsSpare: Bool {
        writer.withLock { state in
            guard let segment = state.log.segment, segment.offset * 2 > segment.preparedBytes,
                state.spareRequestedFor != segment.number
            else { return false }
            state.spareRequestedFor = segment.number
            return true
        }
    }

    /// What a spare should hold now; nil: none is needed yet.
    func spareBytesWanted() -> Int? {
        writer.withLock { state in
            guard !state.hasFailed, let segment = state.log.segment, segment.offset * 2 > segment.preparedBytes else {
                return nil
            }
            let free = (try? io.freeBytes(directory.wal)) ?? 0
            return state.sizing.spareBytes(free: free)
        }
    }

    /// Prepares a spare; on a lack of space turns `lowSpace` on, on success off. False: try again later.
    func prepareSpare(bytes: Int) -> Bool {
        do {
            try preparer.prepare(bytes: bytes)
        } catch {
            // Other errors come back on the commit path, where they are final.
            if error.isLackOfSpace { changeLowSpace(true) }
            return !error.isLackOfSpace
        }
        if writer.withLock({ $0.backlog.isEmpty }) { changeLowSpace(false) }
        return true
    }

    /// Refuses new commits from now on; what is pending is still written.
    func refuseCommits() {
        core.withLock { core in
            if core.refusal == nil {
                core.refusal = StorageError(.closed, "the store is closed", path: directory.root)
            }
        }
    }

    /// After the last step: clean-shutdown mark, spare given back, file closed.
    func closeLog() throws(StorageError) {
        try writer.withLock { (state) throws(StorageError) in
            preparer.discard()
            guard !state.hasFailed else { return }
            guard state.backlog.isEmpty else {
                let error = StorageError(
                    .lowSpace,
                    "closed with the disk full: \(state.backlog.count) batches that were never acknowledged are lost",
                    path: directory.root
                )
                state.log.closeFile()
                gate.fail(error)
                throw error
            }
            do throws(StorageError) {
                try state.log.closeCleanly()
            } catch {
                fail(&state, error)
                throw error
            }
        }
    }
}
