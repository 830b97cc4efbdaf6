/// What a backup or restore came to.
public struct BackupReport: Equatable, Sendable {
    /// Absolute path.
    public var path: String
    public var files: Int
    public var bytes: UInt64
    /// The last record in it.
    public var through: LSN
}

/// Online backup (storage.md §5.12): a consistent copy while the store goes on.
extension LogStore {
    /// Copies the snapshot and the log behind it to `target`, which must not exist, and verifies every byte written.
    /// It holds everything that was durable when it began.
    func backup(to target: String, _ progress: (_ doneBytes: UInt64) -> Void) throws(StorageError) -> BackupReport {
        // No segment is retired meanwhile: what the copied snapshot rests on stays.
        checkpoints.withLock { $0.pins += 1 }
        defer { checkpoints.withLock { $0.pins -= 1 } }
        guard let store = writer.withLock({ $0.hasStopped ? nil : $0.log.store }) else {
            throw StorageError(.closed, "the store is closed", path: directory.root)
        }
        let partial = LogDirectory(root: target + ".partial")
        try prepare(partial, target: target)
        try snapshot.copy(to: partial.snapshot)
        let (end, files) = writer.withLock { ($0.log.end, $0.files) }
        do throws(SystemCallError) {
            var manifest = BackupManifest(
                store: store,
                createdAt: options.clock.wallNanoseconds(),
                checkpoint: .zero,
                through: LSN(rawValue: min(end.lastLSN.rawValue, gate.durableLSN.rawValue)),
                files: []
            )
            try copySnapshot(partial, &manifest)
            try copyLog(partial, files, end, &manifest, progress)
            return try finish(partial, target, manifest)
        } catch {
            throw StorageError(.inputOutput, "the backup failed: \(error.reason)", path: error.path, systemCall: error)
        }
    }

    private func prepare(_ partial: LogDirectory, target: String) throws(StorageError) {
        do throws(SystemCallError) {
            guard try !io.exists(target) else {
                throw SystemCallError(call: "mkdir", number: 17, path: target)
            }
            try DirectoryTree(io: io).remove(partial)
            try DirectoryTree(io: io).create(partial)
        } catch {
            throw StorageError(
                .unusableDirectory,
                "a backup can't be written there: \(error.reason); name a path that does not exist yet",
                path: error.path,
                systemCall: error
            )
        }
    }

    private func copySnapshot(_ partial: LogDirectory, _ manifest: inout BackupManifest) throws(SystemCallError) {
        let file = try io.open(partial.snapshotData, .update)
        defer { io.close(file) }
        try io.fdatasync(file)
        let (checksum, bytes) = try FileCopy(io: io).checksum(partial.snapshotData)
        manifest.files.append(.init(path: "snapshot/data.mdb", bytes: bytes, checksum: checksum))
    }

    /// Every segment that is here now: more than the copied snapshot needs, never less. The active one up to the last
    /// batch, with the length that it was prepared with.
    private func copyLog(
        _ partial: LogDirectory,
        _ files: [LogFile],
        _ end: LogEnd,
        _ manifest: inout BackupManifest,
        _ progress: (UInt64) -> Void
    ) throws(SystemCallError) {
        var done = manifest.files.reduce(0) { $0 + $1.bytes }
        for file in files {
            let path = directory.segment(file.number)
            let isPartial = file.number == end.segment && file.closedAt == nil
            let isEmpty = file.number > end.segment
            let bytes = isPartial ? end.offset : isEmpty ? LogLimits.firstBatchOffset : file.bytes
            let target = partial.segment(file.number)
            let checksum = try FileCopy(io: io).copy(path, to: target, bytes: bytes, paddedTo: file.bytes)
            let name = "wal/" + LogDirectory.segmentName(file.number)
            manifest.files.append(.init(path: name, bytes: file.bytes, checksum: checksum))
            done += bytes
            progress(done)
        }
        let checksum = try FileCopy(io: io).copy(
            directory.format,
            to: partial.format,
            bytes: formatBytes(),
            paddedTo: formatBytes()
        )
        manifest.files.append(.init(path: "FORMAT", bytes: try formatBytes(), checksum: checksum))
    }

    private func formatBytes() throws(SystemCallError) -> UInt64 {
        let file = try io.open(directory.format, .readDevice)
        defer { io.close(file) }
        return try io.size(file)
    }

    /// Everything durable, then the name.
    private func finish(_ partial: LogDirectory, _ target: String, _ manifest: BackupManifest) throws(SystemCallError)
        -> BackupReport
    {
        try io.replaceFile(partial.root + "/" + BackupManifest.name, in: partial.root, with: manifest.encoded())
        for path in [partial.wal, partial.snapshot, partial.root] { try io.syncDirectory(path) }
        try io.rename(partial.root, to: target)
        try io.syncDirectory(parentDirectory(of: target))
        return BackupReport(
            path: target,
            files: manifest.files.count,
            bytes: manifest.files.reduce(0) { $0 + $1.bytes },
            through: manifest.through
        )
    }
}

func parentDirectory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
