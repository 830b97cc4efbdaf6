import CPlatform
import Glibc

/// Who owns what a process of root makes in a directory of another user: that user. Else a tool that ran as root would lock
/// the engine out of its own store. What other processes make is their own.
enum InheritedOwner {
    /// open(2) of a file that may have to be made. The descriptor, or -errno.
    ///
    /// Only a file that this call made changes hands: one that was there may be another name of any file.
    static func open(_ path: String, _ flags: Int32) -> Int32 {
        if geteuid() == 0 {
            let made = iii_open_file(path, flags | O_CREAT | O_EXCL, 0o600)
            if made >= 0 { give(made, like: parentDirectory(of: path)) }
            if made != -EEXIST { return made }
        }
        return iii_open_file(path, flags | O_CREAT, 0o600)
    }

    /// A directory that this process has just made.
    static func give(directory path: String) {
        guard geteuid() == 0 else { return }
        let made = iii_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard made >= 0 else { return }
        give(made, like: parentDirectory(of: path))
        close(made)
    }

    /// A file or directory that this process has just made gets owner and group of another one. Where that isn't possible it
    /// stays as it is.
    static func give(_ descriptor: Int32, like path: String) {
        var facts = stat()
        guard geteuid() == 0, stat(path, &facts) == 0, facts.st_uid != 0 || facts.st_gid != 0 else { return }
        _ = fchown(descriptor, facts.st_uid, facts.st_gid)
    }
}
