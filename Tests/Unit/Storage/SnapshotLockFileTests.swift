import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A tool that ran as root made `snapshot/lock.mdb` for root alone: the engine's own user could no longer open the store.
@Suite struct SnapshotLockFileTests {
    private func facts(_ path: String) throws -> stat {
        var facts = stat()
        try #require(stat(path, &facts) == 0)
        return facts
    }

    private func makeStore(_ path: String) throws -> LogDirectory {
        let store = try SteppedStore(path, options: StorageOptions())
        _ = try store.log.commit { $0.put(TableID(rawValue: 1), key: [1], value: [2]) }
        try store.close()
        return LogDirectory(root: path)
    }

    private func openReadOnly(_ directory: LogDirectory) throws {
        var options = SnapshotOptions(StorageOptions(), store: StoreID(high: 1, low: 1))
        options.isReadOnly = true
        let snapshot = try LMDBSnapshot(path: directory.snapshot, options: options)
        #expect(snapshot.row?.rows == 1)
        snapshot.close()
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func aToolOfRootLeavesItToTheEnginesUser() throws {
        let scratch = try ScratchDirectory()
        let directory = try makeStore(scratch.path)
        unlink(directory.snapshotLock)
        try #require(chown(directory.snapshotData, 4711, 4712) == 0 && chmod(directory.snapshotData, 0o640) == 0)
        try openReadOnly(directory)
        let lock = try facts(directory.snapshotLock)
        #expect(lock.st_uid == 4711 && lock.st_gid == 4712 && lock.st_mode & 0o777 == 0o640)
        // LMDB found it long enough, and none of it is a hole, which a full disk would make a SIGBUS.
        #expect(lock.st_size == SnapshotLockFile.bytes && lock.st_blocks * 512 >= SnapshotLockFile.bytes)
    }

    /// Closing it would take away LMDB's locks in this process.
    @Test func oneThatExistsIsLeftAlone() throws {
        let scratch = try ScratchDirectory()
        let directory = try makeStore(scratch.path)
        let before = try facts(directory.snapshotLock)
        try SnapshotLockFile.prepare(directory.snapshot)
        let after = try facts(directory.snapshotLock)
        #expect(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
        try openReadOnly(directory)
    }

    @Test func aMissingOneIsMadeAndServes() throws {
        let scratch = try ScratchDirectory()
        let directory = try makeStore(scratch.path)
        unlink(directory.snapshotLock)
        try openReadOnly(directory)
        #expect(try facts(directory.snapshotLock).st_size == SnapshotLockFile.bytes)
        try SteppedStore(scratch.path, options: StorageOptions()).close()
    }
}
