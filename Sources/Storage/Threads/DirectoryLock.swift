import CPlatform
import Glibc
import Synchronization

/// The single owner of a store's directory (I9, R18): an open-file-description lock on LOCK and a lock on the directory
/// itself for other processes, a set of directories for this one.
///
/// LOCK is a file that somebody can remove; then a second owner would lock a new one. The directory can't be exchanged
/// without moving the store with it, and it is the same one under every path, bind mounts included.
final class DirectoryLock: Sendable {
    static let attempts = 5
    static let pauseMicroseconds: UInt32 = 50_000
    static let contentLimit = 256

    private static let openDirectories = Mutex<Set<FileIdentity>>([])

    /// Facts that people should know.
    let warnings: [String]
    private let identity: FileIdentity
    private let root: Int32
    private let descriptor: Int32
    private let path: String

    private init(_ directory: LogDirectory, identity: FileIdentity, root: Int32, warnings: inout [String])
        throws(StorageError)
    {
        self.identity = identity
        self.root = root
        path = directory.lock
        if let warning = try Self.lockDirectory(root, directory) { warnings.append(warning) }
        descriptor = try Self.lockFile(directory)
        self.warnings = warnings
    }

    static func take(_ directory: LogDirectory) throws(StorageError) -> DirectoryLock {
        let root = iii_open(directory.root, O_RDONLY | O_DIRECTORY, 0)
        guard root >= 0 else {
            throw .unusable(directory.root, SystemCallError(call: "open", number: -root, path: directory.root))
        }
        do {
            return try take(directory, root)
        } catch {
            close(root)
            throw error
        }
    }

    private static func take(_ directory: LogDirectory, _ root: Int32) throws(StorageError) -> DirectoryLock {
        let identity: FileIdentity
        do {
            identity = try PosixIO().identity(PosixIO.File(descriptor: root, path: directory.root))
        } catch {
            throw .unusable(directory.root, error)
        }
        guard openDirectories.withLock({ $0.insert(identity).inserted }) else {
            throw held(directory, by: "this process (pid \(getpid()))")
        }
        do {
            var warnings: [String] = []
            return try DirectoryLock(directory, identity: identity, root: root, warnings: &warnings)
        } catch {
            openDirectories.withLock { _ = $0.remove(identity) }
            throw error
        }
    }

    /// For looks at whether LOCK is still there. Valid until `release`.
    var file: PosixIO.File { PosixIO.File(descriptor: descriptor, path: path) }

    /// Call once, when nothing of the store is in use any more.
    func release() {
        close(descriptor)
        close(root)
        Self.openDirectories.withLock { _ = $0.remove(identity) }
    }

    /// Returns a warning where that isn't possible: network file systems have no such lock, or one for files only.
    private static func lockDirectory(_ root: Int32, _ directory: LogDirectory) throws(StorageError) -> String? {
        for attempt in 1...attempts {
            let status = iii_try_lock_directory(root)
            if status == 0 { return nil }
            guard status == EWOULDBLOCK else {
                return
                    "the store's directory can't be locked here (\(systemErrorText(status))): only its file LOCK keeps a second engine out, so nobody may remove it [path \(directory.root)]"
            }
            if attempt < attempts { usleep(pauseMicroseconds) }
        }
        throw held(directory, by: readHolder(at: directory.lock))
    }

    private static func lockFile(_ directory: LogDirectory) throws(StorageError) -> Int32 {
        let descriptor = InheritedOwner.open(directory.lock, O_RDWR)
        guard descriptor >= 0 else {
            throw .unusable(directory.root, SystemCallError(call: "open", number: -descriptor, path: directory.lock))
        }
        for attempt in 1...attempts {
            let status = iii_try_lock_file(descriptor)
            if status == 0 {
                // Not taken away between the opening and the lock.
                guard PosixIO().isNamed(PosixIO.File(descriptor: descriptor, path: directory.lock)) else {
                    close(descriptor)
                    throw held(directory, by: "another process, which has made a new LOCK")
                }
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

    private static func readHolder(at path: String) -> String {
        let descriptor = iii_open_file(path, O_RDONLY, 0)
        guard descriptor >= 0 else { return "another process" }
        defer { close(descriptor) }
        return readHolder(descriptor)
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
            case ELOOP, ENXIO, EISDIR: "remove \(error.path) and start again; nothing was changed"
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
