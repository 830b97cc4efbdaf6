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
        guard backups.begin() else { throw .closed(directory) }
        defer { backups.end() }
        checkpoints.withLock { $0.pins += 1 }
        defer { checkpoints.withLock { $0.pins -= 1 } }
        guard let store = writer.withLock({ $0.hasStopped ? nil : $0.log.store }) else { throw .closed(directory) }
        let backup = try BackupWriter(io: io, target: target) { [backups] in backups.isCancelled }
        do throws(StorageError) {
            return try copy(store, to: backup, progress)
        } catch {
            backup.discard()
            guard backups.isCancelled else { throw error }
            throw StorageError(.closed, "the store was closed before the backup was done", path: target)
        }
    }

    private func copy(_ store: StoreID, to backup: BackupWriter<IO>, _ progress: (_ doneBytes: UInt64) -> Void)
        throws(StorageError) -> BackupReport
    {
        let checkpoint = try snapshot.copy(to: backup.partial.snapshot, isCancelled: backup.isCancelled)
        // Every batch that is written from now on has a later time.
        let (end, files, now) = writer.withLock { ($0.log.end, $0.files, options.clock.wallNanoseconds()) }
        do throws(SystemCallError) {
            var manifest = BackupManifest(
                store: store,
                createdAt: now,
                checkpoint: checkpoint,
                through: LSN(rawValue: min(end.lastLSN.rawValue, gate.durableLSN.rawValue)),
                coveredUntil: now,
                files: []
            )
            try backup.addSnapshot(&manifest)
            try copyLog(backup, files, end, &manifest, progress)
            try backup.addFormat(from: directory, &manifest)
            return try backup.finish(manifest)
        } catch {
            throw .backupFailed(error)
        }
    }

    /// Every segment that is here now: more than the copied snapshot needs, never less. The active one up to the last
    /// batch, with the length that it was prepared with.
    private func copyLog(
        _ backup: BackupWriter<IO>,
        _ files: [LogFile],
        _ end: LogEnd,
        _ manifest: inout BackupManifest,
        _ progress: (UInt64) -> Void
    ) throws(SystemCallError) {
        var done = manifest.files.reduce(0) { $0 + $1.bytes }
        for file in files {
            let isPartial = file.number == end.segment && file.closedAt == nil
            let isEmpty = file.number > end.segment
            let bytes = isPartial ? end.offset : isEmpty ? LogLimits.firstBatchOffset : file.bytes
            try backup.addSegment(file.number, from: directory, bytes: bytes, paddedTo: file.bytes, &manifest)
            done += bytes
            progress(done)
        }
    }
}
