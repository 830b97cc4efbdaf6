import Glibc

@testable import Storage

/// A store on the real file system with the real LMDB, stepped by the test: no threads of its own.
struct SteppedStore {
    let log: LogStore<PosixIO>

    init(_ path: String, options: StorageOptions) throws(StorageError) {
        let root = try StoreDirectory.prepare(path)
        var opening = LogOpening(io: PosixIO(), root: root, options: options) { store, create throws(StorageError) in
            try LMDBSnapshot.open(LogDirectory(root: root), options, store: store, create: create)
        }
        log = LogStore(options: options, io: PosixIO(), opened: try opening.run())
    }

    func flush() {
        while case .wrote = log.writeStep() {}
    }

    func close() throws {
        log.refuseCommits()
        flush()
        try log.closeLog()
    }
}

/// A directory that goes away with the test, and has the process in its name for whoever ends that (`tools/dev/mutants`).
final class ScratchDirectory {
    let path: String

    /// - Parameter parent: used if it is there: where many syncs cost time, and none is what the test is about.
    init(in parent: String = "/tmp") throws {
        let parent = access(parent, W_OK) == 0 ? parent : "/tmp"
        var template = Array("\(parent)/storage-test-\(getpid())-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StorageError(.inputOutput, "no scratch directory") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        chmod(path, 0o700)
        for name in (try? PosixIO().list(path)) ?? [] {
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }
}

extension LogStore {
    func commit<R: Sendable>(_ body: (inout Transaction) throws -> R) throws -> (pending: Pending<R>, wakesWriter: Bool)
    {
        var wakesWriter = false
        let pending = try commit(body, &wakesWriter)
        return (pending, wakesWriter)
    }
}
