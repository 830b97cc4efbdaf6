import Glibc
import Storage

/// A directory that gets its name when everything in it is complete: `<path>.partial` before.
struct StoreInTheMaking {
    let path: String
    let partial: String

    /// - Throws: if an earlier attempt left something: it is not ours to remove.
    init(_ path: String) throws {
        self.path = path
        partial = path + ".partial"
        do {
            try NewPath.require(partial)
        } catch let failure as CommandFailure {
            var failure = failure
            failure.remedy = "an earlier attempt may have left it: remove it"
            throw failure
        }
    }

    func makeDirectory() throws {
        guard mkdir(partial, 0o700) == 0 else { throw failure("mkdir", partial) }
    }

    /// The name, durable.
    func finish() throws {
        guard rename(partial, path) == 0 else { throw failure("rename", path) }
        let parent = open(path + "/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw failure("open", path) }
        defer { close(parent) }
        guard fsync(parent) == 0 else { throw failure("fsync", path) }
    }

    private func failure(_ call: String, _ path: String) -> CommandFailure {
        let reason = SystemCallError(call: call, number: errno, path: path).reason
        return CommandFailure("\(call) failed: \(reason)", path: path, remedy: "name another path")
    }
}
