import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Tools that run as root on the store of another user.
@Suite struct RootTests {
    private static let (user, group): (uid_t, gid_t) = (65534, 65533)

    /// Paths of everything at and below a directory.
    private func all(_ path: String) throws -> [String] {
        var facts = stat()
        try #require(lstat(path, &facts) == 0)
        guard facts.st_mode & S_IFMT == S_IFDIR else { return [path] }
        return try [path] + PosixIO().list(path).flatMap { try all("\(path)/\($0)") }
    }

    private func give(_ path: String) throws {
        for name in try all(path) { try #require(lchown(name, Self.user, Self.group) == 0) }
    }

    private func foreign(_ path: String) throws -> [String] {
        try all(path).filter { name in
            var facts = stat()
            return lstat(name, &facts) != 0 || facts.st_uid != Self.user || facts.st_gid != Self.group
        }
    }

    /// Segments, HEAD, SCRUB, FORMAT and `quarantine/` were root's after that, and the engine's user was locked out.
    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func whatRootMakesInAStoreIsItsOwners() throws {
        let scratch = try Scratch()
        let (store, damaged) = (scratch.path + "/store", scratch.path + "/damaged")
        for path in [store, damaged] {
            try StoreFixture.killed(path, checkpointAfter: 10, rows: 60)
            for name in ["/LOCK", "/snapshot/lock.mdb", "/snapshot/SCRUB"] { unlink(path + name) }
        }
        try CutCommandTests.Damage.payload.apply(damaged)
        for path in [store, damaged] { try give(path) }
        let before = try all(store)

        let backup = Run("backup", store, "--to", scratch.path + "/backup")
        #expect(backup.status == .sound, "\(backup.errors)")
        try Store.open(path: store, options: StoreFixture.options).close()
        #expect(try all(store) != before && foreign(store) == [])
        #expect(access(store + "/snapshot/SCRUB", F_OK) == 0, "it was made")

        let place = ["--accept-data-loss", "2:20480"]
        let cut = Run(["cut", damaged, "--copy-to", scratch.path + "/copy", "--yes"] + place)
        #expect(cut.status == .sound, "\(cut.errors)")
        #expect(try foreign(damaged) == [])
        for name in ["LOCK", "FORMAT", "wal/HEAD", "quarantine", "snapshot/lock.mdb"] {
            #expect(access("\(damaged)/\(name)", F_OK) == 0, "\(name) was made")
        }
    }

    /// A store that root makes in another user's directory is that user's too.
    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func aStoreThatRootMakesIsTheDirectorys() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        try #require(mkdir(store, 0o700) == 0)
        try give(store)
        try StoreFixture.closed(store, rows: 20)
        #expect(try foreign(store) == [])
    }
}
