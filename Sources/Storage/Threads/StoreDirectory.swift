import CPlatform
import Glibc

/// Finds, creates and judges the directory of a store.
enum StoreDirectory {
    /// Creates the directory with its parents and returns its canonical absolute path.
    static func prepare(_ path: String) throws(StorageError) -> String {
        let absolute = try absolutePath(path)
        var partial = ""
        for part in absolute.utf8.split(separator: UInt8(ascii: "/")) {
            partial += "/" + String(decoding: part, as: UTF8.self)
            guard mkdir(partial, 0o700) == 0 else {
                let number = errno
                // A parent that exists may well be one that we could not create.
                if isDirectory(partial) { continue }
                let reason = number == EEXIST ? ENOTDIR : number
                throw .unusable(absolute, SystemCallError(call: "mkdir", number: reason, path: partial))
            }
            try makeNameDurable(partial, for: absolute)
        }
        guard let resolved = realpath(absolute, nil) else {
            throw .unusable(absolute, SystemCallError(call: "realpath", number: errno, path: absolute))
        }
        defer { free(resolved) }
        let canonical = String(cString: resolved)
        guard access(canonical, R_OK | W_OK | X_OK) == 0 else {
            throw .unusable(canonical, SystemCallError(call: "access", number: errno, path: canonical))
        }
        return canonical
    }

    /// Refuses network file systems, warns about FUSE (storage.md §5.12). Returns the warnings.
    static func judgeFilesystem(_ root: String, allowNetwork: Bool) throws(StorageError) -> [String] {
        var type: UInt64 = 0
        let status = iii_filesystem_type(root, &type)
        guard status == 0 else { throw .unusable(root, SystemCallError(call: "statfs", number: status, path: root)) }
        return try judge(type: type, root: root, allowNetwork: allowNetwork)
    }

    static func judge(type: UInt64, root: String, allowNetwork: Bool) throws(StorageError) -> [String] {
        if let name = networkName(type) {
            guard allowNetwork else {
                throw StorageError(
                    .networkFilesystem,
                    "a network file system (\(name)) keeps neither locks nor syncs reliably; use a local disk, or set allow_network_filesystem: true",
                    path: root
                )
            }
            return [
                "the store is on a network file system (\(name)): durability is only what the server gives [path \(root)]"
            ]
        }
        guard type == iii_filesystem_fuse else { return [] }
        return ["the store is on a FUSE file system: durability is only what its program gives [path \(root)]"]
    }

    /// What other machines may write to as well, or what confirms a sync before the device has it. Local file systems that
    /// copy on write (btrfs, ZFS, bcachefs) are judged like others: they keep locks and syncs, and that a write to a file
    /// that is there may find no room is no failure (`LogWriter`).
    private static func networkName(_ type: UInt64) -> String? {
        switch type {
        case iii_filesystem_nfs: "NFS"
        case iii_filesystem_smb, iii_filesystem_cifs: "SMB"
        case iii_filesystem_9p: "9p"
        case iii_filesystem_ceph: "Ceph"
        case iii_filesystem_gfs2: "GFS2"
        case iii_filesystem_lustre: "Lustre"
        default: nil
        }
    }

    static func absolutePath(_ path: String) throws(StorageError) -> String {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StorageError(
                .unusableDirectory,
                "the path of a store must not be empty or contain a zero byte",
                path: path
            )
        }
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let current = getcwd(nil, 0) else {
            throw .unusable(path, SystemCallError(call: "getcwd", number: errno, path: path))
        }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    private static func isDirectory(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }

    /// A created directory is lost with a power cut unless its parent is synced.
    private static func makeNameDurable(_ path: String, for root: String) throws(StorageError) {
        let parent = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? ""
        do {
            try PosixIO().syncDirectory(parent.isEmpty ? "/" : parent)
        } catch {
            // A parent that may be entered but not read can't be synced by us; its owner's rights, not our failure.
            guard error.number == EACCES else { throw .unusable(root, error) }
        }
    }
}
