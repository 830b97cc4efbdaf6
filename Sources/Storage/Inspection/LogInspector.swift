import CPlatform
import Glibc

/// Reads a store's log without opening the store: takes no lock, creates and changes nothing, stops at no damage, works
/// beside a running engine (storage.md §5.12).
///
/// Reads past the page cache what the device holds. Memory is bounded by one mebibyte or the largest batch.
/// Thread-safe: every call reads anew.
public struct LogInspector: Sendable {
    /// Canonical absolute path of the store.
    public var path: String { directory.root }

    /// Major version of the format that this version reads.
    public static let formatVersion = SegmentHeader.major

    let directory: LogDirectory
    /// Segments before this one are wholly in the snapshot: those whose key was not given are passed over and named in
    /// the report. 0: none is.
    public var coveredBefore: UInt64 = 0

    let keys: EncryptionKeys
    let io = PosixIO()

    /// Throws `.unusableDirectory` if there is no store or it can't be read. An encrypted log needs its keys.
    public init(path: String, keys: EncryptionKeys = EncryptionKeys()) throws(StorageError) {
        self.keys = keys
        directory = LogDirectory(root: try Self.resolve(path))
        try requireStore()
    }

    /// What can be said without reading the log.
    public func facts() throws(StorageError) -> StoreFacts {
        do {
            return try readFacts()
        } catch {
            throw .inspectionFailed(error, root: path)
        }
    }

    /// Reads the whole log and tells `visit` what stands there, in order. Throws what `visit` throws, and a
    /// `StorageError` of its own only if the store can't be read at all: damage is in the report.
    ///
    /// - Parameter needsKeys: false: without any key an encrypted log is walked too, headers and checksums alone
    ///   (`LogReport.unopenedBatches`).
    @discardableResult
    public func walk(needsKeys: Bool = true, _ visit: (LogEvent) throws -> Void = { _ in }) throws -> LogReport {
        var walk = try logWalk()
        walk.needsKeys = needsKeys
        return try walk.run { event, _ in try visit(event) }
    }

    /// Some segment needs a key, by its header.
    func isEncrypted() throws(StorageError) -> Bool { try !sealingKeys().isEmpty }

    /// Some segment is sealed with a key that was not given; false without any key.
    public func lacksKeys() throws(StorageError) -> Bool {
        guard !keys.isEmpty else { return false }
        return try sealingKeys().contains { keys.key($0) == nil }
    }

    private func sealingKeys() throws(StorageError) -> Set<KeyID> {
        let surveyor = LogSurveyor(io: io, directory: directory, start: try start(), keys: keys)
        let headers = try surveyor.survey().segments.compactMap(\.header)
        return Set(headers.filter(\.isEncrypted).map { KeyID(rawValue: $0.keyID) })
    }

    func logWalk() throws(StorageError) -> LogWalk<PosixIO> {
        let lock = directory.lock
        var walk = LogWalk(io: io, directory: directory, start: try start(), keys: keys) { LockFacts.isHeld(lock) }
        walk.coveredBefore = SegmentNumber(rawValue: coveredBefore)
        return walk
    }

    /// From the file's bytes, not through LMDB, which a damaged file may kill together with this process.
    private func start() throws(StorageError) -> LogStart {
        SnapshotProbe.holdsNothing(directory.snapshotData) ? .beginning : .anywhere
    }

    private static func resolve(_ path: String) throws(StorageError) -> String {
        guard !path.isEmpty, !path.utf8.contains(0), let resolved = realpath(path, nil) else {
            throw .noStore(path, systemErrorText(path.isEmpty || path.utf8.contains(0) ? EINVAL : errno))
        }
        defer { free(resolved) }
        let canonical = String(cString: resolved)
        var facts = stat()
        guard stat(canonical, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw .noStore(canonical, systemErrorText(ENOTDIR))
        }
        return canonical
    }

    private func requireStore() throws(StorageError) {
        do throws(SystemCallError) {
            for name in [directory.format, directory.wal, directory.snapshot] {
                if try io.exists(name) { return }
            }
            _ = try io.list(directory.root)
        } catch {
            throw .inspectionFailed(error, root: path)
        }
        throw .noStore(path, "it holds neither a FORMAT file nor wal/")
    }
}

extension StorageError {
    static func noStore(_ path: String, _ reason: String) -> StorageError {
        StorageError(
            .unusableDirectory,
            "there is no store here: \(reason); name the directory that holds FORMAT and wal/",
            path: path
        )
    }
}
