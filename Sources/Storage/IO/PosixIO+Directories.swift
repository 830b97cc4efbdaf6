import CPlatform
import Glibc

extension PosixIO {
    /// Gives a directory a name that nothing has: a plain rename would replace an empty directory.
    func renameNewDirectory(_ path: String, to target: String) throws(SystemCallError) {
        let status = iii_rename_noreplace(path, target)
        if status == 0 { return }
        // Some file systems don't have it.
        guard status == EINVAL || status == ENOSYS else {
            throw SystemCallError(call: "renameat2", number: status, path: target)
        }
        guard try !exists(target) else { throw SystemCallError(call: "rename", number: EEXIST, path: target) }
        try rename(path, to: target)
    }
}
