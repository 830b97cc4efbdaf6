#if canImport(Glibc)
    import Glibc
#endif

/// The system calls, each with its errno as a sentence.
enum UpstreamFiles {
    enum Kind: Sendable, Hashable {
        case file(bytes: Int)
        case other(String)
    }

    /// All names but `.` and `..`, in byte order. A name that isn't UTF-8 is repaired, and so names no file.
    static func list(_ directory: String, limit: Int) throws(UpstreamError) -> [String] {
        guard let handle = opendir(directory) else {
            throw .failed("opendir", directory, .unusableDirectory, next: "Name a directory that can be read")
        }
        defer { closedir(handle) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            guard names.count <= limit else {
                let message = "more than \(limit) files. Move some to another directory and read both"
                throw UpstreamError(.tooManyFiles, message, path: directory)
            }
            errno = 0
        }
        guard errno == 0 else { throw .failed("readdir", directory, .unusableDirectory, next: "Check the disk") }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Follows symbolic links, as upstream does.
    static func kind(_ path: String) throws(UpstreamError) -> Kind {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw .failed("stat", path, next: "Make the file readable") }
        return kind(facts)
    }

    private static func kind(_ facts: stat) -> Kind {
        switch facts.st_mode & S_IFMT {
        case S_IFREG: .file(bytes: Int(facts.st_size))
        case S_IFDIR: .other("a directory")
        case S_IFIFO: .other("a pipe")
        case S_IFSOCK: .other("a socket")
        default: .other("a device")
        }
    }

    /// Reads a whole file of at most `limit` bytes. Nil when it changed meanwhile: someone is writing to it.
    static func read(_ path: String, limit: Int) throws(UpstreamError) -> [UInt8]? {
        // Non-blocking: a pipe that took the file's place must not hang the reader.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .failed("open", path, next: "Make the file readable") }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .failed("fstat", path, next: "Check the disk") }
        guard case .file(let size) = kind(facts), size <= limit else { return nil }
        var failure: UpstreamError?
        // One byte more than there is: a file that grew shows.
        let bytes = [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, count in
            do throws(UpstreamError) {
                count = try fill(UnsafeMutableRawBufferPointer(buffer), from: descriptor, path)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes.count == size ? bytes : nil
    }

    private static func fill(
        _ buffer: UnsafeMutableRawBufferPointer,
        from descriptor: Int32,
        _ path: String
    ) throws(UpstreamError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = Glibc.read(descriptor, rest.baseAddress, rest.count)
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .failed("read", path, next: "The disk fails to deliver the file: restore it from a backup")
            }
        }
        return done
    }

    /// For this user, on the file system of a directory.
    static func freeBytes(_ directory: String) throws(UpstreamError) -> Int {
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else { throw .failed("statvfs", directory, next: "Check the disk") }
        let (bytes, overflow) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
        return overflow ? Int.max : Int(clamping: bytes)
    }

    // MARK: Writing

    /// A file that appears completely or not at all, and stays: temporary name, sync, rename, sync of the directory.
    static func replace(_ path: String, temporary: String, in directory: String, with bytes: [UInt8])
        throws(UpstreamError)
    {
        do throws(UpstreamError) {
            try create(temporary, bytes)
            guard rename(temporary, path) == 0 else {
                throw .failed("rename", temporary, next: "Check the directory's rights")
            }
        } catch {
            unlink(temporary)
            throw error
        }
        try syncDirectory(directory)
    }

    private static func create(_ path: String, _ bytes: [UInt8]) throws(UpstreamError) {
        // As upstream's files: the mode is the umask's part.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw .failed("open", path, next: "Name a directory that can be written") }
        defer { close(descriptor) }
        try writeAll(descriptor, bytes, path)
        guard fsync(descriptor) == 0 else { throw .failed("fsync", path, next: "Check the disk, then write again") }
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], _ path: String) throws(UpstreamError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .failed("write", path, next: "Make room on the disk, then write again")
            }
        }
    }

    private static func syncDirectory(_ path: String) throws(UpstreamError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .failed("open", path, .unusableDirectory, next: "Check the directory's rights")
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .failed("fsync", path, next: "Check the disk, then write again") }
    }
}
