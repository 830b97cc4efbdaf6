import ArgumentParser
import Glibc
import Storage

/// A path that a command creates: nothing is ever overwritten.
enum NewPath {
    static func require(_ path: String) throws {
        var facts = stat()
        guard lstat(path, &facts) != 0 else {
            throw CommandFailure(
                "something is there already",
                path: path,
                remedy: "name a path that does not exist yet"
            )
        }
        let number = errno
        guard number == ENOENT else {
            let reason = SystemCallError(call: "lstat", number: number, path: path).reason
            throw CommandFailure(reason, path: path, remedy: "name another path")
        }
    }

    static func requireBackup(_ path: String) throws {
        guard access(path + "/MANIFEST", F_OK) != 0 else { return }
        throw CommandFailure(
            "there is no backup here: no file MANIFEST",
            path: path,
            remedy: "name a directory that iii-storage-inspect backup has written"
        )
    }
}
