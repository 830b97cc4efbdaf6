import CLMDB
import Glibc

// Writing: the checkpoint thread only.
extension LMDBSnapshot {
    func apply(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        defer { scrub?.writerEnds() }
        let row: CheckpointRow
        do {
            try reseal()
            var dead: Int32 = 0
            // What fails here fails again below, with its reason.
            mdb_reader_check(environment, &dead)
            row = try inTransaction { (transaction) throws(SnapshotFailure) in
                var writer = try LMDBWriter(self, transaction, after: self.row, store: options.store)
                return try writer.write(changes, position)
            }
        } catch {
            let failure = judged(error)
            if case .lowSpace = failure { giveBackUnusedEnd() }
            throw failure
        }
        failedCommits.succeeded()
        try requireName()
        committed(row)
        return row
    }

    /// The log may be retired after this only if the next opening finds what was written.
    private func requireName() throws(SnapshotFailure) {
        guard let data = try? Self.dataFile(environment, path), let names = try? PosixIO().linkCount(data), names > 0,
            let named = try? PosixIO().identity(data.path), named == file
        else {
            throw .final(
                StorageError(
                    .durabilityLost,
                    "the snapshot's file was removed or renamed while the store was open. Put it back, or restore a backup, then restart",
                    path: path
                )
            )
        }
    }
}

/// Writes one generation of changes into an open write transaction, in key order.
struct LMDBWriter: ~Copyable {
    let snapshot: LMDBSnapshot
    let cursor: OpaquePointer
    var row: CheckpointRow
    /// Of a background pass under way.
    private var sums: ScrubSums?

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
        sums = snapshot.scrub?.writerBegins()
        row = CheckpointRow(
            store: store,
            position: CheckpointPosition(end: .empty, createdAt: 0),
            generation: last?.generation ?? 0,
            digest: last?.digest ?? SnapshotDigest(),
            // Rows that an older key sealed are sealed anew before (`reseal`).
            keyID: snapshot.options.keys.current?.id.rawValue ?? 0,
            counts: last?.counts ?? [:],
            authenticatedFrom: snapshot.authenticatedFrom(after: last),
            isAuthenticated: snapshot.options.keys.current != nil
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
        try putRow()
        return row
    }

    func putRow() throws(SnapshotFailure) {
        snapshot.scrub?.stage(sums)
        let key = row.isAuthenticated ? snapshot.options.keys.current : nil
        try put(SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow), row.encoded(key: key))
    }

    private mutating func trim(_ table: TableID, _ range: RangeTombstones.Range) throws(SnapshotFailure) {
        let from = SnapshotKey.make(table, range.from)
        let upTo = SnapshotKey.make(table, range.upTo)
        var value = MDB_val()
        var found = Bytes()
        while true {
            let isInside = try seek(from, &value, MDB_SET_RANGE) { key in
                found = Bytes(key)
                return upTo.withUnsafeBytes { compare(key, $0) < 0 }
            }
            guard isInside else { return }
            try remove(table, found, UnsafeRawBufferPointer(value))
        }
    }

    private mutating func write(_ entry: TableEntry, in table: TableID) throws(SnapshotFailure) {
        let key = SnapshotKey.make(table, entry.key)
        var old = MDB_val()
        let isThere = try seek(key, &old, MDB_SET_KEY) { _ in true }
        guard let value = entry.value else {
            if isThere { try remove(table, key, UnsafeRawBufferPointer(old)) }
            return
        }
        if isThere { try forget(key, UnsafeRawBufferPointer(old)) } else { row.counts[table.rawValue, default: 0] += 1 }
        try put(value, lsn: entry.lsn, key)
    }

    /// Positions the cursor; false: not there, or `accept` doesn't want it.
    func seek(
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
        snapshot.touch()
        snapshot.trimMapped()
        guard status == 0 || status == MDB_NOTFOUND else {
            throw LMDBError(call: "mdb_cursor_get", status: status, path: snapshot.path).failure
        }
        return accepted
    }

    /// The row under the cursor leaves the digest and the tree.
    private mutating func remove(_ table: TableID, _ key: Bytes, _ old: UnsafeRawBufferPointer) throws(SnapshotFailure)
    {
        try forget(key, old)
        // More rows in the tree than were ever written.
        guard let count = row.counts[table.rawValue], count > 0 else {
            throw .final(.snapshotDamaged(snapshot.path, "table \(table) has more rows than the checkpoint row counts"))
        }
        row.counts[table.rawValue] = count - 1
        try orFail(mdb_cursor_del(cursor, 0), "mdb_cursor_del")
    }

    /// A row leaves the digest. One whose envelope can't be read is damage: nothing is written on top of it.
    mutating func forget(_ key: Bytes, _ old: UnsafeRawBufferPointer) throws(SnapshotFailure) {
        switch key.withUnsafeBytes({ SnapshotEnvelope.read(old, key: $0) }) {
        case .valid(let envelope):
            if !isMutant(.digestKeepsOldRows) { row.digest.remove(checksum: envelope.checksum, lsn: envelope.lsn) }
            guard sums?.includes(key) == true, !isMutant(.scrubKeepsOldRows) else { return }
            sums?.remove(key, checksum: envelope.checksum, lsn: envelope.lsn)
        case .invalid(let reason): throw .final(.snapshotDamaged(snapshot.path, reason))
        case .needsVersion(let what):
            throw .final(.newerWriter(at: StorageError.Spot(path: snapshot.path, segment: .none, offset: 0), what))
        }
    }

    mutating func forget(_ key: Bytes, _ old: Bytes) throws(SnapshotFailure) {
        var failure: SnapshotFailure?
        old.withUnsafeBytes { old in
            do throws(SnapshotFailure) { try forget(key, old) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    mutating func put(_ value: Bytes, lsn: UInt64, _ key: Bytes) throws(SnapshotFailure) {
        let payload = snapshot.codec.encode(value, key: key, lsn: lsn)
        var place = MDB_val(mv_size: SnapshotEnvelope.encodedBytes + payload.bytes.count, mv_data: nil)
        let status = key.withUnsafeBytes { key in
            withLMDBValue(key) { mdb_cursor_put(cursor, &$0, &place, UInt32(MDB_RESERVE)) }
        }
        try orFail(status, "mdb_cursor_put")
        let envelope = payload.fill(place.mv_data, key: key, lsn: lsn)
        row.digest.add(checksum: envelope.checksum, lsn: lsn)
        guard sums?.includes(key) == true else { return }
        sums?.add(key, checksum: envelope.checksum, lsn: lsn)
    }

    func put(_ key: Bytes, _ content: Bytes) throws(SnapshotFailure) {
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
