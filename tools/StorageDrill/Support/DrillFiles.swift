import Glibc

/// Directories and files of a drill.
enum DrillFiles {
    /// Deeper trees are no store's.
    static let maximumDepth = 16

    enum Kind { case file, directory, other }

    static func kind(of path: String) -> Kind? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        default: return .other
        }
    }

    static func createDirectory(_ path: String) throws(DrillError) {
        guard mkdir(path, 0o700) == 0 || (errno == EEXIST && kind(of: path) == .directory) else {
            throw .failed("mkdir", path)
        }
    }

    /// With its parents.
    static func createDirectories(_ path: String) throws(DrillError) {
        var partial = path.utf8.first == UInt8(ascii: "/") ? "" : "."
        for part in path.split(separator: "/") {
            partial += "/" + part
            try createDirectory(partial)
        }
    }

    /// Names in a directory, sorted.
    static func list(_ path: String) throws(DrillError) -> [String] {
        guard let directory = opendir(path) else { throw .failed("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a directory with everything in it. Not an error if it isn't there.
    static func removeTree(_ path: String, depth: Int = 0) throws(DrillError) {
        guard depth <= maximumDepth else { throw DrillError("too deep to remove", path: path) }
        switch kind(of: path) {
        case nil: return
        case .directory:
            for name in try list(path) { try removeTree(path + "/" + name, depth: depth + 1) }
            guard rmdir(path) == 0 else { throw .failed("rmdir", path) }
        default:
            guard unlink(path) == 0 else { throw .failed("unlink", path) }
        }
    }

    /// A directory in memory with room for images; nil: there is none. The caller removes it.
    static func inMemory(_ name: String) -> String? {
        var facts = statvfs()
        guard statvfs("/dev/shm", &facts) == 0, access("/dev/shm", W_OK | X_OK) == 0,
            UInt64(facts.f_bavail) * UInt64(facts.f_frsize) >= neededInMemory
        else { return nil }
        return "/dev/shm/\(name).\(getpid())"
    }

    private static let neededInMemory: UInt64 = 512 << 20

    /// Bytes of all files below a directory.
    static func bytes(below path: String, depth: Int = 0) -> UInt64 {
        guard depth <= maximumDepth, let names = try? list(path) else { return 0 }
        return names.reduce(0) { total, name in
            let whole = path + "/" + name
            switch kind(of: whole) {
            case .directory: return total + bytes(below: whole, depth: depth + 1)
            case .file: return total + size(of: whole)
            default: return total
            }
        }
    }

    static func size(of path: String) -> UInt64 {
        var facts = stat()
        return lstat(path, &facts) == 0 ? UInt64(facts.st_size) : 0
    }

    /// A small text file of the kernel's; nil if it can't be read.
    static func text(_ path: String, limit: Int = 1 << 20) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let part = [UInt8](unsafeUninitializedCapacity: 65_536) { place, count in
                count = max(0, read(descriptor, place.baseAddress, place.count))
            }
            if part.isEmpty { break }
            bytes += part
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An open file, closed with its owner.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    private let path: String

    init(_ path: String, _ flags: Int32) throws(DrillError) {
        self.path = path
        descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .failed("open", path) }
    }

    deinit {
        close(descriptor)
    }

    var size: UInt64 {
        var facts = stat()
        return fstat(descriptor, &facts) == 0 ? UInt64(facts.st_size) : 0
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DrillError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .failed("pwrite", path) }
            done += count
        }
    }

    /// Fills the buffer from the offset on; returns how much there was.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DrillError) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .failed("pread", path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func truncate(to bytes: UInt64) throws(DrillError) {
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw .failed("ftruncate", path) }
    }
}
