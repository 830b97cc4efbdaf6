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
        guard made >= 0 else { return }
        defer { close(made) }
        let zeros = Bytes(repeating: 0, count: bytes)
        guard pwrite(made, zeros, bytes, 0) == bytes else {
            let error = SystemCallError(call: "pwrite", number: errno, path: path)
            unlink(path)
            throw error
        }
        var data = stat()
        guard stat(directory + "/data.mdb", &data) == 0 else { return }
        // Only root may give a file away; for others it is their own already.
        if data.st_uid != geteuid() || data.st_gid != getegid() { _ = fchown(made, data.st_uid, data.st_gid) }
        _ = fchmod(made, data.st_mode & 0o666)
    }
}
