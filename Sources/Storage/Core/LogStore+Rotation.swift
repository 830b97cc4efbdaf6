/// Room for the log: rotation, spares, the full disk (storage.md §5.6, §5.8).
extension LogStore {
    /// Never under the core's lock. Throws `.lowSpace` when there is no room for a segment, which is no failure.
    func rotate(_ state: inout WriterState<IO>, toHold bytes: Int) throws(StorageError) {
        try hold?.requirePlaces()
        do {
            try state.log.finishSegment()
        } catch {
            throw noteShortage(error)
        }
        let spare: PreparedSegment
        do {
            spare = try takeSegment(state.sizing, toHold: bytes)
        } catch {
            throw outOfSpaceOrFailure(error)
        }
        failpoint("rotation.beforeActivation")
        state.log.marks.settle(snapshot.row, options.encryption)
        do {
            try state.log.activate(spare)
        } catch {
            if error.code != .durabilityLost { preparer.giveBack(spare) }
            throw noteShortage(error)
        }
        hasResources()
        noteHead(state.log)
        state.recordActivation(spare, now: options.clock.wallNanoseconds())
        failpoint("rotation.afterActivation")
        counters.withLock { counters in
            counters.segments += 1
            counters.recordFiles(state.files)
        }
        state.sizing.rotated(now: options.clock.monotonicNanoseconds())
        let room = state.log.room
        core.withLock { core in
            core.segmentRoom = room
        }
    }

    /// As large as the write rate asks for; as small as possible when the disk is nearly full: what is left of it may have
    /// to do for long, since the snapshot's file never shrinks.
    private func takeSegment(_ sizing: SegmentSizing, toHold bytes: Int) throws(SystemCallError) -> PreparedSegment {
        let free = (try? io.freeBytes(directory.wal)) ?? 0
        guard free >= UInt64(2 * sizing.smallestBytes(toHold: bytes)) else {
            let smallest = sizing.fullDiskBytes(toHold: bytes)
            return try preparer.take(atLeast: smallest, wanted: smallest)
        }
        return try preparer.take(
            atLeast: sizing.smallestBytes(toHold: bytes),
            wanted: sizing.segmentBytes(toHold: bytes, free: free)
        )
    }

    private func outOfSpaceOrFailure(_ error: SystemCallError) -> StorageError {
        if error.isLackOfResources { return noteShortage(.shortOfResources(error)) }
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

    /// What waits is tried again: the disk has no room, or the process no descriptor or memory.
    func noteShortage(_ error: StorageError) -> StorageError {
        switch error.code {
        case .lowSpace: foundDiskFull()
        case .overloaded:
            counters.withLock { $0.resourceShortages += 1 }
            let isNew = isShortOfResources.withLock { isShort in
                defer { isShort = true }
                return !isShort
            }
            if isNew { warn(error.message) }
        default: break
        }
        return error
    }

    private func hasResources() {
        let wasShort = isShortOfResources.withLock { isShort in
            defer { isShort = false }
            return isShort
        }
        if wasShort { warn("the log goes on: there are descriptors and memory again") }
    }

    private func noteHead(_ log: LogWriter<IO>) {
        guard let failure = log.headFailure else { return }
        warn("HEAD could not be written, the next segment tries again: \(failure.reason)")
    }

    /// Whether files may be created, renamed and removed in the store's directory: it is still the one that was opened.
    /// False: the store has failed. Not with the writer's state in hand.
    func hasItsPlace() -> Bool { lossOfPlace() == nil }

    /// Same; why not.
    func lossOfPlace() -> StorageError? {
        do {
            try hold?.requirePlaces()
            return nil
        } catch {
            fail(error)
            return error
        }
    }

    /// Looks how much room there is, and changes the state (§5.8).
    func judgeSpace() {
        guard let free = try? io.freeBytes(directory.wal) else { return }
        let (needed, least) = segmentBytesNeeded()
        let size = snapshot.size
        let (written, runPages) = core.withLock { ($0.writtenBytes(size), $0.largestValuePages) }
        let facts = SpaceJudgement.Facts(
            diskBytes: Int(clamping: free),
            reusableBytes: snapshot.reusableBytes(inRunsOf: runPages),
            writtenBytes: written,
            segmentBytes: needed,
            leastSegmentBytes: least
        )
        changeLowSpace(
            space.withLock { $0.judge(facts) },
            room: SpaceJudgement.roomBytes(facts),
            canRotate: preparer.hasSpare || preparer.hasReserve || free >= UInt64(2 * SegmentSizing.fullDiskBytes)
        )
    }

    /// What the next segment should have, and the least with which the log goes on: what waits for it must fit.
    private func segmentBytesNeeded() -> (wanted: Int, least: Int) {
        let isReady = preparer.hasSpare
        return writer.withLock { state in
            let first = state.backlog.first.map { state.log.storedBytes($0) } ?? 0
            let wanted = state.sizing.smallestBytes(toHold: first)
            if isReady && wanted == state.sizing.initialBytes { return (0, 0) }
            return (wanted, state.sizing.fullDiskBytes(toHold: first))
        }
    }

    /// A write said so.
    func foundDiskFull() {
        space.withLock { $0.foundFull() }
        changeLowSpace(true, room: 0, canRotate: preparer.hasReserve)
    }

    private func changeLowSpace(_ isLow: Bool, room: Int, canRotate: Bool) {
        let (changed, unsaturated) = core.withLock { core in
            let changed = core.isLowSpace != isLow
            return (changed, core.setLowSpace(isLow, room: room, canRotate: canRotate))
        }
        for callback in unsaturated { callback() }
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
            guard free >= UInt64(2 * state.sizing.initialBytes) else { return nil }
            return state.sizing.spareBytes(free: free)
        }
    }

    /// Makes the reserve (anew) while there is room.
    func keepReserve() {
        guard core.withLock({ !$0.isLowSpace && $0.refusal == nil }), hasItsPlace() else { return }
        // Without it the store works as well; the spare's thread tries again.
        try? preparer.keepReserve()
    }

    /// Prepares a spare. False: no room, try again later.
    func prepareSpare(bytes: Int) -> Bool {
        defer { tellWarnings() }
        guard hasItsPlace() else { return true }
        do {
            try preparer.prepare(bytes: bytes)
        } catch {
            // Other errors come back on the commit path, where they are final.
            if error.isLackOfSpace { foundDiskFull() }
            return !error.isLackOfSpace && !error.isLackOfResources
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
