import CPlatform
import Glibc

/// A file that an offline writer fills as `<target>.partial` and that gets its name when it is complete and durable: never
/// in place of another. What an interrupted run left is emptied; anything else of that name is refused.
public final class PartialFile {
    private let target: String
    private let file: PosixIO.File
    private var offset: UInt64 = 0
    private var isOver = false

    /// - Parameter beginnings: what any file of this writer begins with.
    /// - Throws: EEXIST if something else has the name of the partial file, EAGAIN if another process writes it.
    public init(_ target: String, beginsAs beginnings: [[UInt8]]) throws(SystemCallError) {
        self.target = target
        let path = target + ".partial"
        let opened = iii_open_file(path, O_RDWR | O_CREAT, 0o600)
        guard opened >= 0 else {
            let isOther = [ELOOP, EISDIR, ENXIO].contains(-opened)
            throw SystemCallError(call: "open", number: isOther ? EEXIST : -opened, path: path)
        }
        file = PosixIO.File(descriptor: opened, path: path)
        do throws(SystemCallError) {
            try Self.claim(file, beginnings)
        } catch {
            close(opened)
            throw error
        }
    }

    private static func claim(_ file: PosixIO.File, _ beginnings: [[UInt8]]) throws(SystemCallError) {
        var facts = stat()
        guard fstat(file.descriptor, &facts) == 0 else {
            throw SystemCallError(call: "fstat", number: errno, path: file.path)
        }
        let existing = SystemCallError(call: "open", number: EEXIST, path: file.path)
        guard facts.st_nlink == 1, facts.st_uid == geteuid() else { throw existing }
        let status = iii_try_lock_file(file.descriptor)
        guard status == 0 else {
            let isHeld = status == EAGAIN || status == EACCES
            throw SystemCallError(call: "fcntl(F_OFD_SETLK)", number: isHeld ? EAGAIN : status, path: file.path)
        }
        // The writer that held it may have given it its name meanwhile.
        guard PosixIO().isNamed(file) else { throw SystemCallError(call: "open", number: EAGAIN, path: file.path) }
        guard try isOurs(file, beginnings) else { throw existing }
        try PosixIO().truncate(file, to: 0)
    }

    /// Empty, or as long as it is the beginning of what we write.
    private static func isOurs(_ file: PosixIO.File, _ beginnings: [[UInt8]]) throws(SystemCallError) -> Bool {
        let limit = beginnings.map(\.count).max() ?? 0
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = pread(file.descriptor, &bytes, limit, 0)
        guard count >= 0 else { throw SystemCallError(call: "pread", number: errno, path: file.path) }
        let found = bytes[..<count]
        return beginnings.contains { $0.starts(with: found) || found.starts(with: $0) }
    }

    public func write(_ bytes: [UInt8]) throws(SystemCallError) {
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
        let io = PosixIO()
        try io.fdatasync(file)
        try io.renameNew(file.path, to: target)
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
        unlink(file.path)
        end()
    }

    private func end() {
        guard !isOver else { return }
        isOver = true
        close(file.descriptor)
    }

    deinit {
        end()
    }
}

extension SystemCallError {
    public var isExisting: Bool { number == EEXIST }
    public var isInUse: Bool { number == EAGAIN }
}
