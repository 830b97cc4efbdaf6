import Glibc

/// Up to where a restore goes.
public enum RestorePosition: Equatable, Sendable {
    /// Everything that the backup, and the log given with it, hold.
    case everything
    /// Whole transactions up to this position.
    case through(LSN)
    /// What was committed up to this moment, nanoseconds since 1970.
    case until(UInt64)
}

/// Makes a store from a backup (storage.md §5.12): everything is verified before the target gets its name.
public struct StoreRestore {
    let io = PosixIO()
    let backup: String
    let target: LogDirectory
    let partial: LogDirectory
    let options: StorageOptions

    /// - Parameters:
    ///   - backup: a directory that `Store.backup` wrote.
    ///   - target: a path that does not exist yet.
    ///   - log: a store's directory whose retained log goes on where the backup ends; damaged or not, it is only read.
    /// - Throws: `.damaged` if a file of the backup is not as it was written, `.missingFiles` if the position lies behind
    ///   what is there. The target then does not exist; `target.partial` may, and the next attempt removes it.
    public static func run(
        backup: String,
        target: String,
        position: RestorePosition = .everything,
        log: String? = nil,
        options: StorageOptions = .init()
    ) throws(StorageError) -> BackupReport {
        let path = try StoreDirectory.absolutePath(target)
        let restore = StoreRestore(
            backup: try StoreDirectory.absolutePath(backup),
            target: LogDirectory(root: path),
            partial: LogDirectory(root: path + ".partial"),
            options: options
        )
        return try restore.run(position, log: try log.map(StoreDirectory.absolutePath))
    }

    /// Checks every file of a backup against its manifest. Returns the position that it reaches.
    public static func verify(_ backup: String) throws(StorageError) -> BackupReport {
        let path = try StoreDirectory.absolutePath(backup)
        let partial = LogDirectory(root: path)
        let restore = StoreRestore(backup: path, target: partial, partial: partial, options: .init())
        let manifest = try restore.readManifest()
        for file in manifest.files { try restore.verify(file, at: path + "/" + file.path) }
        return restore.report(manifest, path: path)
    }

    /// Restores a backup into `<backup>.verify`, as a real restore would, and removes that again.
    ///
    /// Checks more than `verify` does: that the log can be recovered and every row of the snapshot can be read.
    public static func prove(_ backup: String, options: StorageOptions = .init()) throws(StorageError) -> BackupReport {
        let scratch = try StoreDirectory.absolutePath(backup) + ".verify"
        try remove(LogDirectory(root: scratch))
        let report = try run(backup: backup, target: scratch, options: options)
        try remove(LogDirectory(root: scratch))
        return report
    }

    private static func remove(_ directory: LogDirectory) throws(StorageError) {
        do throws(SystemCallError) {
            try DirectoryTree(io: PosixIO()).removeWhole(directory)
        } catch {
            throw StorageError(
                .inputOutput,
                "the restored copy can't be removed: \(error.reason); remove it by hand",
                path: error.path,
                systemCall: error
            )
        }
    }

    private func run(_ position: RestorePosition, log: String?) throws(StorageError) -> BackupReport {
        let manifest = try readManifest()
        try orFail { () throws(SystemCallError) in
            guard try !io.exists(target.root) else {
                throw SystemCallError(call: "mkdir", number: EEXIST, path: target.root)
            }
            try DirectoryTree(io: io).remove(partial)
            try DirectoryTree(io: io).create(partial)
        }
        for file in manifest.files {
            try orFail { () throws(SystemCallError) in
                _ = try FileCopy(io: io).copy(
                    backup + "/" + file.path,
                    to: partial.root + "/" + file.path,
                    bytes: min(file.bytes, try size(backup + "/" + file.path)),
                    paddedTo: file.bytes
                )
            }
            try verify(file, at: partial.root + "/" + file.path)
        }
        if let log { try addLog(from: LogDirectory(root: log), after: manifest) }
        let reached = try open(position)
        try orFail { () throws(SystemCallError) in
            try io.rename(partial.root, to: target.root)
            try io.syncDirectory(parentDirectory(of: target.root))
        }
        var report = report(manifest, path: target.root)
        report.through = reached
        return report
    }

    private func report(_ manifest: BackupManifest, path: String) -> BackupReport {
        BackupReport(
            path: path,
            files: manifest.files.count,
            bytes: manifest.files.reduce(0) { $0 + $1.bytes },
            through: manifest.through
        )
    }

    private func readManifest() throws(StorageError) -> BackupManifest {
        var bytes = Bytes()
        try orFail { () throws(SystemCallError) in
            bytes = try io.readFile(backup + "/" + BackupManifest.name, limit: BackupManifest.maximumBytes)
        }
        do {
            return try BackupManifest(decoding: bytes)
        } catch {
            throw StorageError(error.code, error.message, path: backup)
        }
    }

    private func verify(_ file: BackupManifest.File, at path: String) throws(StorageError) {
        var found: (checksum: UInt32, bytes: UInt64) = (0, 0)
        try orFail { () throws(SystemCallError) in found = try FileCopy(io: io).checksum(path) }
        guard found.checksum == file.checksum, found.bytes == file.bytes else {
            throw StorageError(
                .damaged,
                "\(file.path) of the backup is not as it was written (\(found.bytes) bytes, checksum \(hexadecimal(found.checksum)); expected \(file.bytes), \(hexadecimal(file.checksum))). Use another backup",
                path: path
            )
        }
    }

    private func size(_ path: String) throws(SystemCallError) -> UInt64 {
        let file = try io.open(path, .readDevice)
        defer { io.close(file) }
        return try io.size(file)
    }

    /// Segments from the backup's last one on: that one was copied while it was being written.
    private func addLog(from source: LogDirectory, after manifest: BackupManifest) throws(StorageError) {
        let last = manifest.files.compactMap { LogDirectory.segmentNumber(ofName: String($0.path.dropFirst(4))) }.max()
        try orFail { () throws(SystemCallError) in
            let numbers = try io.list(source.wal).compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
            for number in numbers where number >= last ?? .first {
                let bytes = try size(source.segment(number))
                let target = partial.segment(number)
                _ = try FileCopy(io: io).copy(source.segment(number), to: target, bytes: bytes, paddedTo: bytes)
            }
        }
    }

    /// Recovers the copy, up to the position, looks at every row, and closes it cleanly.
    private func open(_ position: RestorePosition) throws(StorageError) -> LSN {
        var opening = LogOpening(io: io, root: partial.root, options: options) { store, create throws(StorageError) in
            try LMDBSnapshot.open(partial, options, store: store, create: create)
        }
        opening.limit =
            switch position {
            case .everything: .none
            case .through(let lsn): .through(lsn)
            case .until(let moment): .until(moment)
            }
        let log = LogStore(options: options, io: io, opened: try opening.run())
        let reached = log.recovery.recoveredLSN
        log.refuseCommits()
        try log.closeLog()
        try auditSnapshot()
        return reached
    }

    private func auditSnapshot() throws(StorageError) {
        let snapshot = try LMDBSnapshot(path: partial.snapshot, options: SnapshotOptions(options, store: storeID()))
        defer { snapshot.close() }
        let audit = try snapshot.audit()
        guard let row = snapshot.row else { return }
        guard audit.damaged.isEmpty, audit.digest == row.digest, audit.counts == row.counts else {
            throw .snapshotDamaged(partial.snapshot, "\(audit.damaged.count) rows are damaged, or some are missing")
        }
    }

    private func storeID() throws(StorageError) -> StoreID {
        try readManifest().store
    }

    private func orFail(_ body: () throws(SystemCallError) -> Void) throws(StorageError) {
        do {
            try body()
        } catch {
            throw StorageError(.inputOutput, "the restore failed: \(error.reason)", path: error.path, systemCall: error)
        }
    }
}

/// The folders of a copy in the making.
struct DirectoryTree<IO: StorageIO> {
    let io: IO

    func create(_ directory: LogDirectory) throws(SystemCallError) {
        for path in [directory.root, directory.snapshot, directory.wal] { try io.createDirectory(path) }
    }

    /// Files and folders of a store; not an error if there is none.
    func removeWhole(_ directory: LogDirectory) throws(SystemCallError) {
        let folders = [directory.snapshot, directory.wal, directory.quarantine, directory.root]
        for folder in folders where try io.exists(folder) {
            for name in try io.list(folder) { try io.unlink(folder + "/" + name) }
            guard rmdir(folder) == 0 else { throw SystemCallError(call: "rmdir", number: errno, path: folder) }
        }
    }

    /// Removes the files that an earlier attempt left; the folders stay.
    func remove(_ directory: LogDirectory) throws(SystemCallError) {
        for folder in [directory.snapshot, directory.wal, directory.root] where try io.exists(folder) {
            for name in try io.list(folder) where !["snapshot", "wal"].contains(name) {
                try io.unlink(folder + "/" + name)
            }
        }
    }
}
