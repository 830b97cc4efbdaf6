import Glibc

/// Makes a new store out of rows and changes that keep their LSNs: for import and salvage.
///
/// Everything goes into the snapshot, in chunks as a checkpoint would; the log begins behind the last LSN. The target
/// gets its name at the end, when it has been opened and every row has been read back. Not thread-safe; blocks.
public final class StoreBuilder {
    /// Changes held in memory before they are written.
    static let chunkBytes = 32 * LogLimits.mebibyte

    private let io = PosixIO()
    private let claim: PartialDirectory
    private let partial: LogDirectory
    private let store: StoreID
    private let incarnation: UInt64
    private let options: StorageOptions
    private let snapshot: LMDBSnapshot
    private var changes = Overlay()

    /// - Parameters:
    ///   - target: must not exist; what an interrupted attempt left in `target.partial` is removed.
    ///   - storeID: 32 hexadecimal digits; nil: a new one.
    public init(target: String, storeID: String? = nil, keys: EncryptionKeys = EncryptionKeys()) throws(StorageError) {
        var options = StorageOptions()
        options.encryption = keys
        options.useDirectIO = .off
        self.options = options
        store = storeID.flatMap { StoreID(text: $0) } ?? StoreID(high: options.random(), low: options.random())
        // Records of the damaged store may be lost, and their LSNs given to others.
        incarnation = storeID == nil ? 0 : StoreFormat.newIncarnation(options.random)
        let claim = try PartialDirectory.claim(.store, for: target)
        self.claim = claim
        partial = LogDirectory(root: claim.path)
        do {
            snapshot = try Self.makeSnapshot(partial, options, store)
        } catch {
            claim.discard()
            throw error
        }
    }

    private static func makeSnapshot(_ partial: LogDirectory, _ options: StorageOptions, _ store: StoreID)
        throws(StorageError) -> LMDBSnapshot
    {
        try orFail { () throws(SystemCallError) in try FileTree(partial).create() }
        return try LMDBSnapshot.open(partial, options, store: store, create: true)
    }

    public func put(_ row: SnapshotRow) throws(StorageError) {
        let entry = TableEntry(key: row.key, value: row.value, lsn: row.lsn.rawValue)
        changes.set(entry, in: changes.table(row.table))
        try flushIfLarge()
    }

    /// Unless what is there already was written later.
    func putUnlessOlder(_ row: SnapshotRow) throws(StorageError) {
        if let changed = changes.existing(row.table)?.entries.entry(row.key)?.lsn {
            if changed <= row.lsn.rawValue { try put(row) }
            return
        }
        if try written(row.table, row.key) ?? 0 <= row.lsn.rawValue { try put(row) }
    }

    private func written(_ table: TableID, _ key: Bytes) throws(StorageError) -> UInt64? {
        defer { snapshot.endRead() }
        let found = key.withUnsafeBytes { key in
            Result { () throws(StorageError) in try snapshot.find(table, key)?.lsn }
        }
        return try found.get()
    }

    /// A record of a log, in log order.
    public func apply(_ record: RecordFacts) throws(StorageError) {
        changes.apply(record)
        try flushIfLarge()
    }

    func delete(_ table: TableID, key: Bytes, lsn: LSN) throws(StorageError) {
        changes.set(TableEntry(key: key, value: nil, lsn: lsn.rawValue), in: changes.table(table))
        try flushIfLarge()
    }

    func trim(_ table: TableID, from: Bytes, upTo: Bytes, lsn: LSN) {
        guard compareKeys(from, upTo) < 0 else { return }
        changes.trim(from: from, upTo: upTo, lsn: lsn.rawValue, in: changes.table(table)) { _ in }
    }

    /// Where the new store's log goes on.
    public struct End: Sendable {
        public var lsn: LSN
        public var batch: UInt64
        public var segment: UInt64

        public init(lsn: LSN, batch: UInt64 = 1, segment: UInt64 = 1) {
            self.lsn = lsn
            self.batch = batch
            self.segment = segment
        }
    }

    /// Writes the rest, opens and closes the store, reads every row back, names it. Returns the number of rows.
    ///
    /// `inspect` sees every row that was read back.
    public func finish(_ end: End, _ inspect: (SnapshotRow) throws -> Void = { _ in }) throws -> UInt64 {
        guard max(end.lsn.rawValue, end.batch, end.segment) <= LogLimits.maximumImportedNumber else {
            throw StorageError(.damaged, "LSN \(end.lsn) is none that a store reaches. Check where it comes from")
        }
        let position = LogEnd(
            lastBatch: BatchNumber(rawValue: max(1, end.batch)),
            chain: 0,
            nextLSN: LSN(rawValue: end.lsn.rawValue + 1),
            segment: SegmentNumber(rawValue: max(1, end.segment)),
            offset: LogLimits.firstBatchOffset,
            batchOffset: LogLimits.firstBatchOffset,
            epoch: 0
        )
        try write(position)
        snapshot.close()
        try beginLog(after: position)
        try Store.open(path: partial.root, options: options).close()
        let rows = try audit(inspect)
        try claim.finish()
        return rows
    }

    /// Removes what was written.
    public func discard() {
        snapshot.close()
        claim.discard()
    }

    private func flushIfLarge() throws(StorageError) {
        guard changes.bytes > Self.chunkBytes else { return }
        try write(.empty)
    }

    private func write(_ end: LogEnd) throws(StorageError) {
        let position = CheckpointPosition(end: end, createdAt: options.clock.wallNanoseconds())
        while true {
            do throws(SnapshotFailure) {
                _ = try snapshot.apply(changes, position)
                changes = Overlay()
                return
            } catch {
                switch error {
                case .lowSpace(let reason), .busy(let reason), .final(let reason): throw reason
                case .mapFull: try grow()
                }
            }
        }
    }

    private func grow() throws(StorageError) {
        do throws(SnapshotFailure) {
            try snapshot.growMap()
        } catch {
            switch error {
            case .lowSpace(let reason), .busy(let reason), .final(let reason): throw reason
            case .mapFull: throw StorageError(.lowSpace, "no room for the snapshot", path: partial.snapshot)
            }
        }
    }

    /// A first segment whose header says where the snapshot ends: recovery accounts for it by R10's rule.
    private func beginLog(after end: LogEnd) throws(StorageError) {
        var writer = LogWriter(
            io: io,
            directory: partial,
            store: store,
            options: options,
            end: end
        )
        var spare: PreparedSegment?
        try Self.orFail { () throws(SystemCallError) in
            spare = try SegmentPreparer(io: io, directory: partial).take(
                atLeast: LogLimits.initialSegmentBytes,
                wanted: LogLimits.initialSegmentBytes
            )
        }
        guard let spare else { return }
        try writer.activate(spare)
        try writer.closeCleanly()
        try Self.orFail { () throws(SystemCallError) in
            try FormatFile(io: io, directory: partial).write(StoreFormat(store: store, incarnation: incarnation))
        }
    }

    private func audit(_ inspect: (SnapshotRow) throws -> Void) throws -> UInt64 {
        let inspector = try SnapshotInspector(path: partial.root, keys: options.encryption)
        var rows: UInt64 = 0
        let report = try inspector.rows { row in
            rows += 1
            try inspect(row)
            return true
        }
        guard report.isSound else {
            throw StorageError.snapshotDamaged(partial.snapshot, "what was just written does not read back")
        }
        return rows
    }

    private static func orFail(_ body: () throws(SystemCallError) -> Void) throws(StorageError) {
        do {
            try body()
        } catch {
            let what =
                "the new store can't be made: \(error.reason). Name a path that does not exist, on a disk with room"
            throw StorageError(.inputOutput, what, path: error.path, systemCall: error)
        }
    }
}
