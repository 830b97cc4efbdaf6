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
        failpoint("rotation.beforeActivation")
        try state.log.activate(spare)
        state.recordActivation(spare, now: options.clock.wallNanoseconds())
        failpoint("rotation.afterActivation")
        counters.withLock { $0.segments += 1 }
        state.sizing.rotated(now: options.clock.monotonicNanoseconds())
        let room = state.log.room
        core.withLock { core in
            core.segmentRoom = room
        }
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
        foundDiskFull()
        return StorageError(.lowSpace, "no room for a log segment", path: error.path, systemCall: error)
    }

    /// Looks how much room there is, and changes the state (§5.8).
    func judgeSpace() {
        guard let free = try? io.freeBytes(directory.wal) else { return }
        let needed = preparer.hasSpare ? 0 : writer.withLock { $0.sizing.initialBytes }
        let size = snapshot.size
        let dirty = core.withLock { $0.dirtyBytes(size) }
        let facts = SpaceJudgement.Facts(
            diskBytes: Int(clamping: free),
            snapshot: size,
            dirtyBytes: dirty,
            segmentBytes: needed
        )
        changeLowSpace(space.withLock { $0.judge(facts) }, room: SpaceJudgement.roomBytes(facts))
    }

    /// A write said so.
    func foundDiskFull() {
        space.withLock { $0.foundFull() }
        changeLowSpace(true, room: 0)
    }

    private func changeLowSpace(_ isLow: Bool, room: Int) {
        let changed = core.withLock { core in
            defer { core.setLowSpace(isLow, room: room) }
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

    /// Prepares a spare. False: no room, try again later.
    func prepareSpare(bytes: Int) -> Bool {
        defer { tellWarnings() }
        do {
            try preparer.prepare(bytes: bytes)
        } catch {
            // Other errors come back on the commit path, where they are final.
            if error.isLackOfSpace { foundDiskFull() }
            return !error.isLackOfSpace
        }
        if writer.withLock({ $0.backlog.isEmpty }) { judgeSpace() }
        return true
    }
}

extension WriterState {
    /// The active segment is finished, a new one begins.
    mutating func recordActivation(_ prepared: PreparedSegment, now: UInt64) {
        if let last = files.indices.last { files[last].closedAt = now }
        files.append(LogFile(number: log.segment?.number ?? .none, bytes: UInt64(prepared.bytes)))
    }
}
