/// A whole walk over a snapshot: every row's checksum, the digest and the counts derived anew.
struct SnapshotAudit: Equatable, Sendable {
    var digest = SnapshotDigest()
    var counts: [UInt16: UInt64] = [:]
    /// Keys of rows whose checksum or envelope is wrong.
    var damaged: [DamagedRow] = []

    struct DamagedRow: Equatable, Sendable {
        var table: TableID
        var key: Bytes
        var reason: String
        var isUnproven = false
    }

    /// More are counted by nobody: a snapshot like that is no longer worth a list.
    static let maximumDamagedRows = 100_000
}

extension LMDBSnapshot {
    /// Walks all rows, in bounded memory, one read transaction long: not for the engine's hot hours.
    ///
    /// `visit` gets every sound row: table, key, plain value, LSN. Damaged rows are collected.
    func audit(_ visit: (TableID, UnsafeRawBufferPointer, SnapshotValue) throws(StorageError) -> Void = { _, _, _ in })
        throws(StorageError) -> SnapshotAudit
    {
        defer { endRead() }
        var audit = SnapshotAudit()
        let rows = try allRows()
        while let key = rows.rowKey {
            if let table = SnapshotKey.table(of: key), table != SnapshotKey.checkpointTable {
                audit.counts[table.rawValue, default: 0] += 1
                let plainKey = key.part(SnapshotKey.tableBytes, key.count - SnapshotKey.tableBytes)
                do throws(StorageError) {
                    let value = try rows.value()
                    if case .valid(let envelope) = SnapshotEnvelope.read(rows.rawValue, key: key) {
                        audit.digest.add(checksum: envelope.checksum, lsn: envelope.lsn)
                    }
                    try visit(table, plainKey, value)
                } catch {
                    guard error.row == .r17, audit.damaged.count < SnapshotAudit.maximumDamagedRows else { throw error }
                    audit.damaged.append(.init(table: table, key: Bytes(plainKey), reason: error.message))
                }
            }
            try rows.advance()
        }
        return audit
    }
}
