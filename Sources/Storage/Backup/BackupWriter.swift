/// The files of a backup in the making: in `<target>.partial` until everything is durable, then under their name.
struct BackupWriter<IO: StorageIO> {
    let io: IO
    let target: String
    let partial: LogDirectory
    /// Looked at between two blocks, and before the backup gets its name.
    let isCancelled: @Sendable () -> Bool

    init(io: IO, target: String, isCancelled: @escaping @Sendable () -> Bool = { false }) {
        self.io = io
        self.target = target
        self.isCancelled = isCancelled
        partial = LogDirectory(root: target + ".partial")
    }

    /// Makes empty folders; what an interrupted backup left in them goes.
    func prepare() throws(StorageError) {
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

    /// The snapshot's file, which LMDB has written, durable and with its checksum.
    func addSnapshot(_ manifest: inout BackupManifest) throws(SystemCallError) {
        let file = try io.open(partial.snapshotData, .update)
        defer { io.close(file) }
        try io.fdatasync(file)
        let (checksum, bytes) = try FileCopy(io: io, isCancelled: isCancelled).checksum(partial.snapshotData)
        manifest.files.append(.init(path: "snapshot/data.mdb", bytes: bytes, checksum: checksum))
    }

    /// The first `bytes` bytes of a segment, then zeros up to `size`.
    func addSegment(
        _ number: SegmentNumber,
        from source: LogDirectory,
        bytes: UInt64,
        paddedTo size: UInt64,
        _ manifest: inout BackupManifest
    ) throws(SystemCallError) {
        let checksum = try FileCopy(io: io, isCancelled: isCancelled).copy(
            source.segment(number),
            to: partial.segment(number),
            bytes: bytes,
            paddedTo: size
        )
        manifest.files.append(
            .init(path: "wal/" + LogDirectory.segmentName(number), bytes: size, checksum: checksum)
        )
    }

    func addFormat(from source: LogDirectory, _ manifest: inout BackupManifest) throws(SystemCallError) {
        let bytes = try FileCopy(io: io).bytes(source.format)
        let checksum = try FileCopy(io: io).copy(source.format, to: partial.format, bytes: bytes, paddedTo: bytes)
        manifest.files.append(.init(path: "FORMAT", bytes: bytes, checksum: checksum))
    }

    /// Everything durable, then the name.
    func finish(_ manifest: BackupManifest) throws(SystemCallError) -> BackupReport {
        try io.replaceFile(partial.root + "/" + BackupManifest.name, in: partial.root, with: manifest.encoded())
        for path in [partial.wal, partial.snapshot, partial.root] { try io.syncDirectory(path) }
        guard !isCancelled() else { throw .cancelled(target) }
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

extension StorageError {
    static func backupFailed(_ error: SystemCallError) -> StorageError {
        StorageError(.inputOutput, "the backup failed: \(error.reason)", path: error.path, systemCall: error)
    }
}

extension SystemCallError {
    /// Nobody wants the result any more.
    static func cancelled(_ path: String) -> SystemCallError {
        SystemCallError(call: "copy", number: 125, path: path)
    }
}

func parentDirectory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
