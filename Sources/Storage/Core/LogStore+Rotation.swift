/// Room for the log: rotation, spares, the full disk (storage.md §5.6, §5.8).
extension LogStore {
    /// Never under the core's lock. Throws `.lowSpace` when there is no room for a segment, which is no failure.
    func rotate(_ state: inout WriterState<IO>, toHold bytes: Int) throws(StorageError) {
        try state.log.finishSegment()
        let spare: PreparedSegment
        do {
            spare = try preparer.take(atLeast: state.sizing.segmentBytes(toHold: bytes))
        } catch {
            throw outOfSpaceOrFailure(error)
        }
        try state.log.activate(spare)
        counters.withLock { $0.segments += 1 }
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
        warn(
            isLow
                ? "the disk is full: writes are refused until there is room again"
                : "there is room on the disk again: writes are accepted"
        )
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
            guard !state.hasStopped, let segment = state.log.segment, segment.offset * 2 > segment.preparedBytes else {
                return nil
            }
            let free = (try? io.freeBytes(directory.wal)) ?? 0
            return state.sizing.spareBytes(free: free)
        }
    }

    /// Prepares a spare; on a lack of space turns `lowSpace` on, on success off. False: try again later.
    func prepareSpare(bytes: Int) -> Bool {
        defer { tellWarnings() }
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
}
