import CPlatform
import Glibc
import Synchronization

/// Tells, of a commit that failed, a full disk from a failing device (storage.md §5.8). Pure.
///
/// LMDB reports a short write as EIO, and that is how a full disk shows first. A failed sync is never taken for one: the
/// device failed, whatever number it gave.
struct FailedCommits {
    /// With little room, and with no proof that it was room: so many in a row, a second apart, count as a full disk.
    static let maximumAttempts = 10

    struct Facts {
        /// Of the failed call.
        var number: Int32
        /// Pages that were written did not reach the device, or nobody can say.
        var lostPages: Bool
        /// There is no room for a few blocks, right after the failure.
        var isFull: Bool
        /// nil: not known.
        var freeBytes: UInt64?
    }

    private(set) var attempts = 0

    /// Whether the commit may be tried again when there is room.
    mutating func isLackOfSpace(_ facts: Facts) -> Bool {
        let isSaid = SystemCallError(call: "", number: facts.number, path: "").isLackOfSpace
        guard isSaid || facts.number == EIO, !facts.lostPages else { return false }
        if isSaid || facts.isFull { return true }
        guard let free = facts.freeBytes, free < UInt64(SpaceJudgement.reserveBytes) else { return false }
        attempts += 1
        return attempts < Self.maximumAttempts
    }

    mutating func succeeded() {
        attempts = 0
    }
}

/// A descriptor of its own for the snapshot's file. The kernel reports a failed write-back once to each: what LMDB's sync
/// was told, a sync of this one is told as well.
final class SyncWitness: Sendable {
    private let descriptor: Atomic<Int32>

    init(_ path: String) throws(SystemCallError) {
        let opened = iii_open_file(path, O_RDONLY, 0)
        guard opened >= 0 else { throw SystemCallError(call: "open", number: -opened, path: path) }
        descriptor = Atomic(opened)
    }

    deinit {
        close()
    }

    /// True if pages that were written since the last call did not reach the device, or nobody can say.
    var lostPages: Bool {
        let open = descriptor.load(ordering: .acquiring)
        return open < 0 || fdatasync(open) != 0
    }

    func close() {
        let open = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0 { _ = Glibc.close(open) }
    }
}

extension LMDBSnapshot {
    /// What a failed commit means. Right after it, before anything is given back: what a short write took is still taken.
    func judged(_ failure: SnapshotFailure) -> SnapshotFailure {
        let error: StorageError
        switch failure {
        case .lowSpace(let found), .final(let found): error = found
        case .mapFull, .busy: return failure
        }
        guard let call = error.systemCall, call.number == EIO || call.isLackOfSpace else { return failure }
        let facts = FailedCommits.Facts(
            number: call.number,
            lostPages: witness?.lostPages ?? true,
            isFull: PosixIO().isWithoutRoom(in: path),
            freeBytes: try? PosixIO().freeBytes(path)
        )
        guard failedCommits.isLackOfSpace(facts) else {
            return .final(
                StorageError(
                    .durabilityLost,
                    "a checkpoint could not be written: \(call.reason). Check the device, then restart",
                    path: path,
                    systemCall: call
                )
            )
        }
        return .lowSpace(StorageError(.lowSpace, "no room for a checkpoint", path: path, systemCall: call))
    }
}

extension PosixIO {
    /// Whether a directory's file system has no room for a few blocks. LMDB reports a short write as EIO: this tells a full
    /// disk from a failing device.
    func isWithoutRoom(in directory: String) -> Bool {
        // A file without a name goes with its descriptor.
        let descriptor = iii_open(directory, iii_o_tmpfile | O_RDWR, 0o600)
        guard descriptor >= 0 else { return isLackOfSpace(-descriptor) }
        defer { _ = Glibc.close(descriptor) }
        let blocks = AlignedBytes(count: 16 * LogLimits.blockBytes)
        let bytes = blocks.readOnly
        let count = Glibc.pwrite(descriptor, bytes.baseAddress, bytes.count, 0)
        let number = errno
        extendLifetime(blocks)
        return count < 0 ? isLackOfSpace(number) : count < bytes.count
    }

    private func isLackOfSpace(_ number: Int32) -> Bool {
        SystemCallError(call: "", number: number, path: "").isLackOfSpace
    }
}
