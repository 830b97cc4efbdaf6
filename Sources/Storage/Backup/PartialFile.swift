import CPlatform
import Glibc

/// A file that an offline writer fills as `<target>.partial` and that gets its name when it is complete and durable: never
/// in place of another. What an interrupted run left is emptied; anything else of that name is refused.
public final class PartialFile {
    private let target: String
    private let path: String
    private let descriptor: Int32
    private var offset: UInt64 = 0
    private var isOver = false

    /// - Parameter beginnings: what any file of this writer begins with.
    /// - Throws: EEXIST if something else has the name of the partial file, EAGAIN if another process writes it.
    public init(_ target: String, beginsAs beginnings: [[UInt8]]) throws(SystemCallError) {
        self.target = target
        path = target + ".partial"
        let opened = iii_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard opened >= 0 else {
            let number = -opened == ELOOP || -opened == EISDIR || -opened == ENXIO ? EEXIST : -opened
            throw SystemCallError(call: "open", number: number, path: path)
        }
        do throws(SystemCallError) {
            try Self.claim(opened, path, beginnings)
        } catch {
            close(opened)
            throw error
        }
        descriptor = opened
    }

    private static func claim(_ descriptor: Int32, _ path: String, _ beginnings: [[UInt8]]) throws(SystemCallError) {
        var (facts, named) = (stat(), stat())
        guard fstat(descriptor, &facts) == 0 else { throw SystemCallError(call: "fstat", number: errno, path: path) }
        let existing = SystemCallError(call: "open", number: EEXIST, path: path)
        guard facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink == 1, facts.st_uid == geteuid() else { throw existing }
        let status = iii_try_lock_file(descriptor)
        guard status == 0 else {
            let isHeld = status == EAGAIN || status == EACCES
            throw SystemCallError(call: "fcntl(F_OFD_SETLK)", number: isHeld ? EAGAIN : status, path: path)
        }
        // The writer that held it may have given it its name meanwhile.
        guard lstat(path, &named) == 0, named.st_ino == facts.st_ino, named.st_dev == facts.st_dev else {
            throw SystemCallError(call: "open", number: EAGAIN, path: path)
        }
        guard try isOurs(descriptor, path, beginnings) else { throw existing }
        guard ftruncate(descriptor, 0) == 0 else {
            throw SystemCallError(call: "ftruncate", number: errno, path: path)
        }
    }

    /// Empty, or as long as it is the beginning of what we write.
    private static func isOurs(_ descriptor: Int32, _ path: String, _ beginnings: [[UInt8]]) throws(SystemCallError)
        -> Bool
    {
        let limit = beginnings.map(\.count).max() ?? 0
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = pread(descriptor, &bytes, limit, 0)
        guard count >= 0 else { throw SystemCallError(call: "pread", number: errno, path: path) }
        let found = bytes[..<count]
        return beginnings.contains { $0.starts(with: found) || found.starts(with: $0) }
    }

    public func write(_ bytes: [UInt8]) throws(SystemCallError) {
        let file = PosixIO.File(descriptor: descriptor, path: path)
        var failure: SystemCallError?
        bytes.withUnsafeBytes { bytes in
            do throws(SystemCallError) {
                try PosixIO().writeAll(file, bytes, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        offset += UInt64(bytes.count)
    }

    /// Everything durable, then the name. After an error call `discard`.
    public func finish() throws(SystemCallError) {
        guard fsync(descriptor) == 0 else { throw SystemCallError(call: "fsync", number: errno, path: path) }
        let io = PosixIO()
        try io.renameNew(path, to: target)
        do {
            try io.syncDirectory(parentDirectory(of: target))
        } catch {
            unlink(target)
            throw error
        }
        end()
    }

    public func discard() {
        guard !isOver else { return }
        unlink(path)
        end()
    }

    private func end() {
        guard !isOver else { return }
        isOver = true
        close(descriptor)
    }

    deinit {
        end()
    }
}

extension SystemCallError {
    public var isExisting: Bool { number == EEXIST }
    public var isInUse: Bool { number == EAGAIN }
}
