import CPlatform
import Glibc
import Synchronization

/// The single owner of a store's directory (I9, R18): an open-file-description lock for other processes, a set of
/// canonical paths for this one.
final class DirectoryLock: Sendable {
    static let attempts = 5
    static let pauseMicroseconds: UInt32 = 50_000
    static let contentLimit = 256

    private static let openPaths = Mutex<Set<[UInt8]>>([])

    private let path: [UInt8]
    private let descriptor: Int32

    private init(path: [UInt8], descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    /// `root` must be canonical: two names of one directory are one store.
    static func take(_ directory: LogDirectory) throws(StorageError) -> DirectoryLock {
        let key = Array(directory.root.utf8)
        guard openPaths.withLock({ $0.insert(key).inserted }) else {
            throw held(directory, by: "this process (pid \(getpid()))")
        }
        do {
            return DirectoryLock(path: key, descriptor: try lockFile(directory))
        } catch {
            openPaths.withLock { _ = $0.remove(key) }
            throw error
        }
    }

    /// Call once, when nothing of the store is in use any more.
    func release() {
        close(descriptor)
        Self.openPaths.withLock { _ = $0.remove(path) }
    }

    private static func lockFile(_ directory: LogDirectory) throws(StorageError) -> Int32 {
        let descriptor = iii_open(directory.lock, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0 else {
            throw .unusable(directory.root, SystemCallError(call: "open", number: -descriptor, path: directory.lock))
        }
        for attempt in 1...attempts {
            let status = iii_try_lock_file(descriptor)
            if status == 0 {
                writeHolder(descriptor)
                return descriptor
            }
            guard status == EAGAIN || status == EACCES else {
                close(descriptor)
                throw .unusable(
                    directory.root,
                    SystemCallError(call: "fcntl(F_OFD_SETLK)", number: status, path: directory.lock)
                )
            }
            if attempt < attempts { usleep(pauseMicroseconds) }
        }
        let holder = readHolder(descriptor)
        close(descriptor)
        throw held(directory, by: holder)
    }

    private static func held(_ directory: LogDirectory, by holder: String) -> StorageError {
        var error = StorageError(
            .locked,
            "the store is already open in \(holder); stop it, or use another directory",
            path: directory.root
        )
        error.row = .r18
        return error
    }

    /// For people only; the lock is the lock.
    private static func writeHolder(_ descriptor: Int32) {
        let text = "pid \(getpid())\nboot \(bootID())\n"
        _ = ftruncate(descriptor, 0)
        _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    private static func readHolder(_ descriptor: Int32) -> String {
        let bytes = readUpToLimit(descriptor)
        let line = bytes.prefix { $0 != 0x0A }
        return line.isEmpty ? "another process" : "another process (\(String(decoding: line, as: UTF8.self)))"
    }

    private static func bootID() -> String {
        let descriptor = iii_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0)
        guard descriptor >= 0 else { return "unknown" }
        defer { close(descriptor) }
        return String(decoding: readUpToLimit(descriptor).prefix { $0 != 0x0A }, as: UTF8.self)
    }

    private static func readUpToLimit(_ descriptor: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: contentLimit) { place, count in
            count = max(0, pread(descriptor, place.baseAddress, contentLimit, 0))
        }
    }
}

extension StorageError {
    static func unusable(_ root: String, _ error: SystemCallError) -> StorageError {
        let advice =
            switch error.number {
            case EROFS: "mount it for writing, or name a directory on another volume"
            case ENOTDIR: "something else stands there: name a directory"
            case ENOSPC, EDQUOT: "make room, or name a directory on another volume"
            default: "give the process's user the right to read, write and enter it, or name another one"
            }
        return StorageError(
            .unusableDirectory,
            "the directory can't be used for a store: \(error.reason); \(advice)",
            path: root,
            systemCall: error
        )
    }
}
