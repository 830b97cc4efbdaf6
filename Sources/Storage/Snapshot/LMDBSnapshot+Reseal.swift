import CLMDB
import Glibc

// Key rotation: the checkpoint thread only.
extension LMDBSnapshot {
    /// Rows' bytes in one transaction.
    static let resealBytes = 16 * LogLimits.mebibyte

    /// Makes every row what the current key says: sealed with it, or plain without one.
    ///
    /// In several transactions, each of which leaves the same content at the same position, so a crash in between only
    /// means to go on. Every one of them names all keys that rows may be sealed with, the first one in the transaction that
    /// seals the first row anew. `apply` writes the row that names the current key alone.
    ///
    /// - Parameter transactions: after so many it stops, as if the process had been killed (for tests).
    func reseal(bytes: Int = resealBytes, transactions: Int = .max) throws(SnapshotFailure) {
        guard let last = row, !last.isSettled(options.keys) else { return }
        var row = last.moving(to: options.keys)
        row.authenticatedFrom = authenticatedFrom(after: last)
        if isMutant(.rotationNamesOneKey) { row.furtherKeys = [] }
        codec.allowsPlain = options.keys.current == nil || row.mayHoldPlainRows
        var next: Bytes? = SnapshotKey.end(of: SnapshotKey.checkpointTable)
        var done = 0
        while let from = next, done < transactions {
            done += 1
            next = try inTransaction { (transaction) throws(SnapshotFailure) in
                var writer = try LMDBWriter(self, transaction, after: row, store: options.store)
                writer.row = row
                let stopped = try writer.reseal(from: from, limit: bytes)
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
            guard !isSettled(found.key, found.value) else {
                key = found.key + [0]
                continue
            }
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

    /// An attempt that was cut short has sealed it already.
    private func isSettled(_ key: Bytes, _ value: Bytes) -> Bool {
        value.withUnsafeBytes { value in
            let reading = key.withUnsafeBytes { SnapshotEnvelope.read(value, key: $0) }
            guard case .valid(let envelope) = reading else { return false }
            guard let current = snapshot.options.keys.current else { return !envelope.isEncrypted }
            let end = SnapshotEnvelope.encodedBytes + 8
            return envelope.isEncrypted && value.count >= end
                && value.loadLittle(UInt64.self, at: SnapshotEnvelope.encodedBytes) == current.id.rawValue
        }
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
