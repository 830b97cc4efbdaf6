import CLMDB
import Glibc

// Copies for backups: any thread, beside everything else.
extension LMDBSnapshot {
    /// Bytes of rows in one transaction of the copy: bounds the memory that it takes.
    private static let copiedBytes = 16 * LogLimits.mebibyte

    /// Writes all rows in key order into a new environment, which so becomes compact.
    ///
    /// Not by `mdb_env_copy2`, which nobody can stop: a store that closes waits a few seconds, not for a slow disk. One read
    /// transaction for the whole length makes it the image of one checkpoint.
    func copy(to directory: String, isCancelled: () -> Bool) throws(StorageError) -> LSN {
        switch life.withLock({ $0.beginCopy() }) {
        case .granted: break
        case .closed: throw Self.closed(path)
        case .mapMustGrow:
            throw StorageError(.overloaded, "the snapshot's map must grow first; try the backup again", path: path)
        }
        defer { endCopy() }
        do throws(LMDBError) {
            let source = try makeReader()
            defer { mdb_txn_abort(source) }
            var target = try SnapshotTarget(directory, mapBytes: 2 * size.fileBytes + Self.copiedBytes)
            let checkpoint = try copyRows(source, into: &target, isCancelled)
            try target.finish()
            return checkpoint
        } catch {
            let advice = error.isLackOfSpace ? "; make room, or name a path on another disk" : ""
            throw StorageError(.inputOutput, "copying the snapshot failed: \(error.reason)\(advice)", path: directory)
        }
    }

    private func copyRows(_ source: OpaquePointer, into target: inout SnapshotTarget, _ isCancelled: () -> Bool)
        throws(LMDBError) -> LSN
    {
        let checkpointKey = SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow)
        var checkpoint = LSN.zero
        var opened: OpaquePointer?
        try orThrow(mdb_cursor_open(source, Self.tree, &opened), "mdb_cursor_open", path)
        defer { mdb_cursor_close(opened) }
        var key = MDB_val()
        var value = MDB_val()
        var status = mdb_cursor_get(opened, &key, &value, MDB_FIRST)
        while status == 0 {
            guard !isCancelled() else { throw LMDBError(call: "copy", status: ECANCELED, path: path) }
            if checkpoint == .zero, UnsafeRawBufferPointer(key).elementsEqual(checkpointKey),
                case .valid(let row) = CheckpointRow.read(UnsafeRawBufferPointer(value))
            {
                checkpoint = row.position.lsn
            }
            try target.append(&key, &value)
            if target.bytesInTransaction >= Self.copiedBytes { try target.commit() }
            touch()
            trimMapped()
            status = mdb_cursor_get(opened, &key, &value, MDB_NEXT)
        }
        guard status == MDB_NOTFOUND else { throw LMDBError(call: "mdb_cursor_get", status: status, path: path) }
        return checkpoint
    }

    private func endCopy() {
        life.withLock { life in
            if life.endCopy() { closeEnvironment() }
        }
    }

    static func closed(_ path: String) -> StorageError {
        StorageError(.closed, "the store is closed", path: path)
    }
}

/// An environment in the making, filled in key order. Nobody else uses it: no locks, and one sync at the end.
private struct SnapshotTarget: ~Copyable {
    private let path: String
    private let environment: OpaquePointer
    private var transaction: OpaquePointer?
    private(set) var bytesInTransaction = 0

    init(_ path: String, mapBytes: Int) throws(LMDBError) {
        self.path = path
        var made: OpaquePointer?
        try orThrow(mdb_env_create(&made), "mdb_env_create", path)
        guard let made else { throw LMDBError(call: "mdb_env_create", status: ENOMEM, path: path) }
        var begun: OpaquePointer?
        do throws(LMDBError) {
            try orThrow(mdb_env_set_mapsize(made, LogLimits.roundedToBlock(mapBytes)), "mdb_env_set_mapsize", path)
            try orThrow(mdb_env_open(made, path, UInt32(MDB_NOLOCK | MDB_NOSYNC), 0o600), "mdb_env_open", path)
            if let data = try? LMDBSnapshot.dataFile(made, path) { InheritedOwner.give(data.descriptor, like: path) }
            try orThrow(mdb_txn_begin(made, nil, 0, &begun), "mdb_txn_begin", path)
            var tree: MDB_dbi = 0
            try orThrow(mdb_dbi_open(begun, nil, 0, &tree), "mdb_dbi_open", path)
        } catch {
            if let begun { mdb_txn_abort(begun) }
            mdb_env_close(made)
            throw error
        }
        environment = made
        transaction = begun
    }

    deinit {
        if let transaction { mdb_txn_abort(transaction) }
        mdb_env_close(environment)
    }

    /// Fails if the key isn't behind all others: a damaged source is not copied without a word.
    mutating func append(_ key: inout MDB_val, _ value: inout MDB_val) throws(LMDBError) {
        if transaction == nil { try orThrow(mdb_txn_begin(environment, nil, 0, &transaction), "mdb_txn_begin", path) }
        try orThrow(mdb_put(transaction, LMDBSnapshot.tree, &key, &value, UInt32(MDB_APPEND)), "mdb_put", path)
        bytesInTransaction += key.mv_size + value.mv_size
    }

    mutating func commit() throws(LMDBError) {
        guard let full = transaction else { return }
        // Freed by the commit, also by one that fails.
        transaction = nil
        bytesInTransaction = 0
        let status = mdb_txn_commit(full)
        let isRoom = status == EIO && PosixIO().isWithoutRoom(in: path)
        try orThrow(isRoom ? ENOSPC : status, "mdb_txn_commit", path)
    }

    mutating func finish() throws(LMDBError) {
        try commit()
        try orThrow(mdb_env_sync(environment, 1), "mdb_env_sync", path)
    }
}
