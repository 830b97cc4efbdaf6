/// Restore to a position, and the cut that an operator asks for (storage.md §5.10, §5.12). Both leave a store that goes on
/// where the log was left, in a new segment whose predecessor facts say so.
extension LogOpening {
    /// Before anything is changed: whether the limit was met.
    func requireLimit(_ recovered: RecoveredLog) throws(StorageError) {
        switch limit {
        case .none: return
        case .through, .until: guard recovered.isStopped else { throw notReached(recovered.end) }
        case .place(let segment, let offset):
            // A segment's last batch ends the reading by itself: the limit is met all the same.
            guard recovered.end.segment == segment, recovered.end.offset == offset else {
                throw notThere(recovered.end)
            }
        }
    }

    /// Returns whether HEAD must be made anew: it does, since it names a segment that leaves the log.
    mutating func finishStopped(
        _ numbers: [SegmentNumber],
        _ recovered: inout RecoveredLog,
        _ snapshot: any SnapshotStore
    ) throws(StorageError) -> Bool {
        if case .place = limit {
            try removeHead()
            try setAsideBehind(numbers, &recovered)
            return true
        }
        try takeIn(&recovered, snapshot)
        try removeHead()
        try removeAll(numbers)
        recovered.files = []
        return true
    }

    private func removeHead() throws(StorageError) {
        try orOpenFailed { () throws(SystemCallError) in
            guard try io.exists(directory.head) else { return }
            try io.unlink(directory.head)
            try io.syncDirectory(directory.wal)
        }
    }

    /// What stands behind a cut goes, now that the next segment says where this one ends: a sound batch there would look
    /// like one that a second engine wrote (R9). The whole store was copied before.
    func cutBehind(_ end: LogEnd, _ opened: inout OpenedLog<IO>) throws(StorageError) {
        let path = directory.segment(end.segment)
        try orOpenFailed { () throws(SystemCallError) in
            guard try io.exists(path) else { return }
            let file = try io.open(path, .update)
            defer { io.close(file) }
            guard try io.size(file) > end.offset else { return }
            try io.truncate(file, to: end.offset)
            try io.fdatasync(file)
        }
        for index in opened.files.indices where opened.files[index].number == end.segment {
            opened.files[index].bytes = min(opened.files[index].bytes, end.offset)
        }
    }

    /// What was read becomes the snapshot: the old log, which goes on behind the limit, isn't needed any more.
    private func takeIn(_ recovered: inout RecoveredLog, _ snapshot: any SnapshotStore) throws(StorageError) {
        let position = CheckpointPosition(end: recovered.end, createdAt: options.clock.wallNanoseconds())
        do {
            _ = try snapshot.apply(recovered.overlay, position)
        } catch {
            switch error {
            case .mapFull: throw StorageError(.lowSpace, "the snapshot's map is full", path: directory.snapshot)
            case .lowSpace(let error), .busy(let error), .final(let error): throw error
            }
        }
        recovered.overlay = Overlay()
        recovered.replayedBytes = 0
    }

    private func removeAll(_ numbers: [SegmentNumber]) throws(StorageError) {
        try orOpenFailed { () throws(SystemCallError) in
            for number in numbers { try io.unlink(directory.segment(number)) }
            try io.syncDirectory(directory.wal)
        }
    }

    /// Later segments leave the log; the tail of this one was copied by `setAside`.
    private mutating func setAsideBehind(_ numbers: [SegmentNumber], _ recovered: inout RecoveredLog)
        throws(StorageError)
    {
        for number in numbers where number > recovered.end.segment { try moveAside(number, suffix: "cut") }
        recovered.files.removeAll { $0.number > recovered.end.segment }
    }

    private func notThere(_ end: LogEnd) -> StorageError {
        StorageError(
            .damaged,
            "no batch ends there: the log is sound up to segment \(end.segment), offset \(end.offset); cut it where the refusal says",
            path: directory.root
        )
    }

    private func notReached(_ end: LogEnd) -> StorageError {
        StorageError(
            .missingFiles,
            "the log ends at LSN \(end.lastLSN), before what was asked for; add the later log with --log, or name an earlier position",
            path: directory.root
        )
    }
}
