import Glibc

/// The files of a store before and after they are judged: what is there, what must be durable first, what may go.
extension LogOpening {
    mutating func listLog() throws(StorageError) -> LogListing {
        var names: [String] = []
        do {
            names = try io.list(directory.wal)
        } catch {
            guard error.number == ENOENT else { throw .deviceFailed(error) }
        }
        var listing = LogListing()
        for name in names.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            if let number = LogDirectory.segmentNumber(ofName: name) {
                listing.segments.append(number)
            } else if LogDirectory.isOwnTemporary(name) {
                listing.temporaries.append(directory.wal + "/" + name)
            } else if name != LogDirectory.headName {
                warnings.append("unknown file in the log directory, ignored: \(directory.wal)/\(name)")
            }
        }
        listing.segments.sort()
        return listing
    }

    /// Step 5: what was read must be on the device before it is believed (lesson 6). The last owner may have been killed
    /// between a write and its sync: the kernel remembers what a power cut would take away, and on its word log would be
    /// removed.
    func syncBeforeBelieving(newest: SegmentNumber?) throws(StorageError) {
        try orOpenFailed { () throws(SystemCallError) in
            if !isMutant(.noRecoverySync) {
                if let newest, !isMutant(.noRecoveryFileSync) { try sync(file: directory.segment(newest)) }
                if !isMutant(.noRecoveryNameSync) { try syncFolder(directory.wal) }
            }
            if !isMutant(.noSnapshotResync) {
                try sync(file: directory.snapshotData)
                try syncFolder(directory.snapshot)
            }
            try io.syncDirectory(directory.root)
            try syncParent()
        }
    }

    /// A file that is missing is refused where it is needed.
    private func sync(file path: String) throws(SystemCallError) {
        guard try io.exists(path) else { return }
        let file = try io.open(path, .update)
        defer { io.close(file) }
        try io.fdatasync(file)
    }

    private func syncFolder(_ path: String) throws(SystemCallError) {
        do {
            try io.syncDirectory(path)
        } catch {
            guard error.number == ENOENT else { throw error }
        }
    }

    /// The store's own name. A parent that may be entered but not read can't be synced by us; its owner's rights, not our
    /// failure.
    func syncParent() throws(SystemCallError) {
        do {
            try io.syncDirectory(parentDirectory(of: directory.root))
        } catch {
            guard error.number == EACCES else { throw error }
        }
    }

    func fileBytes(_ path: String) throws(StorageError) -> UInt64 {
        try SegmentWindow(io: io, path: path, pieceBytes: LogLimits.blockBytes).size
    }

    func remove(_ temporaries: [String]) throws(StorageError) {
        try orOpenFailed { () throws(SystemCallError) in for path in temporaries { try io.unlink(path) } }
    }

    /// A full disk must not keep a store from opening, or nobody could delete anything: what the snapshot covers goes, and
    /// then a small segment has to do. nil: not even that.
    mutating func beginSegment(
        _ writer: inout LogWriter<IO>,
        _ preparer: SegmentPreparer<IO>,
        _ sizing: SegmentSizing,
        _ recovered: inout RecoveredLog,
        _ snapshot: any SnapshotStore
    ) throws(StorageError) -> PreparedSegment? {
        let sizes = [sizing.openingBytes, sizing.openingBytes, sizing.fullDiskBytes(toHold: 0)]
        for (attempt, bytes) in sizes.enumerated() {
            if attempt == 1 { try removeCovered(&recovered, snapshot) }
            do throws(StorageError) {
                let spare = try orOpenFailed { () throws(SystemCallError) in
                    try preparer.take(atLeast: bytes, wanted: bytes)
                }
                do {
                    try writer.activate(spare)
                } catch {
                    preparer.giveBack(spare)
                    throw error
                }
                noteHead(writer)
                return spare
            } catch {
                // Nothing was acknowledged by this owner: not a loss, only a failed start.
                guard error.systemCall?.isLackOfSpace == true else { throw error.asFailedStart }
            }
        }
        preparer.discard()
        // Whoever makes a store, or leaves one at another place, needs a segment to say so.
        guard recovered.condition != .new, limit == .none else {
            throw StorageError(.lowSpace, "there is no room for a log segment; make some", path: directory.root)
        }
        warnings.append(
            "there is no room for a log segment: the store can be read, and takes writes as soon as there is room [path \(directory.root)]"
        )
        return nil
    }

    /// Log that is kept for history only (I6: the snapshot that covers it is durable). Oldest first: no gap after a crash.
    func removeCovered(_ recovered: inout RecoveredLog, _ snapshot: any SnapshotStore) throws(StorageError) {
        guard let needed = snapshot.row?.position.end.segment, recovered.files.contains(where: { $0.number < needed })
        else { return }
        try orOpenFailed { () throws(SystemCallError) in
            let first = isMutant(.removeCoveredTooMuch) ? needed.next : needed
            for file in recovered.files where file.number < first { try io.unlink(directory.segment(file.number)) }
            try io.syncDirectory(directory.wal)
        }
        recovered.files.removeAll { $0.number < needed }
    }

    private mutating func noteHead(_ writer: LogWriter<IO>) {
        guard let failure = writer.headFailure else { return }
        warnings.append("\(directory.head) could not be written, the next segment tries again: \(failure.reason)")
    }
}

extension StorageError {
    fileprivate var asFailedStart: StorageError {
        StorageError(code == .durabilityLost ? .inputOutput : code, message, path: path, systemCall: systemCall)
    }
}
