/// A store's rows in order of table and key, snapshot and log merged, one at a time: for export, comparison and lists.
///
/// Reads a page at a time and keeps no read of the snapshot open between two: a caller that stops keeps nothing from being
/// freed. Beside a running engine the snapshot may therefore go on meanwhile; `StoreReader.span` says so. Not thread-safe.
public final class StoreCursor {
    private let reader: StoreReader
    private var tables: ArraySlice<TableID>
    private let upTo: Bytes?
    private var from: Bytes?
    private var place: Place?
    private var page: ArraySlice<SnapshotRow> = []
    private var failure: StorageError?

    /// The table that is open, and where the next page begins.
    private struct Place {
        var table: TableID
        var next: Bytes?
        /// Rows of the snapshot that were passed, and of which checkpoint; nil: of several, or not of the whole table.
        var count: UInt64? = 0
        var generation: UInt64?
    }

    /// The sources of one page, within one read of the snapshot.
    private struct Merge {
        var place: Place
        var changes: OrderedTable.Cursor
        var trims: RangeTombstones
        var rows: any SnapshotCursor
        /// Changes up to here are in the snapshot.
        var base: UInt64
    }

    /// `from` and `upTo` bound keys, half open, and are for one table.
    init(_ reader: StoreReader, _ tables: [TableID], from: Bytes? = nil, upTo: Bytes? = nil) {
        self.reader = reader
        self.tables = tables[...]
        self.from = from
        self.upTo = upTo
    }

    /// nil at the end. Throws `.damaged` (R17) at a damaged row, behind all rows before it.
    public func next() throws(StorageError) -> SnapshotRow? {
        while true {
            if let row = page.popFirst() { return row }
            if let failure { throw failure }
            guard try fill() else { return nil }
        }
    }

    /// False: there is nothing more.
    private func fill() throws(StorageError) -> Bool {
        if place == nil {
            guard let table = tables.popFirst() else { return false }
            place = Place(table: table, next: from, count: from == nil && upTo == nil ? 0 : nil)
        }
        guard let now = place else { return false }
        defer { reader.snapshot.snapshot.endRead() }
        var merge = try open(now)
        var rows: [SnapshotRow] = []
        do {
            place = try read(&merge, into: &rows) ? merge.place : nil
        } catch {
            failure = error
        }
        page = rows[...]
        return true
    }

    private func open(_ place: Place) throws(StorageError) -> Merge {
        let snapshot = reader.snapshot.snapshot
        try snapshot.coverGrowth()
        let row = try snapshot.currentRow()
        reader.span.add(row)
        let changes = reader.changes.existing(place.table)
        var merge = Merge(
            place: place,
            changes: .init(changes?.entries, from: place.next, upTo: upTo, reversed: false),
            trims: changes?.trims ?? RangeTombstones(),
            rows: try snapshot.cursor(place.table, from: place.next, upTo: upTo, reversed: false),
            base: row?.position.lsn.rawValue ?? 0
        )
        if place.next != nil, place.generation != row?.generation { merge.place.count = nil }
        merge.place.generation = row?.generation
        return merge
    }

    /// False: the table ends.
    private func read(_ merge: inout Merge, into rows: inout [SnapshotRow]) throws(StorageError) -> Bool {
        var (visited, bytes) = (0, 0)
        while visited < SnapshotPaging.rows, bytes < SnapshotPaging.bytes {
            visited += 1
            guard let (key, row) = try step(&merge) else {
                try requireAll(merge.place)
                return false
            }
            merge.place.next = key + [0]
            guard let row else { continue }
            bytes += row.key.count + row.value.count
            rows.append(row)
        }
        return true
    }

    /// The next key, and its row unless something hides it; nil at the end of the table.
    private func step(_ merge: inout Merge) throws(StorageError) -> (Bytes, SnapshotRow?)? {
        let key = merge.rows.key
        guard let entry = merge.changes.current, key.map({ Self.comes(entry, notAfter: $0) }) ?? true else {
            guard let key else { return nil }
            let trimmed = merge.trims.covering(key) ?? 0
            let (name, row) = (Bytes(key), trimmed > merge.base ? nil : try read(merge, key))
            try pass(&merge)
            return (name, row.flatMap { trimmed > $0.lsn.rawValue ? nil : $0 })
        }
        merge.changes.advance()
        guard let key, Self.isEqual(entry, key) else {
            // What the snapshot is ahead of, it has removed since then.
            return (entry.key, entry.lsn > merge.base ? Self.row(entry, merge.place.table) : nil)
        }
        // The snapshot's row is read only where it may be the newer one: a damaged one that the log replaces does no harm.
        let newer = entry.lsn > merge.base ? nil : try read(merge, key)
        try pass(&merge)
        guard let newer, newer.lsn.rawValue > entry.lsn else { return (entry.key, Self.row(entry, merge.place.table)) }
        return (entry.key, newer)
    }

    private func pass(_ merge: inout Merge) throws(StorageError) {
        try merge.rows.advance()
        merge.place.count = merge.place.count.map { $0 + 1 }
    }

    /// A damaged page may drop rows without a word: the checkpoint row knows how many there are.
    private func requireAll(_ place: Place) throws(StorageError) {
        guard let count = place.count else { return }
        let snapshot = reader.snapshot.snapshot
        let expected = try snapshot.currentRow()?.counts[place.table.rawValue] ?? 0
        guard count != expected else { return }
        throw .snapshotDamaged(
            snapshot.path,
            "table \(place.table.rawValue) has \(count) rows instead of \(expected)"
        )
    }

    private func read(_ merge: Merge, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotRow {
        let name = Bytes(key)
        let value = try merge.rows.value()
        return SnapshotRow(
            table: merge.place.table,
            key: name,
            value: Bytes(value.bytes),
            lsn: LSN(rawValue: value.lsn)
        )
    }

    /// nil: the entry says that there is none.
    private static func row(_ entry: TableEntry, _ table: TableID) -> SnapshotRow? {
        entry.value.map { SnapshotRow(table: table, key: entry.key, value: $0, lsn: LSN(rawValue: entry.lsn)) }
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
        StoreCursor(self, table.map { [$0] } ?? tables)
    }

    /// Rows of a half-open range of keys, in order.
    public func cursor(_ table: TableID, from: Bytes?, upTo: Bytes?) -> StoreCursor {
        StoreCursor(self, [table], from: from, upTo: upTo)
    }

    /// nil: not there.
    public func row(_ table: TableID, key: Bytes) throws(StorageError) -> SnapshotRow? {
        try cursor(table, from: key, upTo: key + [0]).next()
    }

    /// What the snapshot says of itself.
    public var snapshotFacts: SnapshotFacts { snapshot.facts }

    /// The last record that the rows read so far may show: `through`, or later where the engine's checkpoints overtook it.
    public var readThrough: LSN { max(through, span.last ?? .zero) }

    /// The rows read so far are those of one moment, the one after `through`.
    public var isOneMoment: Bool { readThrough == through }

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
