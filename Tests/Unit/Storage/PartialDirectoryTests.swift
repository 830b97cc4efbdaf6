import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// The directories in which offline writers work. Before, anything that had the name `X.partial` or `X.verify` was
/// emptied unseen, two backups to one target emptied each other's, and a failed one stayed on the disk it had filled.
@Suite struct PartialDirectoryTests {
    private func file(_ path: String, _ text: String = "mine") throws {
        try PosixIO().replaceFile(path, in: parentDirectory(of: path), with: Bytes(text.utf8))
    }

    private func exists(_ path: String) -> Bool { (try? PosixIO().exists(path)) ?? false }

    /// Path below the partial directory: what is there, and whether this program may have made it.
    private static let contents: [(path: String, isOurs: Bool)] = [
        ("snapshot/data.mdb", true), ("snapshot/lock.mdb", true), ("snapshot/SCRUB", true),
        ("wal/00000000000000000007.wal", true),
        ("wal/spare-1.tmp", true), ("FORMAT", true), ("MANIFEST", true), ("LOCK", true), ("MANIFEST.tmp", true),
        ("quarantine/00000000000000000007.wal.4096.tail", true), ("scope.bin", true), ("notes.txt", false),
        ("wal/notes.txt", false), ("snapshot/notes.txt", false), ("deeper/FORMAT", false), ("wal/deeper/x", false),
    ]

    @Test(arguments: contents.indices)
    func onlyOurOwnIsRemoved(index: Int) throws {
        let (path, isOurs) = Self.contents[index]
        let scratch = try ScratchDirectory()
        let target = scratch.path + "/x"
        let interrupted = try PartialDirectory.claim(.restore, for: target)
        for (offset, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") {
            try PosixIO().createDirectory(target + ".partial/" + path.prefix(offset))
        }
        try file(target + ".partial/" + path)
        interrupted.abandon()
        if isOurs {
            let claim = try PartialDirectory.claim(.backup, for: target)
            #expect(try PosixIO().list(claim.path) == [PartialDirectory.marker])
            let marker = try PosixIO().readFile(claim.path + "/PARTIAL", limit: 4096)
            #expect(String(decoding: marker, as: UTF8.self) == "iii-storage partial 1\nkind backup\ntarget \(target)\n")
            claim.discard()
            #expect(!exists(target + ".partial"))
        } else {
            let error = #expect(throws: StorageError.self) { try PartialDirectory.claim(.backup, for: target) }
            #expect(error?.code == .unusableDirectory && error?.path?.hasPrefix(target + ".partial/") == true)
            #expect(exists(target + ".partial/" + path), "nothing was changed")
        }
    }

    /// Without the marker nothing is believed, whatever its name.
    @Test func aDirectoryOfSomebodyElse() throws {
        let scratch = try ScratchDirectory()
        let target = scratch.path + "/x"
        let partial = LogDirectory(root: target + ".partial")
        try FileTree(partial).create()
        try file(partial.format)
        let store = try Store.open(path: scratch.path + "/store")
        _ = try store.commit { $0.put(TableID(rawValue: 1), key: [1], value: [1]) }.wait()
        #expect(throws: StorageError.self) { try store.backup(to: target) }
        _ = try store.backup(to: scratch.path + "/backup")
        try store.close()
        #expect(throws: StorageError.self) { try StoreRestore.run(backup: scratch.path + "/backup", target: target) }
        #expect(throws: StorageError.self) { try StoreBuilder(target: target) }
        #expect(throws: StorageError.self) {
            try StoreFilesCopy(source: scratch.path + "/store", target: target).run { _ in }
        }
        try FileTree(scratch.path + "/backup.verify").create()
        try file(scratch.path + "/backup.verify/FORMAT")
        #expect(throws: StorageError.self) { try StoreRestore.prove(scratch.path + "/backup") }
        #expect(exists(partial.format) && exists(scratch.path + "/backup.verify/FORMAT") && !exists(target))
        // A name for a file, and for a link to a directory.
        for make in [{ try self.file(target + "2.partial") }, { #expect(symlink(partial.root, target + "2.partial") == 0) }]
        {
            unlink(target + "2.partial")
            try make()
            #expect(throws: StorageError.self) { try PartialDirectory.claim(.backup, for: target + "2") }
        }
        #expect(exists(partial.format))
    }

    @Test func twoWritersToOneTarget() throws {
        let scratch = try ScratchDirectory()
        let target = scratch.path + "/x"
        let first = try PartialDirectory.claim(.backup, for: target)
        try file(first.path + "/FORMAT")
        for kind in [PartialDirectory.Kind.backup, .restore] {
            let error = #expect(throws: StorageError.self) { try PartialDirectory.claim(kind, for: target) }
            #expect(error?.code == .locked && error?.path == target + ".partial")
        }
        #expect(exists(first.path + "/FORMAT"))
        try first.finish()
        #expect(try PosixIO().list(target) == ["FORMAT"] && !exists(first.path))
        let error = #expect(throws: StorageError.self) { try PartialDirectory.claim(.backup, for: target) }
        #expect(error?.code == .unusableDirectory && error?.path == target)
    }

    /// The target appears while the writer is at work: even an empty directory is not replaced.
    @Test func nothingIsReplaced() throws {
        let scratch = try ScratchDirectory()
        let claim = try PartialDirectory.claim(.backup, for: scratch.path + "/x")
        #expect(mkdir(scratch.path + "/x", 0o700) == 0)
        #expect(throws: StorageError.self) { try claim.finish() }
        claim.discard()
        #expect(try PosixIO().list(scratch.path) == ["x"] && PosixIO().list(scratch.path + "/x") == [])
    }

    /// A slash at the end names the same directory.
    @Test func slashesAtTheEnd() throws {
        let scratch = try ScratchDirectory()
        let claim = try PartialDirectory.claim(.backup, for: scratch.path + "/x//")
        #expect(claim.path == scratch.path + "/x.partial" && claim.target == scratch.path + "/x")
        claim.discard()
        #expect(try PosixIO().list(scratch.path) == [])
    }

    /// Each writer takes away what it wrote when it fails on the way.
    @Test func failuresLeaveNothingBehind() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path
        let store = try Store.open(path: path + "/store")
        _ = try store.commit { $0.put(TableID(rawValue: 1), key: [1], value: [1]) }.wait()
        _ = try store.backup(to: path + "/backup")
        // A segment that can't be copied.
        let segment = LogDirectory(root: path + "/store").segment(.first)
        #expect(rename(segment, segment + ".away") == 0)
        #expect(throws: StorageError.self) { try store.backup(to: path + "/none") }
        #expect(throws: (any Error).self) { try StoreCopy.run(store: path + "/store", to: path + "/none") }
        #expect(rename(segment + ".away", segment) == 0)
        try store.close()
        let data = path + "/backup/snapshot/data.mdb"
        #expect(truncate(data, 4096) == 0)
        #expect(throws: StorageError.self) { try StoreRestore.run(backup: path + "/backup", target: path + "/none") }
        #expect(throws: StorageError.self) { try StoreRestore.prove(path + "/backup") }
        let builder = try StoreBuilder(target: path + "/none")
        builder.discard()
        #expect(try PosixIO().list(path).sorted() == ["backup", "store"])
    }
}

extension PartialDirectory {
    /// As if the process had been killed.
    fileprivate func abandon() {
        // Closing the descriptor gives the lock up.
        releaseLock()
    }
}
