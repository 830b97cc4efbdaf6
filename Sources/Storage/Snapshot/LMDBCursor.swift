import CLMDB
import Glibc

/// Walks the rows of one table, forwards or backwards, within one read of an `LMDBSnapshot`.
final class LMDBCursor: SnapshotCursor {
    private let snapshot: LMDBSnapshot
    private let cursor: OpaquePointer
    private let table: TableID
    private let isReversed: Bool
    /// Row keys; half open.
    private let from: Bytes
    private let upTo: Bytes
    private var rowKey = MDB_val()
    private var rowValue = MDB_val()
    private var isAtEnd = false
    private let scratch = SnapshotScratch()

    init(
        _ snapshot: LMDBSnapshot,
        _ transaction: OpaquePointer,
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool
    ) throws(StorageError) {
        self.snapshot = snapshot
        self.table = table
        isReversed = reversed
        self.from = SnapshotKey.make(table, from ?? [])
        self.upTo = upTo.map { SnapshotKey.make(table, $0) } ?? SnapshotKey.end(of: table)
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
        guard !isAtEnd else { return nil }
        let bytes = UnsafeRawBufferPointer(rowKey)
        return bytes.part(SnapshotKey.tableBytes, bytes.count - SnapshotKey.tableBytes)
    }

    func value() throws(StorageError) -> SnapshotValue {
        try snapshot.decode(
            key: UnsafeRawBufferPointer(rowKey),
            value: UnsafeRawBufferPointer(rowValue),
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
            rowKey = MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return mdb_cursor_get(cursor, &rowKey, &rowValue, MDB_SET_RANGE)
        }
        try take(status)
    }

    private func move(_ operation: MDB_cursor_op) throws(StorageError) {
        try take(mdb_cursor_get(cursor, &rowKey, &rowValue, operation))
    }

    private func take(_ status: Int32) throws(StorageError) {
        snapshot.mapped.touch(snapshot.map.address, snapshot.map.bytes)
        isAtEnd = status == MDB_NOTFOUND
        guard status == 0 || isAtEnd else {
            throw LMDBError(call: "mdb_cursor_get", status: status, path: snapshot.path).refusal
        }
    }

    private func checkBounds() {
        guard !isAtEnd else { return }
        let bytes = UnsafeRawBufferPointer(rowKey)
        isAtEnd =
            isReversed
            ? from.withUnsafeBytes { compare(bytes, $0) < 0 }
            : upTo.withUnsafeBytes { compare(bytes, $0) >= 0 }
    }
}
