import Glibc
import Synchronization

/// Prepares at most one spare segment, off the commit path (storage.md §5.6).
///
/// The lock is held during the preparation, so a writer that runs out of room waits for a spare in the making instead of
/// preparing a second one. No submitter ever takes this lock.
final class SegmentPreparer<IO: StorageIO>: Sendable {
    private let io: IO
    private let directory: LogDirectory
    private let spare = Mutex<PreparedSegment?>(nil)

    init(io: IO, directory: LogDirectory) {
        self.io = io
        self.directory = directory
    }

    /// Makes sure that a spare of at least `bytes` exists.
    func prepare(bytes: Int) throws(SystemCallError) {
        try spare.withLock { (spare) throws(SystemCallError) in
            if let ready = spare, ready.bytes >= bytes { return }
            spare = nil
            spare = try make(bytes: bytes)
        }
    }

    /// Takes the spare if it is large enough, else prepares a file of the `wanted` size on the spot.
    func take(atLeast bytes: Int, wanted: Int) throws(SystemCallError) -> PreparedSegment {
        try spare.withLock { (spare) throws(SystemCallError) in
            defer { spare = nil }
            if let ready = spare, ready.bytes >= bytes { return ready }
            return try make(bytes: wanted)
        }
    }

    /// Makes a retired segment the spare, as it is; false: there is one already. The caller syncs the directory.
    func recycle(_ path: String, bytes: Int) throws(SystemCallError) -> Bool {
        try spare.withLock { (spare) throws(SystemCallError) in
            guard spare == nil else { return false }
            try io.rename(path, to: directory.spare)
            spare = PreparedSegment(path: directory.spare, bytes: bytes, isRecycled: true)
            return true
        }
    }

    /// Gives an unused spare back to the file system.
    func discard() {
        spare.withLock { spare in
            guard spare != nil else { return }
            spare = nil
            try? io.unlink(directory.spare)
        }
    }

    var hasSpare: Bool { spare.withLock { $0 != nil } }

    private func make(bytes: Int) throws(SystemCallError) -> PreparedSegment {
        let path = directory.spare
        let file = try io.open(path, .create)
        do {
            try io.fillWithZeros(file, length: bytes)
            io.close(file)
        } catch {
            io.close(file)
            // A half-written spare would only take the space that others need.
            try? io.unlink(path)
            throw error
        }
        return PreparedSegment(path: path, bytes: bytes)
    }
}

extension SystemCallError {
    /// The file system, the quota or the file-size limit is full.
    var isLackOfSpace: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }
}
