/// A store's rows in order of table and key, snapshot and log merged, one at a time: for export and comparison.
///
/// Holds the snapshot's image that it began with. Not thread-safe.
public final class StoreCursor {
    private let overlay: Overlay
    private let snapshot: LMDBSnapshot
    private var tables: ArraySlice<TableID>
    private var source: Source?

    init(_ overlay: Overlay, _ snapshot: LMDBSnapshot, _ tables: [TableID]) {
        self.overlay = overlay
        self.snapshot = snapshot
        self.tables = tables[...]
    }

    deinit {
        source = nil
        snapshot.endRead()
    }

    /// One table.
    private struct Source {
        var table: TableID
        var changes: OrderedTable.Cursor
        var trims: RangeTombstones
        var rows: any SnapshotCursor
        /// Rows of the snapshot that were passed.
        var count: UInt64 = 0
    }

    /// nil at the end. Throws `.damaged` (R17) at a damaged row.
    public func next() throws(StorageError) -> SnapshotRow? {
        while true {
            if source == nil {
                guard let table = tables.popFirst() else { return nil }
                source = try open(table)
            }
            if let row = try step() { return row }
            source = nil
        }
    }

    private func open(_ table: TableID) throws(StorageError) -> Source {
        let changes = overlay.existing(table)
        return Source(
            table: table,
            changes: .init(changes?.entries, from: nil, upTo: nil, reversed: false),
            trims: changes?.trims ?? RangeTombstones(),
            rows: try snapshot.cursor(table, from: nil, upTo: nil, reversed: false)
        )
    }

    /// The next row of the open table, nil at its end.
    private func step() throws(StorageError) -> SnapshotRow? {
        guard var now = source else { return nil }
        defer { source = now }
        while true {
            let key = now.rows.key
            guard let entry = now.changes.current, key.map({ Self.comes(entry, notAfter: $0) }) ?? true else {
                guard let key else {
                    try requireAll(now)
                    return nil
                }
                let row = try now.trims.covering(key) == nil ? read(now, key) : nil
                try now.rows.advance()
                now.count += 1
                if let row { return row }
                continue
            }
            // What the log says of a key hides the snapshot's row.
            if let key, Self.isEqual(entry, key) {
                try now.rows.advance()
                now.count += 1
            }
            now.changes.advance()
            if let value = entry.value {
                return SnapshotRow(table: now.table, key: entry.key, value: value, lsn: LSN(rawValue: entry.lsn))
            }
        }
    }

    /// A damaged page may drop rows without a word: the checkpoint row knows how many there are.
    private func requireAll(_ source: Source) throws(StorageError) {
        let expected = snapshot.row?.counts[source.table.rawValue] ?? 0
        guard source.count != expected else { return }
        let what = "table \(source.table.rawValue) has \(source.count) rows instead of \(expected)"
        throw .snapshotDamaged(snapshot.path, what)
    }

    private func read(_ source: Source, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotRow {
        let name = Bytes(key)
        let value = try source.rows.value()
        return SnapshotRow(table: source.table, key: name, value: Bytes(value.bytes), lsn: LSN(rawValue: value.lsn))
    }

    private static func comes(_ entry: TableEntry, notAfter key: UnsafeRawBufferPointer) -> Bool {
        entry.key.withUnsafeBytes { compare($0, key) <= 0 }
    }

    private static func isEqual(_ entry: TableEntry, _ key: UnsafeRawBufferPointer) -> Bool {
        entry.key.withUnsafeBytes { compare($0, key) == 0 }
    }
}

extension StoreReader {
    /// Rows in order; nil: of all tables.
    public func cursor(_ table: TableID? = nil) -> StoreCursor {
        StoreCursor(core.live, snapshot.snapshot, table.map { [$0] } ?? tables)
    }

    /// What the snapshot says of itself.
    public var snapshotFacts: SnapshotFacts { snapshot.facts }

    /// What makes the content uncertain: a gap in the log behind the checkpoint, or a log that can't be judged. nil: it is
    /// exactly what was committed.
    public var uncertainty: StorageError? {
        let checkpoint = snapshot.facts.checkpoint?.lsn ?? .zero
        let gap = log.gaps.first { !$0.losesNothing && $0.lastLSN ?? LSN(rawValue: .max) > checkpoint }
        if let gap, gap.firstLSN ?? .zero <= position ?? LSN(rawValue: .max) {
            return log.problems.first ?? .incomplete(gap)
        }
        let begins = log.retainedFrom.rawValue <= checkpoint.rawValue + 1
        return begins ? nil : log.problems.first ?? .behindSnapshot(checkpoint, log.retainedFrom)
    }
}

extension StorageError {
    static func incomplete(_ gap: LogGap) -> StorageError {
        StorageError(.damaged, "the log lacks records from LSN \(gap.firstLSN ?? .zero) on: \(gap.found)")
    }

    static func behindSnapshot(_ snapshot: LSN, _ log: LSN) -> StorageError {
        StorageError(.damaged, "the snapshot reaches LSN \(snapshot), but the log begins only at LSN \(log)")
    }
}
