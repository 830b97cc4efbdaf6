import Glibc

/// Reads a store's snapshot without opening the store, beside a running engine too: LMDB's own lock file keeps what is
/// being read (storage.md §5.12).
///
/// Not thread-safe. A damaged LMDB file can end the process that reads it where its pages were not looked at before
/// (`PageCheck`): then read it in a process of its own.
public final class SnapshotInspector {
    /// Which trees are looked at page by page before LMDB follows them. Takes as long as reading their pages.
    public enum PageCheck: Sendable {
        /// None: for whoever wants rows of a damaged tree, up to the page that ends the process.
        case never
        /// Those of at most 256 MiB: for a look at single rows.
        case small
        /// All: for whoever reads everything anyway.
        case always

        var pages: Int {
            switch self {
            case .never: 0
            case .small: Int(LMDBStructure.countedPages)
            case .always: .max
            }
        }
    }

    public let facts: SnapshotFacts
    let snapshot: LMDBSnapshot
    let directory: LogDirectory

    /// - Parameter path: the store's directory.
    /// - Parameter needsKeys: false: without any key an encrypted snapshot is opened too. Its checkpoint row is shown
    ///   unproven, and a walk checks the rows' checksums without opening them.
    /// - Throws: `.damaged` (R17) if there is no snapshot or it can't be read, `.unusableKey` if it needs another key.
    public init(
        path: String,
        keys: EncryptionKeys = EncryptionKeys(),
        needsKeys: Bool = true,
        pages: PageCheck = .small
    ) throws(StorageError) {
        let directory = LogDirectory(root: path)
        var facts = stat()
        guard stat(directory.snapshotData, &facts) == 0, facts.st_size >= 2 * LogLimits.blockBytes else {
            throw .snapshotDamaged(directory.snapshotData, "the file is missing or empty")
        }
        var options = StorageOptions()
        options.encryption = keys
        var own = SnapshotOptions(options, store: try Self.readFormat(directory) ?? StoreID(high: 0, low: 0))
        own.needsKeys = needsKeys || !keys.isEmpty
        own.isReadOnly = true
        own.isUnlocked = Self.mayOnlyRead(directory)
        own.walkedPages = pages.pages
        // As large as the file at least, or LMDB could not map it.
        own.mapBytes = max(own.mapBytes, LogLimits.roundedToBlock(Int(facts.st_size)))
        snapshot = try Self.open(directory, own)
        try Self.requireProof(snapshot, directory, keys)
        self.facts = SnapshotFacts(snapshot, fileBytes: Int(facts.st_size))
        self.directory = directory
    }

    /// With a key in force: the snapshot was written by somebody with a key, or the store is being encrypted.
    private static func requireProof(_ snapshot: LMDBSnapshot, _ directory: LogDirectory, _ keys: EncryptionKeys)
        throws(StorageError)
    {
        guard keys.current != nil, let row = snapshot.row else { return }
        let io = PosixIO()
        let names = (try? io.list(directory.wal)) ?? []
        var segments: [ContentTrust.Segment] = []
        for number in names.compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
        where number >= row.position.end.segment {
            let path = directory.segment(number)
            let header: SegmentHeader?
            do throws(StorageError) {
                var window = try SegmentWindow(io: io, path: path)
                header = try genuineHeader(try window.bytes(at: 0, LogLimits.blockBytes), path, keys)
            } catch {
                // A segment that could not be looked at must not make a forgery of the snapshot.
                guard !error.isAboutTheCaller else { throw error }
                continue
            }
            if let header { segments.append(.init(header: header, path: path)) }
        }
        let trust = ContentTrust(keys: keys, encryptsExisting: false, snapshotPath: directory.snapshotData)
        try trust.requireProof(of: row, segments)
    }

    /// Beside an engine that would free what is being read, or if that can't be told, LMDB's refusal stays.
    private static func mayOnlyRead(_ directory: LogDirectory) -> Bool {
        func isDenied(_ path: String, _ mode: Int32) -> Bool { access(path, mode) != 0 && errno == EACCES }
        let lock = directory.snapshotLock
        let isLocked = isDenied(lock, R_OK | W_OK) || access(lock, F_OK) != 0 && isDenied(directory.snapshot, W_OK)
        return isLocked && !isDenied(directory.lock, R_OK) && !LockFacts.isHeld(directory.lock)
    }

    /// nil: nobody with the key wrote it.
    private static func genuineHeader(_ block: UnsafeRawBufferPointer, _ path: String, _ keys: EncryptionKeys)
        throws(StorageError) -> SegmentHeader?
    {
        guard case .valid(let header) = SegmentHeader.read(block) else { return nil }
        try keys.requireGenuine(header, block, path: path)
        return header
    }

    /// The store's id is in FORMAT; without one, in the checkpoint row (rows are sealed for their store).
    private static func open(_ directory: LogDirectory, _ options: SnapshotOptions) throws(StorageError)
        -> LMDBSnapshot
    {
        let snapshot = try LMDBSnapshot(path: directory.snapshot, options: options)
        guard options.store == StoreID(high: 0, low: 0), let store = snapshot.row?.store else { return snapshot }
        snapshot.close()
        var named = options
        named.store = store
        named.walkedPages = 0
        return try LMDBSnapshot(path: directory.snapshot, options: named)
    }

    private static func readFormat(_ directory: LogDirectory) throws(StorageError) -> StoreID? {
        do {
            return try FormatFile(io: PosixIO(), directory: directory).read()?.store
        } catch {
            // A damaged FORMAT is the log's matter.
            guard error.code == .needsVersion || error.systemCall?.isLackOfResources == true else { return nil }
            throw error
        }
    }

    /// 32 hexadecimal digits, as the checkpoint row names it; nil: no checkpoint yet.
    public var storeID: String? { snapshot.row?.store.text }

    /// Every sound row, in order of table and key; false ends the walk. Damaged rows are in the report.
    @discardableResult
    public func rows(_ visit: (SnapshotRow) throws -> Bool = { _ in true }) throws -> SnapshotReport {
        try walk { item in
            if case .row(let row) = item { try visit(row) } else { true }
        }
    }

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

    public init(table: TableID, key: Bytes, value: Bytes, lsn: LSN) {
        self.table = table
        self.key = key
        self.value = value
        self.lsn = lsn
    }
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
        /// More keys that rows may be sealed with: a rotation, or switching encryption off, is not complete.
        public var furtherKeyIDs: [KeyID] = []
        /// Rows by table.
        public var tables: [UInt16: UInt64]

        public init(
            lsn: LSN,
            generation: UInt64,
            createdAt: UInt64,
            segment: UInt64,
            offset: UInt64,
            batch: UInt64,
            digest: UInt64,
            keyID: KeyID?,
            furtherKeyIDs: [KeyID] = [],
            tables: [UInt16: UInt64]
        ) {
            self.lsn = lsn
            self.generation = generation
            self.createdAt = createdAt
            self.segment = segment
            self.offset = offset
            self.batch = batch
            self.digest = digest
            self.keyID = keyID
            self.furtherKeyIDs = furtherKeyIDs
            self.tables = tables
        }
    }

    /// Keys that rows may be sealed with.
    public var keyIDs: [KeyID] {
        checkpoint.map { ($0.keyID.map { [$0] } ?? []) + $0.furtherKeyIDs } ?? []
    }

    public init(checkpoint: Checkpoint?, fileBytes: Int, usedBytes: Int, freeBytes: Int) {
        self.checkpoint = checkpoint
        self.fileBytes = fileBytes
        self.usedBytes = usedBytes
        self.freeBytes = freeBytes
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
                furtherKeyIDs: row.furtherKeys.filter { $0 != 0 }.map { KeyID(rawValue: $0) },
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
        /// Its checksum is right, but no holder of the store's key wrote it.
        public var isUnproven: Bool

        public init(table: TableID, key: Bytes, reason: String, isUnproven: Bool = false) {
            self.table = table
            self.key = key
            self.reason = reason
            self.isUnproven = isUnproven
        }
    }

    /// At most `InspectionLimits.damagedRows`.
    public var damaged: [DamagedRow]
    public var omittedDamaged: UInt64 = 0
    /// The walk reached the end.
    public var isWhole: Bool
    /// Digest and counts are what the checkpoint row says. False for nothing if the walk met several checkpoints.
    public var matchesCheckpoint: Bool
    /// The checkpoints that the walk met: more than one beside a running engine only.
    public var span: SnapshotSpan

    public init(
        damaged: [DamagedRow],
        omittedDamaged: UInt64 = 0,
        isWhole: Bool,
        matchesCheckpoint: Bool,
        span: SnapshotSpan = SnapshotSpan()
    ) {
        self.span = span
        self.damaged = damaged
        self.omittedDamaged = omittedDamaged
        self.isWhole = isWhole
        self.matchesCheckpoint = matchesCheckpoint
    }

    public var isSound: Bool { damaged.isEmpty && omittedDamaged == 0 && isWhole && matchesCheckpoint }
}
