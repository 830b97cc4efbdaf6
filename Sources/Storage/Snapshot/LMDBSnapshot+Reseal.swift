import CLMDB
import Glibc

// Key rotation: the checkpoint thread only.
extension LMDBSnapshot {
    /// Rows' bytes in one transaction.
    private static let resealBytes = 16 * LogLimits.mebibyte

    /// Makes every row what the current key says: sealed with it, or plain without one.
    ///
    /// In several transactions, each of which leaves the same content at the same position, so a crash in between only
    /// means to go on. The checkpoint row names the key when all rows are done.
    func reseal() throws(SnapshotFailure) {
        guard var row, row.keyID != options.keys.current?.id.rawValue ?? 0 else { return }
        var next: Bytes? = SnapshotKey.end(of: SnapshotKey.checkpointTable)
        while let from = next {
            next = try inTransaction { (transaction) throws(SnapshotFailure) in
                var writer = try LMDBWriter(self, transaction, after: row, store: options.store)
                writer.row = row
                let stopped = try writer.reseal(from: from, limit: Self.resealBytes)
                if stopped == nil { writer.row.keyID = options.keys.current?.id.rawValue ?? 0 }
                try writer.putRow()
                row = writer.row
                return stopped
            }
            committed(row)
        }
    }

    func inTransaction<R>(_ body: (OpaquePointer) throws(SnapshotFailure) -> R) throws(SnapshotFailure) -> R {
        var made: OpaquePointer?
        do {
            try orThrow(mdb_txn_begin(environment, nil, 0, &made), "mdb_txn_begin", path)
        } catch {
            throw error.failure
        }
        guard let transaction = made else { throw LMDBError(call: "mdb_txn_begin", status: ENOMEM, path: path).failure }
        let result: R
        do {
            result = try body(transaction)
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        do {
            try orThrow(mdb_txn_commit(transaction), "mdb_txn_commit", path)
        } catch {
            throw error.failure
        }
        return result
    }
}

extension LMDBWriter {
    /// Writes rows anew until `limit` bytes are done. Returns the key to go on from, nil at the end.
    mutating func reseal(from: Bytes, limit: Int) throws(SnapshotFailure) -> Bytes? {
        var key = from
        var done = 0
        while let found = try row(from: key) {
            if done >= limit { return found.key }
            done += found.value.count
            let plain: (value: Bytes, lsn: UInt64)
            do throws(StorageError) {
                plain = try snapshot.codec.plain(found.key, found.value, path: snapshot.path)
            } catch {
                throw .final(error)
            }
            try forget(found.key, found.value)
            try put(plain.value, lsn: plain.lsn, found.key)
            key = found.key + [0]
        }
        return nil
    }

    /// The first row at or behind a row key; nil: none.
    private func row(from key: Bytes) throws(SnapshotFailure) -> (key: Bytes, value: Bytes)? {
        var value = MDB_val()
        var found = Bytes()
        let isThere = try seek(key, &value, MDB_SET_RANGE) { bytes in
            found = Bytes(bytes)
            return true
        }
        return isThere ? (found, Bytes(UnsafeRawBufferPointer(value))) : nil
    }
}
