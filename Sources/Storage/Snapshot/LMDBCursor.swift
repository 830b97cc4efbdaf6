import CLMDB
import Glibc

/// Walks the rows of a range, forwards or backwards, within one read of an `LMDBSnapshot`.
final class LMDBCursor: SnapshotCursor {
    private let snapshot: LMDBSnapshot
    private let cursor: OpaquePointer
    private let isReversed: Bool
    /// Row keys; half open.
    private let from: Bytes
    private let upTo: Bytes
    private var foundKey = MDB_val()
    private var foundValue = MDB_val()
    private var isAtEnd = false
    private let scratch = SnapshotScratch()

    /// `from` and `upTo` are row keys: table and key.
    init(_ snapshot: LMDBSnapshot, _ transaction: OpaquePointer, from: Bytes, upTo: Bytes, reversed: Bool)
        throws(StorageError)
    {
        self.snapshot = snapshot
        isReversed = reversed
        self.from = from
        self.upTo = upTo
        var made: OpaquePointer?
        let status = mdb_cursor_open(transaction, LMDBSnapshot.tree, &made)
        guard status == 0, let made else {
            throw LMDBError(call: "mdb_cursor_open", status: status, path: snapshot.path).refusal
        }
        cursor = made
        try reversed ? seekBackward() : seekForward()
    }

    deinit {
        mdb_cursor_close(cursor)
    }

    var key: UnsafeRawBufferPointer? {
        rowKey.map { $0.part(SnapshotKey.tableBytes, $0.count - SnapshotKey.tableBytes) }
    }

    /// Key with the table in front.
    var rowKey: UnsafeRawBufferPointer? { isAtEnd ? nil : UnsafeRawBufferPointer(foundKey) }
    /// Value with its envelope.
    var rawValue: UnsafeRawBufferPointer { UnsafeRawBufferPointer(foundValue) }

    func value() throws(StorageError) -> SnapshotValue {
        try snapshot.decode(
            key: UnsafeRawBufferPointer(foundKey),
            value: UnsafeRawBufferPointer(foundValue),
            into: scratch
        )
    }

    func advance() throws(StorageError) {
        try move(isReversed ? MDB_PREV : MDB_NEXT)
        checkBounds()
    }

    private func seekForward() throws(StorageError) {
        try seek(from)
        checkBounds()
    }

    /// To the last row before `upTo`: there may be none at or behind it, then the tree's last row is the one.
    private func seekBackward() throws(StorageError) {
        try seek(upTo)
        try move(isAtEnd ? MDB_LAST : MDB_PREV)
        checkBounds()
    }

    private func seek(_ bytes: Bytes) throws(StorageError) {
        let status = bytes.withUnsafeBytes { bytes in
            foundKey = MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return mdb_cursor_get(cursor, &foundKey, &foundValue, MDB_SET_RANGE)
        }
        try take(status)
    }

    private func move(_ operation: MDB_cursor_op) throws(StorageError) {
        try take(mdb_cursor_get(cursor, &foundKey, &foundValue, operation))
    }

    private func take(_ status: Int32) throws(StorageError) {
        snapshot.touch()
        isAtEnd = status == MDB_NOTFOUND
        guard status == 0 || isAtEnd else {
            throw LMDBError(call: "mdb_cursor_get", status: status, path: snapshot.path).refusal
        }
        // A damaged page may show anything.
        guard isAtEnd || (SnapshotKey.tableBytes...SnapshotKey.maximumBytes).contains(foundKey.mv_size) else {
            throw .snapshotDamaged(snapshot.path, "a row's key of \(foundKey.mv_size) bytes")
        }
    }

    private func checkBounds() {
        guard !isAtEnd else { return }
        let bytes = UnsafeRawBufferPointer(foundKey)
        isAtEnd =
            isReversed
            ? from.withUnsafeBytes { compare(bytes, $0) < 0 }
            : upTo.withUnsafeBytes { compare(bytes, $0) >= 0 }
    }
}
