/// What a walk over a snapshot meets.
public enum SnapshotItem: Sendable {
    case row(SnapshotRow)
    /// A row whose checksum or envelope is wrong: only its key can be told.
    case damaged(SnapshotReport.DamagedRow)
    /// A row whose checksum is right and whose value nobody has looked at: no key was given.
    case sealed(TableID, key: Bytes, LSN)
}

/// How a walk reads.
public enum SnapshotWalking: Sendable {
    /// A page at a time: nothing is kept from being freed while `visit` runs, but a running engine may go on between two
    /// pages (`SnapshotReport.span`).
    case inPages
    /// In one read: for a snapshot that no engine has open, and that may end this process at the next row.
    case inOneRead
}

extension SnapshotInspector {
    /// Every row, sound or damaged, in order of table and key; false ends the walk. nil: all tables.
    ///
    /// Throws what `visit` throws, `.damaged` (R17) where the tree itself can't be followed any further: what was visited
    /// before is sound.
    @discardableResult
    public func walk(
        _ table: TableID? = nil,
        _ walking: SnapshotWalking = .inPages,
        _ visit: (SnapshotItem) throws -> Bool = { _ in true }
    ) throws -> SnapshotReport {
        var walk = SnapshotPass(table)
        while !walk.isOver {
            let page = try readPage(&walk, walking, visit)
            if let items = page { for item in items where try !visit(item) { return report(walk, isWhole: false) } }
            if let failure = walk.failure { throw failure }
        }
        return report(walk, isWhole: !walk.wasEnded)
    }

    /// What is to be visited now that the read is over; nil: everything was visited.
    private func readPage(
        _ walk: inout SnapshotPass,
        _ walking: SnapshotWalking,
        _ visit: (SnapshotItem) throws -> Bool
    ) throws -> [SnapshotItem]? {
        defer { snapshot.endRead() }
        try snapshot.coverGrowth()
        let cursor = try walk.begin(snapshot)
        guard walking == .inOneRead else { return items(cursor, &walk) }
        while let key = cursor.rowKey {
            if let item = try read(cursor, key, &walk), try !visit(item) {
                walk.end()
                return nil
            }
            try cursor.advance()
        }
        walk.isOver = true
        return nil
    }

    /// Ends early where the tree can't be followed: what was read before is visited first.
    private func items(_ cursor: LMDBCursor, _ walk: inout SnapshotPass) -> [SnapshotItem] {
        var items: [SnapshotItem] = []
        var bytes = 0
        do throws(StorageError) {
            while items.count < SnapshotPaging.rows, bytes < SnapshotPaging.bytes {
                guard let key = cursor.rowKey else {
                    walk.isOver = true
                    return items
                }
                walk.pass(key)
                if let item = try read(cursor, key, &walk) {
                    bytes += item.bytes
                    items.append(item)
                }
                try cursor.advance()
            }
        } catch {
            walk.failure = error
        }
        return items
    }

    /// nil: no row of a table.
    private func read(_ cursor: LMDBCursor, _ key: UnsafeRawBufferPointer, _ walk: inout SnapshotPass)
        throws(StorageError) -> SnapshotItem?
    {
        guard let id = SnapshotKey.table(of: key), id != SnapshotKey.checkpointTable else { return nil }
        let item = try read(cursor, id, &walk.audit)
        if case .damaged(let row) = item { note(row, &walk.audit, &walk.omitted) }
        return item
    }

    private func read(_ cursor: LMDBCursor, _ table: TableID, _ audit: inout SnapshotAudit) throws(StorageError)
        -> SnapshotItem
    {
        let key = cursor.key.map { Bytes($0) } ?? []
        audit.counts[table.rawValue, default: 0] += 1
        do throws(StorageError) {
            if let lsn = try sealedRow(cursor, &audit) { return .sealed(table, key: key, lsn) }
            let value = try cursor.value()
            if let rowKey = cursor.rowKey,
                case .valid(let envelope) = SnapshotEnvelope.read(cursor.rawValue, key: rowKey)
            {
                audit.digest.add(checksum: envelope.checksum, lsn: envelope.lsn)
            }
            return .row(SnapshotRow(table: table, key: key, value: Bytes(value.bytes), lsn: LSN(rawValue: value.lsn)))
        } catch {
            guard error.row == .r17 else { throw error }
            return .damaged(.init(table: table, key: key, reason: error.message, isUnproven: isChecksumRight(cursor)))
        }
    }

    /// LSN of an encrypted row that there is no key for; nil: the row is to be opened.
    private func sealedRow(_ cursor: LMDBCursor, _ audit: inout SnapshotAudit) throws(StorageError) -> LSN? {
        guard !snapshot.options.needsKeys, let key = cursor.rowKey,
            case .valid(let envelope) = SnapshotEnvelope.read(cursor.rawValue, key: key), envelope.isEncrypted
        else { return nil }
        guard isChecksumRight(cursor) else {
            throw .snapshotDamaged(snapshot.path, "the checksum of a row does not match (LSN \(envelope.lsn))")
        }
        audit.digest.add(checksum: envelope.checksum, lsn: envelope.lsn)
        return LSN(rawValue: envelope.lsn)
    }

    private func isChecksumRight(_ cursor: LMDBCursor) -> Bool {
        let (value, start) = (cursor.rawValue, SnapshotEnvelope.encodedBytes)
        guard let key = cursor.rowKey, case .valid(let envelope) = SnapshotEnvelope.read(value, key: key) else {
            return false
        }
        return envelope.isSound(key: key, payload: value.part(start, value.count - start))
    }

    private func note(_ row: SnapshotReport.DamagedRow, _ audit: inout SnapshotAudit, _ omitted: inout UInt64) {
        guard audit.damaged.count < InspectionLimits.damagedRows else {
            omitted += 1
            return
        }
        audit.damaged.append(
            .init(table: row.table, key: row.key, reason: row.reason, isUnproven: row.isUnproven)
        )
    }

    private func report(_ walk: SnapshotPass, isWhole: Bool) -> SnapshotReport {
        SnapshotReport(
            damaged: walk.audit.damaged.map {
                .init(table: $0.table, key: $0.key, reason: $0.reason, isUnproven: $0.isUnproven)
            },
            omittedDamaged: walk.omitted,
            isWhole: isWhole,
            matchesCheckpoint: walk.matches,
            span: walk.span
        )
    }
}

/// Where a walk is, and what it found.
private struct SnapshotPass {
    var audit = SnapshotAudit()
    var omitted: UInt64 = 0
    var isOver = false
    /// The visitor had enough.
    private(set) var wasEnded = false
    var failure: StorageError?
    private(set) var span = SnapshotSpan()
    private let table: TableID?
    /// Row keys; half open.
    private var from: Bytes
    private let upTo: Bytes
    private var row: CheckpointRow?

    init(_ table: TableID?) {
        self.table = table
        from = table.map { SnapshotKey.make($0, []) } ?? [0]
        upTo = SnapshotKey.end(of: table ?? TableID(rawValue: .max))
    }

    /// Begins a read, and a page.
    mutating func begin(_ snapshot: LMDBSnapshot) throws(StorageError) -> LMDBCursor {
        row = try snapshot.currentRow()
        span.add(row)
        return try LMDBCursor(snapshot, try snapshot.beginRead(), from: from, upTo: upTo, reversed: false)
    }

    /// The next page begins behind this row.
    mutating func pass(_ key: UnsafeRawBufferPointer) {
        from = Bytes(key) + [0]
    }

    mutating func end() {
        isOver = true
        wasEnded = true
    }

    /// Counts and digest are those of the checkpoint that was read, if it was one.
    var matches: Bool {
        guard let row else { return audit.counts.isEmpty }
        guard let table else { return audit.digest == row.digest && audit.counts == row.counts }
        return audit.counts[table.rawValue] ?? 0 == row.counts[table.rawValue] ?? 0
    }
}

extension SnapshotItem {
    fileprivate var bytes: Int {
        switch self {
        case .row(let row): row.key.count + row.value.count
        case .damaged(let row): row.key.count
        case .sealed(_, let key, _): key.count
        }
    }
}
