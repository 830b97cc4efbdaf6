import CLMDB
import Glibc

// Writing: the checkpoint thread only.
extension LMDBSnapshot {
    func apply(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        var made: OpaquePointer?
        do {
            var dead: Int32 = 0
            try orThrow(mdb_reader_check(environment, &dead), "mdb_reader_check", path)
            try orThrow(mdb_txn_begin(environment, nil, 0, &made), "mdb_txn_begin", path)
        } catch {
            throw error.failure
        }
        guard let transaction = made else { throw LMDBError(call: "mdb_txn_begin", status: ENOMEM, path: path).failure }
        let row: CheckpointRow
        do {
            var writer = try LMDBWriter(self, transaction, after: self.row, store: options.store)
            row = try writer.write(changes, position)
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        do {
            try orThrow(mdb_txn_commit(transaction), "mdb_txn_commit", path)
        } catch {
            throw error.failure
        }
        committed(row)
        return row
    }
}

/// Writes one generation of changes into an open write transaction, in key order.
private struct LMDBWriter: ~Copyable {
    private let snapshot: LMDBSnapshot
    private let cursor: OpaquePointer
    private var row: CheckpointRow

    init(_ snapshot: LMDBSnapshot, _ transaction: OpaquePointer, after last: CheckpointRow?, store: StoreID)
        throws(SnapshotFailure)
    {
        self.snapshot = snapshot
        var made: OpaquePointer?
        let status = mdb_cursor_open(transaction, LMDBSnapshot.tree, &made)
        guard status == 0, let made else {
            throw LMDBError(call: "mdb_cursor_open", status: status, path: snapshot.path).failure
        }
        cursor = made
        row = CheckpointRow(
            store: store,
            position: CheckpointPosition(end: .empty, createdAt: 0),
            generation: last?.generation ?? 0,
            digest: last?.digest ?? SnapshotDigest(),
            keyID: 0,
            counts: last?.counts ?? [:]
        )
    }

    deinit {
        mdb_cursor_close(cursor)
    }

    mutating func write(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        for (number, table) in changes.tables.sorted(by: { $0.key < $1.key }) {
            let id = TableID(rawValue: number)
            for range in table.trims.ranges { try trim(id, range) }
            for leaf in table.entries.leaves {
                for entry in leaf.entries { try write(entry, in: id) }
            }
        }
        row.position = position
        row.generation += 1
        row.counts = row.counts.filter { $0.value != 0 }
        try put(SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow), row.encoded())
        return row
    }

    private mutating func trim(_ table: TableID, _ range: RangeTombstones.Range) throws(SnapshotFailure) {
        let from = SnapshotKey.make(table, range.from)
        let upTo = SnapshotKey.make(table, range.upTo)
        var value = MDB_val()
        while true {
            let isInside = try seek(from, &value, MDB_SET_RANGE) { key in
                upTo.withUnsafeBytes { compare(key, $0) < 0 }
            }
            guard isInside else { return }
            try remove(table, UnsafeRawBufferPointer(value))
        }
    }

    private mutating func write(_ entry: TableEntry, in table: TableID) throws(SnapshotFailure) {
        let key = SnapshotKey.make(table, entry.key)
        var old = MDB_val()
        let isThere = try seek(key, &old, MDB_SET_KEY) { _ in true }
        guard let value = entry.value else {
            if isThere { try remove(table, UnsafeRawBufferPointer(old)) }
            return
        }
        if isThere { forget(UnsafeRawBufferPointer(old)) } else { row.counts[table.rawValue, default: 0] += 1 }
        try put(entry, value, key)
    }

    /// Positions the cursor; false: not there, or `accept` doesn't want it.
    private func seek(
        _ key: Bytes,
        _ value: inout MDB_val,
        _ operation: MDB_cursor_op,
        _ accept: (UnsafeRawBufferPointer) -> Bool
    ) throws(SnapshotFailure) -> Bool {
        var accepted = false
        let status = key.withUnsafeBytes { bytes in
            withLMDBValue(bytes) { found in
                let status = mdb_cursor_get(cursor, &found, &value, operation)
                if status == 0 { accepted = accept(UnsafeRawBufferPointer(found)) }
                return status
            }
        }
        snapshot.mapped.touch(snapshot.map.address, snapshot.map.bytes)
        guard status == 0 || status == MDB_NOTFOUND else {
            throw LMDBError(call: "mdb_cursor_get", status: status, path: snapshot.path).failure
        }
        return accepted
    }

    /// The row under the cursor leaves the digest and the tree.
    private mutating func remove(_ table: TableID, _ old: UnsafeRawBufferPointer) throws(SnapshotFailure) {
        forget(old)
        row.counts[table.rawValue, default: 1] -= 1
        try orFail(mdb_cursor_del(cursor, 0), "mdb_cursor_del")
    }

    private mutating func forget(_ old: UnsafeRawBufferPointer) {
        guard case .valid(let envelope) = SnapshotEnvelope.read(old) else { return }
        row.digest.remove(checksum: envelope.checksum, lsn: envelope.lsn)
    }

    private mutating func put(_ entry: TableEntry, _ value: Bytes, _ key: Bytes) throws(SnapshotFailure) {
        let payload = snapshot.codec.encode(value, key: key, lsn: entry.lsn)
        var place = MDB_val(mv_size: SnapshotEnvelope.encodedBytes + payload.bytes.count, mv_data: nil)
        let status = key.withUnsafeBytes { key in
            withLMDBValue(key) { mdb_cursor_put(cursor, &$0, &place, UInt32(MDB_RESERVE)) }
        }
        try orFail(status, "mdb_cursor_put")
        let envelope = payload.fill(place.mv_data, key: key, lsn: entry.lsn)
        row.digest.add(checksum: envelope.checksum, lsn: entry.lsn)
    }

    private func put(_ key: Bytes, _ content: Bytes) throws(SnapshotFailure) {
        let status = key.withUnsafeBytes { key in
            content.withUnsafeBytes { content in
                withLMDBValue(key) { key in withLMDBValue(content) { mdb_cursor_put(cursor, &key, &$0, 0) } }
            }
        }
        try orFail(status, "mdb_cursor_put")
    }

    private func orFail(_ status: Int32, _ call: String) throws(SnapshotFailure) {
        guard status != 0 else { return }
        throw LMDBError(call: call, status: status, path: snapshot.path).failure
    }
}
