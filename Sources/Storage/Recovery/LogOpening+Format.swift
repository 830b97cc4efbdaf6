/// A creation that a crash cut short (R1, R2).
extension LogOpening {
    /// Without FORMAT there may be the first segment of a creation that a crash cut short: provably without a batch.
    /// Anything else means that FORMAT was removed (R2).
    func clearUnfinishedCreation(_ segments: [SegmentNumber]) throws(StorageError) {
        guard !segments.isEmpty else { return try clearUnfinishedSnapshot() }
        guard segments == [.first], try isUntouchedFirstSegment() else {
            throw .filesRemoved(directory.root, "there are log segments but no FORMAT file")
        }
        try clearUnfinishedSnapshot()
        try orOpenFailed { () throws(SystemCallError) in
            try io.unlink(directory.segment(.first))
            try io.syncDirectory(directory.wal)
        }
    }

    /// A snapshot of an unfinished creation holds nothing but LMDB's first two pages.
    private func clearUnfinishedSnapshot() throws(StorageError) {
        try orOpenFailed { () throws(SystemCallError) in
            for path in [directory.snapshotData, directory.snapshotLock] where try io.exists(path) {
                try io.unlink(path)
            }
        }
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
