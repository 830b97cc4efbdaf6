import CPlatform
import Glibc

/// The real file system.
struct PosixIO: StorageIO {
    /// An open descriptor. Closed by `close`, never implicitly: the log knows when it is done with a file.
    struct File: Sendable {
        let descriptor: Int32
        let path: String
    }

    func open(_ path: String, _ mode: OpenMode) throws(SystemCallError) -> File {
        switch mode {
        case .create: return try file(InheritedOwner.open(path, O_RDWR | O_TRUNC), path)
        case .update: return try open(path, O_RDWR)
        case .updateDirect: return try open(path, O_RDWR | iii_o_direct | iii_o_dsync)
        case .readDevice: return try openForDevice(path)
        }
    }

    /// A regular file: nothing else is ever one of the store's.
    private func open(_ path: String, _ flags: Int32) throws(SystemCallError) -> File {
        try file(iii_open_file(path, flags, 0), path)
    }

    private func file(_ descriptor: Int32, _ path: String) throws(SystemCallError) -> File {
        guard descriptor >= 0 else { throw SystemCallError(call: "open", number: -descriptor, path: path) }
        return File(descriptor: descriptor, path: path)
    }

    /// tmpfs and some network file systems refuse O_DIRECT: there the cached pages are dropped first.
    private func openForDevice(_ path: String) throws(SystemCallError) -> File {
        do {
            return try open(path, O_RDONLY | iii_o_direct)
        } catch {
            guard error.number == EINVAL else { throw error }
        }
        let file = try open(path, O_RDONLY)
        posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_DONTNEED)
        return file
    }

    func close(_ file: File) {
        _ = Glibc.close(file.descriptor)
    }

    func pwrite(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) -> Int {
        let count = Glibc.pwrite(file.descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        guard count >= 0 else { throw SystemCallError(call: "pwrite", number: errno, path: file.path) }
        return count
    }

    func pread(_ file: File, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError)
        -> Int
    {
        var count = Glibc.pread(file.descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        // Devices with blocks above 4 KiB take O_DIRECT at the opening and refuse it here: then as on tmpfs.
        if count < 0, errno == EINVAL, iii_leave_direct(file.descriptor) == 1 {
            count = Glibc.pread(file.descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        }
        guard count >= 0 else { throw SystemCallError(call: "pread", number: errno, path: file.path) }
        return count
    }

    func fdatasync(_ file: File) throws(SystemCallError) {
        guard Glibc.fdatasync(file.descriptor) == 0 else {
            throw SystemCallError(call: "fdatasync", number: errno, path: file.path)
        }
    }

    var canReadAhead: Bool { true }

    func linkCount(_ file: File) throws(SystemCallError) -> UInt64 {
        var names: UInt64 = 0
        let status = iii_link_count(file.descriptor, &names)
        guard status == 0 else { throw SystemCallError(call: "statx", number: status, path: file.path) }
        return names
    }

    func size(_ file: File) throws(SystemCallError) -> UInt64 {
        var facts = stat()
        guard fstat(file.descriptor, &facts) == 0 else {
            throw SystemCallError(call: "fstat", number: errno, path: file.path)
        }
        return UInt64(facts.st_size)
    }

    func truncate(_ file: File, to bytes: UInt64) throws(SystemCallError) {
        guard ftruncate(file.descriptor, off_t(bytes)) == 0 else {
            throw SystemCallError(call: "ftruncate", number: errno, path: file.path)
        }
    }

    func syncDirectory(_ path: String) throws(SystemCallError) {
        let directory = try openDirectory(path)
        defer { close(directory) }
        try sync(directory: directory)
    }

    func openDirectory(_ path: String) throws(SystemCallError) -> File {
        try file(iii_open(path, O_RDONLY | O_DIRECTORY, 0), path)
    }

    func sync(directory: File) throws(SystemCallError) {
        guard fsync(directory.descriptor) == 0 else {
            throw SystemCallError(call: "fsync", number: errno, path: directory.path)
        }
    }

    func rename(_ path: String, to target: String) throws(SystemCallError) {
        guard Glibc.rename(path, target) == 0 else { throw SystemCallError(call: "rename", number: errno, path: path) }
    }

    func renameNew(_ path: String, to target: String) throws(SystemCallError) {
        let status = iii_rename_new(path, target)
        guard status == 0 else { throw SystemCallError(call: "rename", number: status, path: target) }
    }

    func identity(_ file: File) throws(SystemCallError) -> FileIdentity {
        var facts = stat()
        guard fstat(file.descriptor, &facts) == 0 else {
            throw SystemCallError(call: "fstat", number: errno, path: file.path)
        }
        return FileIdentity(device: UInt64(facts.st_dev), node: UInt64(facts.st_ino))
    }

    func identity(_ path: String) throws(SystemCallError) -> FileIdentity? {
        var facts = stat()
        if stat(path, &facts) == 0 { return FileIdentity(device: UInt64(facts.st_dev), node: UInt64(facts.st_ino)) }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw SystemCallError(call: "stat", number: errno, path: path)
        }
        return nil
    }

    /// Whether the open file's path still names it: nobody took the name away since, or gave it to another file.
    func isNamed(_ file: File) -> Bool {
        var (own, named) = (stat(), stat())
        guard fstat(file.descriptor, &own) == 0, lstat(file.path, &named) == 0 else { return false }
        return own.st_dev == named.st_dev && own.st_ino == named.st_ino
    }

    func unlink(_ path: String) throws(SystemCallError) {
        guard Glibc.unlink(path) == 0 else { throw SystemCallError(call: "unlink", number: errno, path: path) }
    }

    func list(_ path: String) throws(SystemCallError) -> [String] {
        guard let directory = opendir(path) else { throw SystemCallError(call: "opendir", number: errno, path: path) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw SystemCallError(call: "readdir", number: errno, path: path) }
        return names
    }

    func createDirectory(_ path: String) throws(SystemCallError) {
        if mkdir(path, 0o700) == 0 { return InheritedOwner.give(directory: path) }
        guard errno == EEXIST else { throw SystemCallError(call: "mkdir", number: errno, path: path) }
    }

    func exists(_ path: String) throws(SystemCallError) -> Bool {
        var facts = stat()
        if lstat(path, &facts) == 0 { return true }
        guard errno == ENOENT else { throw SystemCallError(call: "stat", number: errno, path: path) }
        return false
    }

    func freeBytes(_ path: String) throws(SystemCallError) -> UInt64 {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { throw SystemCallError(call: "statvfs", number: errno, path: path) }
        return UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
    }
}

/// The system's words for an errno. glibc's strerror keeps its buffer per thread.
func systemErrorText(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "error \(number)" }
    return "\(String(cString: text)) (errno \(number))"
}
