import Glibc

/// Copies a stopped store's directory, file by file, damaged or not, and compares what was written with what was read.
/// The caller holds the store's lock.
struct StoreFilesCopy {
    private let io = PosixIO()
    private let source: LogDirectory
    private let target: String

    init(source: String, target: String) {
        self.source = LogDirectory(root: source)
        self.target = target
    }

    /// Returns the number of files and their bytes. The target must not exist; after an error it does not.
    func run(_ progress: (UInt64) -> Void) throws(StorageError) -> (files: Int, bytes: UInt64) {
        let partial = try PartialDirectory.claim(.copy, for: target)
        do throws(SystemCallError) {
            var done = (files: 0, bytes: UInt64(0))
            for (from, to) in folders(partial.path) where try io.exists(from) {
                try io.createDirectory(to)
                try copy(from, to, &done, progress)
            }
            try partial.finishOrFail()
            return done
        } catch {
            partial.discard()
            throw StorageError(
                .inputOutput,
                "the store was not copied, and not changed: \(error.reason); name a path that does not exist yet, with room for it",
                path: error.path,
                systemCall: error
            )
        }
    }

    /// What speaks of this directory only.
    private static let leftOut: Set<String> = ["LOCK", PartialDirectory.marker, LogDirectory.scrubName]

    private func folders(_ target: String) -> [(String, String)] {
        let target = LogDirectory(root: target)
        return [
            (source.root, target.root), (source.wal, target.wal), (source.snapshot, target.snapshot),
            (source.quarantine, target.quarantine),
        ]
    }

    private func copy(
        _ from: String,
        _ to: String,
        _ done: inout (files: Int, bytes: UInt64),
        _ progress: (UInt64) -> Void
    ) throws(SystemCallError) {
        // Temporary files hold nothing, and come and go beside a running engine.
        for name in try io.list(from).sorted() where !Self.leftOut.contains(name) && !LogDirectory.isTemporary(name) {
            guard try isFile(from + "/" + name) else { continue }
            let bytes = try FileCopy(io: io).bytes(from + "/" + name)
            let written = try FileCopy(io: io).copy(
                from + "/" + name,
                to: to + "/" + name,
                bytes: bytes,
                paddedTo: bytes
            )
            guard try FileCopy(io: io).checksum(from + "/" + name).checksum == written else {
                throw SystemCallError(call: "compare", number: EIO, path: to + "/" + name)
            }
            done.files += 1
            done.bytes += bytes
            progress(done.bytes)
        }
    }

    private func isFile(_ path: String) throws(SystemCallError) -> Bool {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { throw SystemCallError(call: "lstat", number: errno, path: path) }
        return facts.st_mode & S_IFMT == S_IFREG
    }
}
