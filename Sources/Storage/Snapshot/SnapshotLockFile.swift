import CPlatform
import Glibc

/// LMDB's table of readers, `lock.mdb`. The first process to open a snapshot makes it; LMDB would make it for that process's
/// user alone, and a tool that runs as root would so lock the engine's user out.
enum SnapshotLockFile {
    /// As long as LMDB makes it: 126 readers.
    static let bytes = 8192

    /// Makes a missing file with the owner and the rights of `data.mdb`, before LMDB looks for it.
    ///
    /// A file that exists is never opened here: closing it would take away the locks that LMDB holds in this process. Its
    /// bytes are written, because LMDB maps it and the first use of a hole on a full disk is a SIGBUS.
    static func prepare(_ directory: String) throws(SystemCallError) {
        let path = directory + "/lock.mdb"
        let made = iii_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        // It exists, or it can't be made here, which LMDB reports or does without.
        guard made >= 0 else { return made == -EEXIST ? try requireFile(path) : () }
        defer { close(made) }
        let zeros = Bytes(repeating: 0, count: bytes)
        guard pwrite(made, zeros, bytes, 0) == bytes else {
            let error = SystemCallError(call: "pwrite", number: errno, path: path)
            unlink(path)
            throw error
        }
        var data = stat()
        guard stat(directory + "/data.mdb", &data) == 0 else { return InheritedOwner.give(made, like: directory) }
        InheritedOwner.give(made, like: directory + "/data.mdb")
        _ = fchmod(made, data.st_mode & 0o666)
    }

    /// LMDB follows a symbolic link, and writes to where it leads.
    private static func requireFile(_ path: String) throws(SystemCallError) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFLNK: throw SystemCallError(call: "open", number: ELOOP, path: path)
        default: throw SystemCallError(call: "open", number: ENXIO, path: path)
        }
    }
}
