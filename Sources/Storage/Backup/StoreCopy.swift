import Glibc

/// A backup of a store that another process has open (storage.md §5.12).
///
/// Nothing can be pinned from outside, so it is copied in the order that makes the result whole: the snapshot first, of
/// which LMDB keeps what is being read, then the log from that snapshot's checkpoint up to the last batch that can be
/// read. If a segment is retired or its file used again in between, it starts over.
public struct StoreCopy {
    /// A running engine retires log with every checkpoint: seconds apart, and a copy takes less after the first try.
    public static let maximumAttempts = 5

    private let io = PosixIO()
    private let source: LogDirectory
    private let target: String
    private let options: StorageOptions

    /// Copies the store to `target`, which must not exist. The store is only read.
    ///
    /// - Parameter progress: gets the bytes copied so far; they begin at 0 again when the copy starts over.
    /// - Throws: `.damaged` and the like if the log can't be read up to its end, `.overloaded` if the store changed too
    ///   fast for every attempt. Nothing is left behind then.
    public static func run(
        store: String,
        to target: String,
        options: StorageOptions = .init(),
        progress: (UInt64) -> Void = { _ in }
    ) throws -> BackupReport {
        let copy = StoreCopy(
            source: LogDirectory(root: try LogInspector(path: store, keys: options.encryption).path),
            target: try StoreDirectory.absolutePath(target),
            options: options
        )
        for _ in 0..<maximumAttempts {
            if let report = try copy.attempt(progress) { return report }
        }
        throw StorageError(
            .overloaded,
            "the engine retired log faster than it could be copied, \(maximumAttempts) times; try again when it is less busy, or stop it",
            path: copy.source.root
        )
    }

    private init(source: LogDirectory, target: String, options: StorageOptions) {
        self.source = source
        self.target = target
        self.options = options
    }

    /// nil: something needed was retired meanwhile.
    private func attempt(_ progress: (UInt64) -> Void) throws -> BackupReport? {
        let backup = try BackupWriter(io: io, target: target)
        do {
            guard let manifest = try fill(backup, progress) else {
                backup.discard()
                return nil
            }
            return try backup.finish(manifest)
        } catch {
            backup.discard()
            guard let call = error as? SystemCallError else { throw error }
            throw StorageError.backupFailed(call)
        }
    }

    private func fill(_ backup: BackupWriter<PosixIO>, _ progress: (UInt64) -> Void) throws -> BackupManifest? {
        let checkpoint = try copySnapshot(backup)
        guard let end = try findEnd(after: checkpoint) else { return nil }
        var manifest = BackupManifest(
            store: try FormatFile(io: io, directory: source).read()?.store ?? StoreID(high: 0, low: 0),
            createdAt: options.clock.wallNanoseconds(),
            checkpoint: checkpoint?.position.lsn ?? .zero,
            through: max(checkpoint?.position.lsn ?? .zero, end.last),
            files: []
        )
        try backup.addSnapshot(&manifest)
        guard let first = try firstSegment(after: checkpoint),
            try copyLog(backup, from: first, end, &manifest, progress)
        else { return nil }
        try backup.addFormat(from: source, &manifest)
        return manifest
    }

    /// Returns what the copied snapshot says of itself; nil: nothing was checkpointed yet.
    private func copySnapshot(_ backup: BackupWriter<PosixIO>) throws(StorageError) -> CheckpointRow? {
        let running = try openSnapshot(source)
        defer { running.close() }
        try running.copy(to: backup.partial.snapshot)
        let copied = try openSnapshot(backup.partial)
        defer {
            copied.close()
            unlink(backup.partial.snapshotLock)
        }
        return copied.row
    }

    private func openSnapshot(_ directory: LogDirectory) throws(StorageError) -> LMDBSnapshot {
        var facts = stat()
        guard stat(directory.snapshotData, &facts) == 0, facts.st_size >= 2 * LogLimits.blockBytes else {
            throw .snapshotDamaged(directory.snapshotData, "the file is missing or empty")
        }
        var options = SnapshotOptions(options, store: StoreID(high: 0, low: 0))
        options.isReadOnly = true
        // As large as the file at least, or LMDB could not map it.
        options.mapBytes = max(options.mapBytes, LogLimits.roundedToBlock(Int(facts.st_size)))
        return try LMDBSnapshot(path: directory.snapshot, options: options)
    }

    /// Where the log goes on behind a checkpoint: in the segment that it ends in, or in the one that was begun behind it.
    private func firstSegment(after checkpoint: CheckpointRow?) throws(SystemCallError) -> SegmentNumber? {
        guard let end = checkpoint?.position.end else { return .first }
        let numbers = try io.list(source.wal).compactMap(LogDirectory.segmentNumber(ofName:))
        guard let number = numbers.filter({ $0 >= end.segment }).min() else { return nil }
        if number == end.segment { return number }
        return try header(number)?.predecessor.segment == end.segment ? number : nil
    }

    private struct End {
        var segment: SegmentNumber
        var offset: UInt64
        var last: LSN
    }

    /// Where the log ends now. nil: segments went away while it was read, and more may be missing than that.
    private func findEnd(after checkpoint: CheckpointRow?) throws -> End? {
        var inspector = try LogInspector(path: source.root, keys: options.encryption)
        inspector.coveredBefore = checkpoint?.position.end.segment.rawValue ?? 0
        let report = try inspector.walk()
        if let problem = report.problems.first {
            guard !report.sawRetirement else { return nil }
            throw problem
        }
        guard let tail = report.tail else { return nil }
        return End(
            segment: SegmentNumber(rawValue: tail.segment),
            offset: tail.offset,
            last: report.content.lastLSN ?? .zero
        )
    }

    /// False: a segment went away, or its file was used again, before its copy was complete.
    private func copyLog(
        _ backup: BackupWriter<PosixIO>,
        from first: SegmentNumber,
        _ end: End,
        _ manifest: inout BackupManifest,
        _ progress: (UInt64) -> Void
    ) throws(SystemCallError) -> Bool {
        var done: UInt64 = manifest.files.reduce(0) { $0 + $1.bytes }
        var number = first
        while number <= end.segment {
            guard let before = try header(number), let size = try segmentBytes(number) else { return false }
            let isLast = number == end.segment
            let bytes = isLast ? min(size, end.offset) : size
            do throws(SystemCallError) {
                let padded = isLast ? max(bytes, min(before.preparedBytes, size)) : size
                try backup.addSegment(number, from: source, bytes: bytes, paddedTo: padded, &manifest)
            } catch {
                // Gone, or shorter than a moment ago.
                guard try header(number)?.epoch == before.epoch, error.number != EIO else { return false }
                throw error
            }
            guard try header(number)?.epoch == before.epoch else { return false }
            done += bytes
            progress(done)
            number = number.next
        }
        return true
    }

    /// nil: no file of that name, or another segment's.
    private func header(_ number: SegmentNumber) throws(SystemCallError) -> SegmentHeader? {
        let block: [UInt8]
        do {
            block = try io.readFile(source.segment(number), limit: LogLimits.blockBytes)
        } catch {
            guard error.number == ENOENT else { throw error }
            return nil
        }
        guard case .valid(let header) = block.withUnsafeBytes({ SegmentHeader.read($0) }), header.number == number
        else {
            return nil
        }
        return header
    }

    private func segmentBytes(_ number: SegmentNumber) throws(SystemCallError) -> UInt64? {
        do {
            return try FileCopy(io: io).bytes(source.segment(number))
        } catch {
            guard error.number == ENOENT else { throw error }
            return nil
        }
    }
}
