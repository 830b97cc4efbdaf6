/// The files of a backup in the making: in `<target>.partial` until everything is durable, then under their name.
struct BackupWriter<IO: StorageIO> {
    let io: IO
    private let claim: PartialDirectory
    let partial: LogDirectory
    /// Looked at between two blocks, and before the backup gets its name.
    let isCancelled: @Sendable () -> Bool

    /// Makes the folders. The caller calls `finish` or `discard`.
    init(io: IO, target: String, isCancelled: @escaping @Sendable () -> Bool = { false }) throws(StorageError) {
        self.io = io
        self.isCancelled = isCancelled
        claim = try PartialDirectory.claim(.backup, for: target)
        partial = LogDirectory(root: claim.path)
        do {
            try FileTree(partial).create()
        } catch {
            claim.discard()
            throw .backupFailed(error)
        }
    }

    /// Removes what was written.
    func discard() {
        claim.discard()
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
        guard !isCancelled() else { throw .cancelled(claim.target) }
        try claim.finishOrFail()
        return BackupReport(
            path: claim.target,
            files: manifest.files.count,
            bytes: manifest.files.reduce(0) { $0 + $1.bytes },
            through: manifest.through
        )
    }
}

extension StorageError {
    static func backupFailed(_ error: SystemCallError) -> StorageError {
        if error.isLackOfResources { return .processShort("the backup", error) }
        return StorageError(.inputOutput, "the backup failed: \(error.reason)", path: error.path, systemCall: error)
    }
}

extension SystemCallError {
    /// Nobody wants the result any more.
    static func cancelled(_ path: String) -> SystemCallError {
        SystemCallError(call: "copy", number: 125, path: path)
    }
}
