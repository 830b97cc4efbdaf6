import Glibc

/// Up to where a restore goes.
public enum RestorePosition: Equatable, Sendable {
    /// Everything that the backup, and the log given with it, hold.
    case everything
    /// Whole transactions up to this position: the content after it, or after the last transaction that ends before it.
    case through(LSN)
    /// Everything that was committed at this moment or before, nanoseconds since 1970.
    case until(UInt64)
}

/// Makes a store from a backup (storage.md §5.12): everything is verified before the target gets its name.
///
/// The result has exactly the content of the position. A position before the backup's checkpoint is replayed from the log
/// alone, if that reaches back to LSN 1. Memory: `StoreBuilder.chunkBytes` of changes and one segment's.
public struct StoreRestore {
    let io = PosixIO()
    let backup: String
    let partial: LogDirectory
    let options: StorageOptions
    let manifest: BackupManifest

    /// - Parameters:
    ///   - backup: a directory that `Store.backup` wrote.
    ///   - target: a path that does not exist yet.
    ///   - log: a store's directory whose retained log goes on where the backup ends, or holds what came before its
    ///     checkpoint; damaged or not, it is only read.
    /// - Throws: `.damaged` if a file of the backup is not as it was written, `.positionNotHeld` with the positions that
    ///   can be had if it is none of them. Nothing is left behind then.
    public static func run(
        backup: String,
        target: String,
        position: RestorePosition = .everything,
        log: String? = nil,
        options: StorageOptions = .init()
    ) throws(StorageError) -> BackupReport {
        let (backup, manifest) = try readManifest(backup)
        let log = try log.map { path throws(StorageError) in try logDirectory(path, of: manifest.store) }
        let claim = try PartialDirectory.claim(.restore, for: target)
        let restore = StoreRestore(backup, manifest, into: claim, options)
        do throws(StorageError) {
            let reached = try restore.fill(position, log: log)
            try claim.finish()
            var report = restore.report(path: claim.target)
            report.through = reached
            return report
        } catch {
            claim.discard()
            throw error
        }
    }

    /// Checks every file of a backup against its manifest. Returns the position that it reaches.
    public static func verify(_ backup: String) throws(StorageError) -> BackupReport {
        let (path, manifest) = try readManifest(backup)
        for file in manifest.files { try verify(file, at: path + "/" + file.path) }
        return report(manifest, path: path)
    }

    /// Restores a backup into `<backup>.verify`, as a real restore would, and removes that again.
    ///
    /// Checks more than `verify` does: that the log can be recovered and every row of the snapshot can be read.
    public static func prove(_ backup: String, options: StorageOptions = .init()) throws(StorageError) -> BackupReport {
        let (path, manifest) = try readManifest(backup)
        let claim = try PartialDirectory.claim(.proof, path: path + ".verify", for: path)
        defer { claim.discard() }
        let restore = StoreRestore(path, manifest, into: claim, options)
        var report = restore.report(path: path)
        report.through = try restore.fill(.everything, log: nil)
        return report
    }

    /// Looks at the names that a backup to this path and its proof will work under.
    ///
    /// - Throws: if something else has one of them. Nothing is left behind.
    public static func requireNames(forBackup target: String) throws(StorageError) {
        let claim = try PartialDirectory.claim(.backup, for: target)
        defer { claim.discard() }
        try PartialDirectory.claim(.proof, path: claim.target + ".verify", for: claim.target).discard()
    }

    /// Removes a backup that was just made and could not be proved. Its MANIFEST goes first: without it, it is none.
    public static func discard(_ backup: String) {
        let io = PosixIO()
        try? io.unlink(backup + "/" + BackupManifest.name)
        try? FileTree(backup).remove()
        try? io.syncDirectory(parentDirectory(of: backup))
    }

    private init(
        _ backup: String,
        _ manifest: BackupManifest,
        into claim: PartialDirectory,
        _ options: StorageOptions
    ) {
        self.backup = backup
        self.manifest = manifest
        partial = LogDirectory(root: claim.path)
        self.options = options
    }

    /// Copies, brings the copy to the position, and reads every row. Returns the position reached.
    private func fill(_ position: RestorePosition, log: LogDirectory?) throws(StorageError) -> LSN {
        try copyFiles()
        guard let directory = log else { return try reach(position, log: nil) }
        let given = RestoreLog(directory, for: partial, options.encryption)
        try given.requireSameStore()
        if position == .everything { try given.requireEnd() }
        do {
            return try reach(position, log: given)
        } catch {
            throw given.isOfOtherIncarnation && error.isAboutFiles ? given.otherIncarnation(error.firstSentence) : error
        }
    }

    private func reach(_ position: RestorePosition, log: RestoreLog?) throws(StorageError) -> LSN {
        if let log { try addLaterLog(from: log.directory) }
        let (goal, takesEarlierLog) = try goal(position, log?.directory)
        if let log, !takesEarlierLog { try log.requireUse() }
        if let goal { try removeSegments(after: goal.lastSegment) }
        let reached = try open(goal)
        try auditSnapshot()
        if let goal, reached == .zero { throw .nothingCommitted(by: goal.wanted, path: backup) }
        return reached
    }

    private func copyFiles() throws(StorageError) {
        try Self.orFail { () throws(SystemCallError) in try FileTree(partial).create() }
        for file in manifest.files {
            let source = backup + "/" + file.path
            try Self.orFail { () throws(SystemCallError) in
                // Not longer than the file is, whatever the manifest says of it: it is compared behind.
                let bytes = min(file.bytes, try FileCopy(io: io).bytes(source))
                _ = try FileCopy(io: io).copy(source, to: partial.root + "/" + file.path, bytes: bytes, paddedTo: bytes)
            }
            try Self.verify(file, at: partial.root + "/" + file.path)
        }
    }

    /// Recovers the copy, up to the goal, and closes it cleanly.
    private func open(_ goal: RestoreGoal?) throws(StorageError) -> LSN {
        let store = manifest.store
        if goal?.startsEmpty == true { try replaceSnapshot(store) }
        try Self.orFail { () throws(SystemCallError) in
            let format = StoreFormat(store: store, incarnation: StoreFormat.newIncarnation(options.random))
            try FormatFile(io: io, directory: partial).write(format)
        }
        var opening = LogOpening(io: io, root: partial.root, options: options) { store, create throws(StorageError) in
            try LMDBSnapshot.open(partial, options, store: store, create: create)
        }
        opening.overlayBytesLimit = StoreBuilder.chunkBytes
        if let goal { opening.limit = .through(goal.lsn) }
        let log = LogStore(options: options, io: io, opened: try opening.run())
        let reached = log.recovery.recoveredLSN
        log.refuseCommits()
        try log.closeLog()
        // What came after the goal was set aside by the recovery; nobody wants it here.
        if goal != nil {
            try Self.orFail { () throws(SystemCallError) in
                try FileTree(partial).removeFolder(partial.quarantine)
            }
        }
        return reached
    }

    /// The state before the first checkpoint: then the log alone makes the content.
    private func replaceSnapshot(_ store: StoreID) throws(StorageError) {
        try Self.orFail { () throws(SystemCallError) in
            try FileTree(partial).removeFolder(partial.snapshot)
            try io.createDirectory(partial.snapshot)
        }
        try LMDBSnapshot.open(partial, options, store: store, create: true).close()
    }

    private func auditSnapshot() throws(StorageError) {
        let snapshot = try LMDBSnapshot.open(partial, options, store: manifest.store, create: false)
        defer { snapshot.close() }
        let audit = try snapshot.audit()
        guard let row = snapshot.row else { return }
        guard audit.damaged.isEmpty, audit.digest == row.digest, audit.counts == row.counts else {
            throw .snapshotDamaged(partial.snapshot, "\(audit.damaged.count) rows are damaged, or some are missing")
        }
    }
}

// The backup's files.
extension StoreRestore {
    private static func readManifest(_ backup: String) throws(StorageError) -> (path: String, BackupManifest) {
        var path = try StoreDirectory.absolutePath(backup)
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        var bytes = Bytes()
        try orFail { () throws(SystemCallError) in
            bytes = try PosixIO().readFile(path + "/" + BackupManifest.name, limit: BackupManifest.maximumBytes)
        }
        do {
            return (path, try BackupManifest(decoding: bytes))
        } catch {
            throw StorageError(error.code, error.message, path: path)
        }
    }

    private static func verify(_ file: BackupManifest.File, at path: String) throws(StorageError) {
        var found: (checksum: UInt32, bytes: UInt64) = (0, 0)
        try orFail { () throws(SystemCallError) in found = try FileCopy(io: PosixIO()).checksum(path) }
        guard found.checksum == file.checksum, found.bytes == file.bytes else {
            throw StorageError(
                .damaged,
                "\(file.path) of the backup is not as it was written (\(found.bytes) bytes, checksum \(hexadecimal(found.checksum)); expected \(file.bytes), \(hexadecimal(file.checksum))). Use another backup",
                path: path
            )
        }
    }

    /// The store whose log is to go on where the backup ends.
    private static func logDirectory(_ path: String, of store: StoreID) throws(StorageError) -> LogDirectory {
        let inspector = try LogInspector(path: path)
        guard let id = try inspector.anyStoreID(), id != store.text else { return inspector.directory }
        throw StorageError(
            .unusableDirectory,
            "the log is of another store (\(id)) than the backup (\(store.text)); name the directory of that one",
            path: inspector.path
        )
    }

    private func report(path: String) -> BackupReport {
        Self.report(manifest, path: path)
    }

    private static func report(_ manifest: BackupManifest, path: String) -> BackupReport {
        BackupReport(
            path: path,
            files: manifest.files.count,
            bytes: manifest.files.reduce(0) { $0 + $1.bytes },
            through: manifest.through
        )
    }

    static func orFail(_ body: () throws(SystemCallError) -> Void) throws(StorageError) {
        do {
            try body()
        } catch {
            if error.isLackOfResources { throw .processShort("the restore", error) }
            throw StorageError(.inputOutput, "the restore failed: \(error.reason)", path: error.path, systemCall: error)
        }
    }
}
