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
            let error = SystemCallError(call: "lstat", number: number, path: path)
            throw CommandFailure("the path can't be used", error, remedy: "name another one")
        }
        try requireParent(of: path)
    }

    private static func requireParent(of path: String) throws {
        var name = path[...]
        while name.count > 1, name.last == "/" { name.removeLast() }
        let parent = name.lastIndex(of: "/").map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
        var facts = stat()
        guard stat(parent, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(
                "there is no directory to make it in",
                path: parent,
                remedy: "make that directory, or name a path in one that exists"
            )
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
