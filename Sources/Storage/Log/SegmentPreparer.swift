import Glibc
import Synchronization

/// Prepares at most one spare segment, off the commit path (storage.md §5.6).
///
/// The lock is held during the preparation, so a writer that runs out of room waits for a spare in the making instead of
/// preparing a second one. No submitter ever takes this lock.
///
/// It also keeps the reserve (§5.8): a file that is given up for a segment when the disk has no room for one. As a
/// temporary file it goes at the next opening too, so a full disk lets a store open.
final class SegmentPreparer<IO: StorageIO>: Sendable {
    private let io: IO
    private let directory: LogDirectory
    private let spare = Mutex<PreparedSegment?>(nil)
    /// Every file gets a name of its own: the one taken last may be on its way to become a segment while the next is made.
    private let made = Atomic(0)
    private let reserve = Mutex(false)

    /// Room for a few of the smallest segments, and for the pages of the snapshot that the first deletes copy.
    static var reserveBytes: Int { LogLimits.mebibyte }

    init(io: IO, directory: LogDirectory) {
        self.io = io
        self.directory = directory
    }

    /// Makes sure that a spare of at least `bytes` exists.
    func prepare(bytes: Int) throws(SystemCallError) {
        try spare.withLock { (spare) throws(SystemCallError) in
            if let ready = spare {
                if ready.bytes >= bytes { return }
                spare = nil
                try? io.unlink(ready.path)
            }
            spare = try make(bytes: bytes)
        }
    }

    /// Makes sure that the reserve exists.
    func keepReserve() throws(SystemCallError) {
        try reserve.withLock { (isThere) throws(SystemCallError) in
            guard !isThere else { return }
            try fill(directory.reserve, bytes: Self.reserveBytes)
            isThere = true
        }
    }

    /// False: it is gone already.
    func releaseReserve() -> Bool {
        reserve.withLock { isThere in
            guard isThere else { return false }
            isThere = false
            try? io.unlink(directory.reserve)
            return true
        }
    }

    var hasReserve: Bool { reserve.withLock { $0 } }

    /// Takes the spare if it is large enough, else prepares a file of the `wanted` size on the spot, of the room that the
    /// reserve took if there is no other.
    func take(atLeast bytes: Int, wanted: Int) throws(SystemCallError) -> PreparedSegment {
        try spare.withLock { (spare) throws(SystemCallError) in
            defer { spare = nil }
            if let ready = spare {
                if ready.bytes >= bytes { return ready }
                try? io.unlink(ready.path)
            }
            do throws(SystemCallError) {
                return try make(bytes: wanted)
            } catch {
                guard error.isLackOfSpace, wanted <= Self.reserveBytes, releaseReserve() else { throw error }
                return try make(bytes: wanted)
            }
        }
    }

    /// Takes back what could not become a segment. Its header may be written; the next activation writes another.
    func giveBack(_ prepared: PreparedSegment) {
        spare.withLock { spare in
            if spare == nil { spare = prepared } else { try? io.unlink(prepared.path) }
        }
    }

    /// Makes a retired segment the spare, as it is; false: there is one already. The caller syncs the directory.
    func recycle(_ path: String, bytes: Int) throws(SystemCallError) -> Bool {
        try spare.withLock { (spare) throws(SystemCallError) in
            guard spare == nil else { return false }
            let name = nextName()
            try io.renameNew(path, to: name)
            spare = PreparedSegment(path: name, bytes: bytes, isRecycled: true)
            return true
        }
    }

    /// Gives an unused spare and the reserve back to the file system.
    func discard() {
        _ = releaseReserve()
        spare.withLock { spare in
            guard let unused = spare else { return }
            spare = nil
            try? io.unlink(unused.path)
        }
    }

    var hasSpare: Bool { spare.withLock { $0 != nil } }

    private func nextName() -> String {
        directory.spare(made.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    private func make(bytes: Int) throws(SystemCallError) -> PreparedSegment {
        let path = nextName()
        try fill(path, bytes: bytes)
        return PreparedSegment(path: path, bytes: bytes)
    }

    private func fill(_ path: String, bytes: Int) throws(SystemCallError) {
        let file = try io.open(path, .create)
        do {
            try io.fillWithZeros(file, length: bytes)
            io.close(file)
        } catch {
            io.close(file)
            // A half-written file would only take the space that others need.
            try? io.unlink(path)
            throw error
        }
    }
}

extension SystemCallError {
    /// The file system, the quota or the file-size limit is full.
    var isLackOfSpace: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }

    /// The process or the system has no descriptor, memory or thread left: that passes.
    public var isLackOfResources: Bool { number == EMFILE || number == ENFILE || number == ENOMEM || number == EAGAIN }
}
