/// What a walk over a snapshot meets.
public enum SnapshotItem: Sendable {
    case row(SnapshotRow)
    /// A row whose checksum or envelope is wrong: only its key can be told.
    case damaged(SnapshotReport.DamagedRow)
}

extension SnapshotInspector {
    /// Every row, sound or damaged, in order of table and key, or backwards; false ends the walk. nil: all tables.
    ///
    /// Throws what `visit` throws, `.damaged` (R17) where the tree itself can't be followed any further: what was visited
    /// before is sound.
    @discardableResult
    public func walk(
        _ table: TableID? = nil,
        reversed: Bool = false,
        _ visit: (SnapshotItem) throws -> Bool = { _ in true }
    ) throws -> SnapshotReport {
        defer { snapshot.endRead() }
        var audit = SnapshotAudit()
        var omitted: UInt64 = 0
        let cursor =
            try table.map { try snapshot.rows(of: $0, reversed: reversed) } ?? snapshot.allRows(reversed: reversed)
        while let key = cursor.rowKey {
            if let id = SnapshotKey.table(of: key), id != SnapshotKey.checkpointTable {
                let item = try read(cursor, id, &audit)
                if case .damaged(let row) = item { note(row, &audit, &omitted) }
                guard try visit(item) else { return report(audit, omitted, of: table, isWhole: false) }
            }
            try cursor.advance()
        }
        return report(audit, omitted, of: table, isWhole: true)
    }

    private func read(_ cursor: LMDBCursor, _ table: TableID, _ audit: inout SnapshotAudit) throws(StorageError)
        -> SnapshotItem
    {
        let key = cursor.key.map { Bytes($0) } ?? []
        audit.counts[table.rawValue, default: 0] += 1
        do throws(StorageError) {
            let value = try cursor.value()
            if let rowKey = cursor.rowKey,
                case .valid(let envelope) = SnapshotEnvelope.read(cursor.rawValue, key: rowKey)
            {
                audit.digest.add(checksum: envelope.checksum, lsn: envelope.lsn)
            }
            return .row(SnapshotRow(table: table, key: key, value: Bytes(value.bytes), lsn: LSN(rawValue: value.lsn)))
        } catch {
            guard error.row == .r17 else { throw error }
            return .damaged(.init(table: table, key: key, reason: error.message))
        }
    }

    private func note(_ row: SnapshotReport.DamagedRow, _ audit: inout SnapshotAudit, _ omitted: inout UInt64) {
        guard audit.damaged.count < InspectionLimits.damagedRows else {
            omitted += 1
            return
        }
        audit.damaged.append(.init(table: row.table, key: row.key, reason: row.reason))
    }

    private func report(_ audit: SnapshotAudit, _ omitted: UInt64, of table: TableID?, isWhole: Bool) -> SnapshotReport
    {
        SnapshotReport(
            damaged: audit.damaged.map { .init(table: $0.table, key: $0.key, reason: $0.reason) },
            omittedDamaged: omitted,
            isWhole: isWhole,
            matchesCheckpoint: matches(audit, table)
        )
    }

    private func matches(_ audit: SnapshotAudit, _ table: TableID?) -> Bool {
        guard let row = snapshot.row else { return audit.counts.isEmpty }
        guard let table else { return audit.digest == row.digest && audit.counts == row.counts }
        return audit.counts[table.rawValue] ?? 0 == row.counts[table.rawValue] ?? 0
    }
}

extension LMDBSnapshot {
    func rows(of table: TableID, reversed: Bool) throws(StorageError) -> LMDBCursor {
        let bounds = (SnapshotKey.make(table, []), SnapshotKey.end(of: table))
        return try LMDBCursor(self, try beginRead(), from: bounds.0, upTo: bounds.1, reversed: reversed)
    }
}
