import Glibc

/// The FORMAT file: `iii-storage 1\n` and the store id as 32 hexadecimal digits (storage.md §5.2).
extension LogOpening {
    private static var formatPrefix: String { "iii-storage " }
    private static var formatLimit: Int { 256 }

    func writeFormat(_ store: StoreID) throws(StorageError) {
        let text = "\(Self.formatPrefix)\(SegmentHeader.major)\n\(store.text)\n"
        try orOpenFailed { () throws(SystemCallError) in
            try io.replaceFile(directory.format, in: directory.root, with: Array(text.utf8))
        }
    }

    /// nil: there is none.
    func readFormat() throws(StorageError) -> StoreID? {
        let bytes: [UInt8]
        do {
            guard try io.exists(directory.format) else { return nil }
            bytes = try io.readFile(directory.format, limit: Self.formatLimit)
        } catch {
            throw .deviceFailed(error)
        }
        let spot = StorageError.Spot(path: directory.format, segment: .none, offset: 0)
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
        let prefix = Array(Self.formatPrefix.utf8)
        guard lines.count == 3, lines[0].starts(with: prefix), lines[2].isEmpty else {
            throw .foreign(at: spot, "FORMAT is not that of a store")
        }
        guard lines[0] == prefix + Array("\(SegmentHeader.major)".utf8) else {
            throw .newerWriter(
                at: spot,
                "store format \(String(decoding: lines[0].dropFirst(prefix.count), as: UTF8.self))"
            )
        }
        guard let store = StoreID(text: String(decoding: lines[1], as: UTF8.self)) else {
            throw .foreign(at: spot, "FORMAT names no store id")
        }
        return store
    }

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
