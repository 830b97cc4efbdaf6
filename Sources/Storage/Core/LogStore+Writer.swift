/// The writer's steps (storage.md §5.6 step 2). Only one caller at a time: the writer thread, or a test.
extension LogStore {
    enum StepResult: Equatable, Sendable {
        case idle
        case wrote(transactions: Int, nanoseconds: UInt64)
        /// No room for the next segment; what was taken waits for the next step.
        case outOfSpace
        case failed
    }

    /// What one hold of the writer's state came to.
    private enum Progress {
        case nothing
        case durable(LSN, transactions: Int, nanoseconds: UInt64, unsaturated: [@Sendable () -> Void])
        case outOfSpace
        case failed(StorageError)
        case stopped
    }

    /// Writes, syncs and publishes everything that waits. Callbacks run with no lock held: they may use the store.
    func writeStep() -> StepResult {
        var released = 0
        var spent: UInt64 = 0
        // What arrives meanwhile is the next step's: between steps the schedule may let more gather.
        writer.withLock { state in
            if !state.hasStopped { state.backlog += core.withLock { $0.takeBatches() } }
        }
        while true {
            let progress = writer.withLock { makeProgress(&$0) }
            tellWarnings()
            switch progress {
            case .nothing:
                if core.withLock({ $0.isLowSpace }) { judgeSpace() }
                tellWarnings()
                return released > 0 ? .wrote(transactions: released, nanoseconds: spent) : .idle
            case .durable(let lsn, let transactions, let nanoseconds, let unsaturated):
                released += transactions
                spent += nanoseconds
                gate.publish(lsn)
                for callback in unsaturated { callback() }
            case .outOfSpace:
                tellCheckpointWaiters(StorageError(.lowSpace, "no room for the log", path: directory.wal))
                return .outOfSpace
            case .failed(let error):
                stopPromising(error)
                return .failed
            case .stopped:
                return .failed
            }
        }
    }

    private func makeProgress(_ state: inout WriterState<IO>) -> Progress {
        guard !state.hasStopped else { return .stopped }
        guard !state.backlog.isEmpty else { return .nothing }
        do throws(StorageError) {
            return try writeGroup(&state)
        } catch {
            guard error.code == .durabilityLost else { return .outOfSpace }
            state.hasStopped = true
            state.log.closeFile()
            return .failed(error)
        }
    }

    /// Writes what one sync covers: one batch if writes are durable by themselves, else all that fit the segment.
    private func writeGroup(_ state: inout WriterState<IO>) throws(StorageError) -> Progress {
        let first = state.log.storedBytes(state.backlog[0])
        if first > state.log.room { try rotate(&state, toHold: first) }
        if isMutant(.acknowledgeBeforeSync) { gate.publish(state.backlog[0].lastLSN) }
        let start = options.clock.monotonicNanoseconds()
        var written = 0
        while written < state.backlog.count, state.log.storedBytes(state.backlog[written]) <= state.log.room {
            do {
                try state.log.append(state.backlog[written])
            } catch {
                guard written > 0, error.code == .lowSpace else { throw noteShortage(error) }
                // Those before it are written: they become durable first.
                break
            }
            if state.backlog[written].endsCheckpoint { state.checkpointEnd = state.log.end }
            written += 1
            // A direct write is durable already: tell at once instead of after the whole backlog.
            if state.log.isDirect { break }
        }
        try state.log.sync()
        try state.log.requireOwnership()
        precondition(written > 0 && state.log.syncedBatch == state.log.lastBatch, "I1: published before the sync")
        return complete(&state, written, nanoseconds: options.clock.monotonicNanoseconds() &- start)
    }

    /// The first `written` batches of the backlog are durable.
    private func complete(_ state: inout WriterState<IO>, _ written: Int, nanoseconds: UInt64) -> Progress {
        let done = state.backlog[..<written]
        let durable = done[written - 1].lastLSN
        let transactions = done.reduce(0) { $0 + $1.transactionCount }
        counters.withLock { counters in
            counters.recordSync(nanoseconds: nanoseconds)
            for batch in done { counters.recordBatch(batch) }
        }
        if nanoseconds > StoreMetrics.slowSyncNanoseconds {
            warn("a sync of the log took \(nanoseconds / 1_000_000) ms")
        }
        let room = state.log.room
        let unsaturated = core.withLock { core in
            core.segmentRoom = room
            return done.flatMap { core.batchIsDurable($0) }
        }
        state.backlog.removeFirst(written)
        return .durable(durable, transactions: transactions, nanoseconds: nanoseconds, unsaturated: unsaturated)
    }

    /// Kept until no lock is held, so that the receiver may use the store.
    func warn(_ text: String) {
        warnings.withLock { $0.append("\(text) [path \(directory.root)]") }
    }

    func tellWarnings() {
        let texts = warnings.withLock { texts in
            defer { texts = [] }
            return texts
        }
        for text in texts { options.onWarning(text) }
    }

    /// The store has failed, as seen by a thread that is not the writer's.
    func fail(_ error: StorageError) {
        writer.withLock { state in
            state.hasStopped = true
            state.log.closeFile()
        }
        stopPromising(error)
    }

    /// Stops everything that promises durability (§5.8).
    func stopPromising(_ error: StorageError) {
        let unsaturated = core.withLock { $0.refuse(error, isFinal: true).unsaturated }
        let isFirst = gate.fail(error)
        for callback in unsaturated { callback() }
        stopCheckpoints(error)
        if isFirst { options.onFailure(error) }
    }

    /// Writes an empty batch after idleness. No-op when there is no room: the next rotation does the same.
    func sealStep() -> StepResult {
        let failure: StorageError? = writer.withLock { state in
            guard !state.hasStopped, !state.log.isSealed, state.backlog.isEmpty,
                state.log.room >= LogLimits.blockBytes
            else { return nil }
            do throws(StorageError) {
                try state.log.seal()
                counters.withLock { $0.seals += 1 }
                return nil
            } catch {
                // Without it the next batch proves the last one.
                guard error.code == .durabilityLost else { return nil }
                state.hasStopped = true
                state.log.closeFile()
                return error
            }
        }
        guard let failure else { return .idle }
        stopPromising(failure)
        return .failed
    }

    /// Refuses new commits from now on; what is pending is still written.
    func refuseCommits() {
        let unsaturated = core.withLock { $0.refuse(.closed(directory)).unsaturated }
        for callback in unsaturated { callback() }
    }

    /// The end: what is pending is written, the threads end, backups end or are cancelled, the files are given up.
    func stop(endThreads: () -> Void) throws(StorageError) {
        refuseCommits()
        endThreads()
        // Usually nothing is left; but the last reference may go away in a callback on the writer's own thread.
        while case .wrote = writeStep() {}
        if !isMutant(.noWaitForBackups) { backups.close(options.clock) }
        try closeLog()
    }

    /// After the last step: last checkpoint, clean-shutdown mark, spare given back, file closed.
    func closeLog() throws(StorageError) {
        defer {
            core.withLock { $0.close() }
            hold?.close()
        }
        lastCheckpoint()
        // What was acknowledged may be where the next opening doesn't look: that is no clean end.
        let loss = lossOfPlace()
        if loss == nil { snapshot.scrub?.save() }
        stopCheckpoints(.closed(directory))
        let failure: StorageError? = writer.withLock { state in
            if loss == nil { preparer.discard() }
            guard !state.hasStopped else { return loss }
            state.hasStopped = true
            guard state.backlog.isEmpty else {
                state.log.closeFile()
                let isShort = isShortOfResources.withLock { $0 }
                let what = isShort ? "out of descriptors, memory or threads" : "with the disk full"
                return StorageError(
                    .lowSpace,
                    "closed \(what): \(state.backlog.count) batches that were never acknowledged are lost",
                    path: directory.root
                )
            }
            do throws(StorageError) {
                try state.log.closeCleanly()
                return nil
            } catch {
                state.log.closeFile()
                // Only the mark is missing: everything is durable.
                return error.code == .durabilityLost ? error : nil
            }
        }
        // Everything is durable, or has failed before: whoever waits for anything else would wait for ever.
        gate.fail(failure ?? .closed(directory))
        if let failure { throw failure }
    }
}
