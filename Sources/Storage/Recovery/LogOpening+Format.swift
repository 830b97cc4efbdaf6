/// A creation that a crash cut short (R1, R2).
extension LogOpening {
    /// Without FORMAT there may be what a creation had made when a crash cut it short: a first segment, a HEAD that names it,
    /// and a snapshot, all provably empty. Anything else means that FORMAT was removed (R2).
    func clearUnfinishedCreation(_ segments: [SegmentNumber]) throws(StorageError) {
        if !segments.isEmpty {
            guard segments == [.first], try isUntouchedFirstSegment() else {
                throw .filesRemoved(directory.root, "there are log segments but no FORMAT file")
            }
        }
        try requireEmptySnapshot()
        let hasHead = try requireEarlyHead(segments)
        try orOpenFailed { () throws(SystemCallError) in
            for path in [directory.snapshotData, directory.snapshotLock] where try io.exists(path) {
                try io.unlink(path)
            }
            if hasHead {
                // First, and durably: HEAD without the segment that it names would look like a loss.
                try io.unlink(directory.head)
                try io.syncDirectory(directory.wal)
            }
            guard !segments.isEmpty else { return }
            try io.unlink(directory.segment(.first))
            try io.syncDirectory(directory.wal)
        }
    }

    /// A snapshot of an unfinished creation has LMDB's first two pages at most; a row needs a third.
    private func requireEmptySnapshot() throws(StorageError) {
        guard try orOpenFailed({ () throws(SystemCallError) in try io.exists(directory.snapshotData) }) else { return }
        let bytes = try fileBytes(directory.snapshotData)
        guard bytes <= UInt64(LogLimits.emptySnapshotBytes) else {
            throw .snapshotWithoutFormat(directory, bytes: bytes)
        }
    }

    /// Whether there is a HEAD. One that names more than the first segment, which is here, is of a store that was in use.
    private func requireEarlyHead(_ segments: [SegmentNumber]) throws(StorageError) -> Bool {
        let head = try LogHeadFile(io: io, directory: directory).read()
        if let head, segments != [.first] || head.segment != .first {
            throw .headWithoutFormat(directory, head)
        }
        return try orOpenFailed { () throws(SystemCallError) in try io.exists(directory.head) }
    }

    private func isUntouchedFirstSegment() throws(StorageError) -> Bool {
        var window = try SegmentWindow(io: io, path: directory.segment(.first))
        let block = try window.bytes(at: 0, LogLimits.blockBytes)
        guard case .valid(let header) = SegmentHeader.read(block), header.number == .first,
            header.firstBatch == BatchNumber(rawValue: 1)
        else { return false }
        var offset = LogLimits.firstBatchOffset
        while offset < window.size {
            guard try window.bytes(at: offset, LogLimits.blockBytes).isAllZero else { return false }
            offset += UInt64(LogLimits.blockBytes)
        }
        return true
    }
}
