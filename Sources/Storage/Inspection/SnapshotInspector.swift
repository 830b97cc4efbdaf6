import Glibc

/// Reads a store's snapshot without opening the store, beside a running engine too: LMDB's own lock file keeps what is
/// being read (storage.md §5.12).
///
/// Not thread-safe. A damaged LMDB file can end the process that reads it: run a deep look at a suspicious one in a process of its own.
public final class SnapshotInspector {
    public let facts: SnapshotFacts
    private let snapshot: LMDBSnapshot

    /// - Parameter path: the store's directory.
    /// - Throws: `.damaged` (R17) if there is no snapshot or it can't be read, `.unusableKey` if it needs another key.
    public init(path: String, keys: EncryptionKeys = EncryptionKeys()) throws(StorageError) {
        let directory = LogDirectory(root: path)
        var facts = stat()
        guard stat(directory.snapshotData, &facts) == 0, facts.st_size >= 2 * LogLimits.blockBytes else {
            throw .snapshotDamaged(directory.snapshotData, "the file is missing or empty")
        }
        var options = StorageOptions()
        options.encryption = keys
        let store = try FormatFile(io: PosixIO(), directory: directory).read() ?? StoreID(high: 0, low: 0)
        var snapshotOptions = SnapshotOptions(options, store: store)
        snapshotOptions.isReadOnly = true
        // As large as the file at least, or LMDB could not map it.
        snapshotOptions.mapBytes = max(snapshotOptions.mapBytes, LogLimits.roundedToBlock(Int(facts.st_size)))
        snapshot = try LMDBSnapshot(path: directory.snapshot, options: snapshotOptions)
        self.facts = SnapshotFacts(snapshot, fileBytes: Int(facts.st_size))
    }

    /// Every sound row, in order of table and key; false ends the walk. Damaged rows are in the report.
    @discardableResult
    public func rows(_ visit: (SnapshotRow) throws -> Bool = { _ in true }) throws -> SnapshotReport {
        var failure: (any Error)?
        let audit: SnapshotAudit
        do throws(StorageError) {
            audit = try snapshot.audit { (table, key, value) throws(StorageError) in
                do {
                    let row = SnapshotRow(
                        table: table,
                        key: Bytes(key),
                        value: Bytes(value.bytes),
                        lsn: LSN(rawValue: value.lsn)
                    )
                    guard try visit(row) else { throw Self.enough }
                } catch {
                    failure = error
                    throw Self.enough
                }
            }
        } catch {
            if let failure, (failure as? StorageError)?.code != Self.enough.code { throw failure }
            guard error.code == Self.enough.code else { throw error }
            return SnapshotReport(damaged: [], isWhole: false, matchesCheckpoint: true)
        }
        return SnapshotReport(
            damaged: audit.damaged.map { .init(table: $0.table, key: $0.key, reason: $0.reason) },
            isWhole: true,
            matchesCheckpoint: snapshot.row.map { audit.digest == $0.digest && audit.counts == $0.counts }
                ?? audit.counts.isEmpty
        )
    }

    private static let enough = StorageError(.closed, "the walk was ended")

    /// nil: no such row.
    public func row(_ table: TableID, key: Bytes) throws(StorageError) -> SnapshotRow? {
        defer { snapshot.endRead() }
        let result = key.withUnsafeBytes { bytes in
            Result { () throws(StorageError) in
                try snapshot.find(table, bytes).map { value in
                    SnapshotRow(table: table, key: key, value: Bytes(value.bytes), lsn: LSN(rawValue: value.lsn))
                }
            }
        }
        return try result.get()
    }

    var store: any SnapshotStore { snapshot }
}

public struct SnapshotRow: Sendable, Equatable {
    public var table: TableID
    public var key: Bytes
    public var value: Bytes
    /// The record that wrote it.
    public var lsn: LSN
}

/// What a snapshot says of itself.
public struct SnapshotFacts: Sendable {
    public struct Checkpoint: Sendable, Equatable {
        /// Every record up to here is in the snapshot.
        public var lsn: LSN
        public var generation: UInt64
        /// Nanoseconds since 1970.
        public var createdAt: UInt64
        /// Where in the log it ends.
        public var segment: UInt64
        public var offset: UInt64
        public var batch: UInt64
        public var digest: UInt64
        /// nil: not encrypted.
        public var keyID: KeyID?
        /// Rows by table.
        public var tables: [UInt16: UInt64]
    }

    /// nil: no checkpoint was written yet.
    public var checkpoint: Checkpoint?
    public var fileBytes: Int
    public var usedBytes: Int
    public var freeBytes: Int

    init(_ snapshot: LMDBSnapshot, fileBytes: Int) {
        self.fileBytes = fileBytes
        usedBytes = snapshot.size.usedPages * snapshot.size.pageBytes
        freeBytes = snapshot.size.freeBytes
        checkpoint = snapshot.row.map { row in
            Checkpoint(
                lsn: row.position.lsn,
                generation: row.generation,
                createdAt: row.position.createdAt,
                segment: row.position.end.segment.rawValue,
                offset: row.position.end.offset,
                batch: row.position.end.lastBatch.rawValue,
                digest: row.digest.rawValue,
                keyID: row.keyID == 0 ? nil : KeyID(rawValue: row.keyID),
                tables: row.counts
            )
        }
    }
}

/// What a walk over a whole snapshot came to.
public struct SnapshotReport: Sendable {
    public struct DamagedRow: Sendable, Equatable {
        public var table: TableID
        public var key: Bytes
        public var reason: String
    }

    public var damaged: [DamagedRow]
    /// The walk reached the end.
    public var isWhole: Bool
    /// Digest and counts are what the checkpoint row says.
    public var matchesCheckpoint: Bool

    public var isSound: Bool { damaged.isEmpty && isWhole && matchesCheckpoint }
}
