import CLMDB

/// LMDB's status codes as this engine's errors.
struct LMDBError: Error, Sendable {
    var call: String
    var status: Int32
    var path: String

    var reason: String {
        guard let text = mdb_strerror(status) else { return "error \(status)" }
        return "\(call): \(String(cString: text)) (\(status))"
    }

    private var systemCall: SystemCallError? {
        status > 0 ? SystemCallError(call: call, number: status, path: path) : nil
    }

    var isLackOfSpace: Bool { systemCall?.isLackOfSpace ?? false }

    /// While opening or reading: R16 for a failing device, R17 for content that makes no sense.
    var refusal: StorageError {
        if let shortage { return .snapshotWaits("the snapshot can't be read now", shortage) }
        if let systemCall { return .deviceFailed(systemCall) }
        guard status != MDB_READERS_FULL else {
            return StorageError(.overloaded, "too many programs read the snapshot; end some of them", path: path)
        }
        return .snapshotDamaged(path, reason)
    }

    /// While writing a checkpoint.
    var failure: SnapshotFailure {
        if status == MDB_MAP_FULL { return .mapFull }
        // Also out of a commit, whichever of its calls failed: the pages of a transaction that did not commit are referred to
        // by nothing, and after a failed write of the meta page LMDB refuses every further transaction, which is final.
        if let shortage { return .busy(.snapshotWaits("a checkpoint waits", shortage)) }
        if isLackOfSpace {
            return .lowSpace(StorageError(.lowSpace, "no room for a checkpoint", path: path, systemCall: systemCall))
        }
        return .final(lost)
    }

    /// Nothing is promised any more.
    var lost: StorageError {
        StorageError(
            .durabilityLost,
            "a checkpoint could not be written: \(reason). Check the device, then restart",
            path: path,
            systemCall: systemCall
        )
    }

    /// The process or the system has no descriptor or memory left: that passes.
    private var shortage: SystemCallError? {
        systemCall.flatMap { $0.isLackOfResources ? $0 : nil }
    }
}

extension StorageError {
    static func snapshotWaits(_ what: String, _ error: SystemCallError) -> StorageError {
        StorageError(
            .overloaded,
            "\(what), for a descriptor or memory: \(error.call): \(error.reason); raise the process's limits",
            path: error.path,
            systemCall: error
        )
    }

    /// EACCES: usually a tool that ran as root made `lock.mdb`.
    static func snapshotOfAnotherUser(_ path: String, _ error: LMDBError) -> StorageError {
        StorageError(
            .unusableDirectory,
            "the files of the snapshot belong to another user, perhaps because a tool ran as root. Give data.mdb and lock.mdb to the engine's user: chown",
            path: path,
            systemCall: SystemCallError(call: error.call, number: error.status, path: path)
        )
    }
}

/// Throws unless a call of LMDB succeeded.
@inline(__always)
func orThrow(_ status: Int32, _ call: String, _ path: String) throws(LMDBError) {
    guard status != 0 else { return }
    throw LMDBError(call: call, status: status, path: path)
}

extension UnsafeRawBufferPointer {
    init(_ value: MDB_val) {
        self.init(start: value.mv_data, count: value.mv_size)
    }
}

/// Calls with a key in the form that LMDB takes; it is only read.
@inline(__always)
func withLMDBValue<R>(_ bytes: UnsafeRawBufferPointer, _ body: (inout MDB_val) -> R) -> R {
    var value = MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    return body(&value)
}
