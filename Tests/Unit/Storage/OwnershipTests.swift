import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// I9 on the real file system: one owner, under whatever name, and an owner that notices when the directory is not its own
/// any more.
@Suite struct OwnershipTests {
    private let rows = TableID(rawValue: 1)

    private func options(_ failures: Counter = Counter(), _ texts: Texts = Texts()) -> StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 256 * 1024
        options.maximumSegmentBytes = 256 * 1024
        options.checkpointIntervalNanoseconds = 0
        options.onFailure = { error in
            texts.append("\(error)")
            failures.add()
        }
        return options
    }

    final class Texts: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func append(_ text: String) { texts.withLock { $0.append(text) } }
    }

    private func put(_ store: Store, _ key: UInt8, _ bytes: Int = 100) throws {
        try store.commit { $0.put(rows, key: [key], value: noise(bytes, key)) }.wait()
    }

    private func noise(_ count: Int, _ seed: UInt8) -> Bytes {
        var generator = SeededGenerator(seed: UInt64(seed) + 1)
        return generator.bytes(count)
    }

    private func expectLocked(_ path: String, _ location: SourceLocation = #_sourceLocation) {
        do {
            try Store.open(path: path, options: options()).close()
            Issue.record("opened twice", sourceLocation: location)
        } catch {
            #expect(error.code == .locked && error.row == .r18, "\(error)", sourceLocation: location)
        }
    }

    /// A second engine locked the new LOCK, and the acknowledged writes of the first were lost.
    @Test func aRemovedLockIsNoticedBeforeTheNextAcknowledgement() throws {
        let scratch = try ScratchDirectory()
        let failures = Counter()
        let texts = Texts()
        let store = try Store.open(path: scratch.path, options: options(failures, texts))
        try put(store, 1)
        #expect(unlink(scratch.path + "/LOCK") == 0)
        expectLocked(scratch.path)
        #expect(throws: StorageError.self) { try put(store, 2) }
        // The waiter is answered before the owner of the store is told: closing waits for the writer's thread.
        try? store.close()
        #expect(failures.value == 1 && texts.all.first?.contains("LOCK was removed") == true)
        #expect(texts.all.first?.contains("durabilityLost") == true)
        let again = try Store.open(path: scratch.path, options: options())
        #expect(try again.read { $0.get(rows, key: [1]) }.wait() != nil)
        try again.close()
    }

    /// Another process holds the directory, whatever became of LOCK.
    @Test func aLockedDirectoryIsRefused() throws {
        let scratch = try ScratchDirectory()
        let descriptor = iii_open(scratch.path, O_RDONLY | O_DIRECTORY, 0)
        #expect(iii_try_lock_directory(descriptor) == 0)
        expectLocked(scratch.path)
        #expect(access(scratch.path + "/LOCK", F_OK) != 0, "a refused opening makes no LOCK")
        close(descriptor)
        try Store.open(path: scratch.path, options: options()).close()
    }

    @Test func otherNamesOfTheDirectoryAreTheSameStore() throws {
        let scratch = try ScratchDirectory()
        let root = scratch.path + "/store"
        let store = try Store.open(path: root, options: options())
        #expect(symlink("store", scratch.path + "/link") == 0)
        expectLocked(scratch.path + "/link")
        let mounted = scratch.path + "/mounted"
        #expect(mkdir(mounted, 0o700) == 0)
        if mount(root, mounted, nil, UInt(MS_BIND), nil) == 0 {
            expectLocked(mounted)
            #expect(umount(mounted) == 0)
        } else {
            print("no bind mount: \(systemErrorText(errno))")
        }
        try store.close()
    }

    /// `cp -al`: the copy shares every file with the original, LOCK too.
    @Test func aCopyOfHardLinksIsRefused() throws {
        let scratch = try ScratchDirectory()
        let root = scratch.path + "/store"
        let copy = scratch.path + "/copy"
        let store = try Store.open(path: root, options: options())
        for folder in ["", "/wal", "/snapshot"] {
            #expect(mkdir(copy + folder, 0o700) == 0)
            for name in try PosixIO().list(root + folder) {
                link("\(root)\(folder)/\(name)", "\(copy)\(folder)/\(name)")
            }
        }
        expectLocked(copy)
        // The other name keeps the file's link count above zero: the path tells.
        #expect(unlink(root + "/LOCK") == 0)
        #expect(throws: StorageError.self) { for key in 0..<8 { try put(store, UInt8(key), 100_000) } }
        try? store.close()
    }

    /// The directory was renamed and a copy put in its place under the running store, which then removed the copy's log.
    @Test func aRenamedDirectoryIsNoticed() throws {
        let scratch = try ScratchDirectory()
        let root = scratch.path + "/store"
        let failures = Counter()
        let texts = Texts()
        let store = try Store.open(path: root, options: options(failures, texts))
        for key in 0..<8 { try put(store, UInt8(key), 100_000) }
        _ = try store.backup(to: scratch.path + "/backup")
        _ = try StoreRestore.run(backup: scratch.path + "/backup", target: scratch.path + "/other", options: options())
        #expect(rename(root, scratch.path + "/moved") == 0 && rename(scratch.path + "/other", root) == 0)
        let before = Set(try PosixIO().list(root + "/wal"))
        var acknowledged: [UInt8] = []
        #expect(throws: StorageError.self) {
            for key in 100..<116 as Range<UInt8> {
                try put(store, key, 100_000)
                acknowledged.append(key)
            }
        }
        #expect(throws: StorageError.self) { try store.checkpoint() }
        try? store.close()
        #expect(Set(try PosixIO().list(root + "/wal")) == before, "files of the copy were changed")
        #expect(failures.value == 1 && texts.all.first?.contains("something else stands there now") == true)
        let moved = try Store.open(path: scratch.path + "/moved", options: options())
        for key in acknowledged { #expect(try moved.read { $0.get(rows, key: [key]) }.wait() != nil) }
        try moved.close()
    }

    /// What becomes of the snapshot under a running store.
    enum SnapshotMove: CaseIterable {
        case folder, folderWithACopyInItsPlace, file, fileWithACopyInItsPlace

        private func names(_ directory: LogDirectory) -> (path: String, moved: String) {
            switch self {
            case .folder, .folderWithACopyInItsPlace: (directory.snapshot, directory.root + "/moved")
            case .file, .fileWithACopyInItsPlace: (directory.snapshotData, directory.root + "/moved")
            }
        }

        func apply(_ directory: LogDirectory) throws {
            let (path, moved) = names(directory)
            try #require(rename(path, moved) == 0)
            switch self {
            case .folder, .file: break
            case .folderWithACopyInItsPlace:
                try #require(mkdir(path, 0o700) == 0)
                try copy(moved + "/data.mdb", directory.snapshotData)
            case .fileWithACopyInItsPlace: try copy(moved, path)
            }
        }

        private func copy(_ source: String, _ target: String) throws {
            let bytes = try FileCopy(io: PosixIO()).bytes(source)
            _ = try FileCopy(io: PosixIO()).copy(source, to: target, bytes: bytes, paddedTo: bytes)
        }

        func undo(_ directory: LogDirectory) throws {
            let (path, moved) = names(directory)
            for name in ["/data.mdb", "/lock.mdb", "/SCRUB", ""] { unlink(path + name) }
            rmdir(path)
            try #require(rename(moved, path) == 0)
        }
    }

    private func segments(_ directory: LogDirectory) throws -> Set<SegmentNumber> {
        Set(try PosixIO().list(directory.wal).compactMap(LogDirectory.segmentNumber(ofName:)))
    }

    /// Checkpoints went to the moved file, their log was retired, the exit was clean, and the next start refused.
    @Test(arguments: SnapshotMove.allCases)
    func aMovedSnapshotIsNoticed(move: SnapshotMove) throws {
        let scratch = try ScratchDirectory()
        let directory = LogDirectory(root: scratch.path + "/store")
        let (failures, texts) = (Counter(), Texts())
        let store = try Store.open(path: directory.root, options: options(failures, texts))
        for key in 0..<4 { try put(store, UInt8(key), 100_000) }
        try store.checkpoint()
        let newest = try segments(directory).max() ?? .none
        for key in 4..<8 { try put(store, UInt8(key), 100_000) }
        try move.apply(directory)
        let before = try segments(directory).filter { $0 >= newest }
        var acknowledged = Array(0..<8 as Range<UInt8>)
        #expect(throws: StorageError.self) {
            for key in 8..<24 as Range<UInt8> {
                try put(store, key, 100_000)
                acknowledged.append(key)
            }
        }
        #expect(throws: StorageError.self) { try put(store, 99) }
        #expect(throws: StorageError.self) { try store.checkpoint() }
        #expect { try store.close() } throws: { ($0 as? StorageError)?.code == .durabilityLost }
        #expect(failures.value == 1 && texts.all.first?.contains("snapshot/data.mdb") == true, "\(texts.all)")
        #expect(try segments(directory).isSuperset(of: before), "the log stays")
        try move.undo(directory)
        let again = try Store.open(path: directory.root, options: options())
        for key in acknowledged { #expect(try again.read { $0.get(rows, key: [key]) }.wait() != nil, "\(key)") }
        try again.close()
    }

    /// Nothing is written any more before the store closes: no clean exit all the same.
    @Test(arguments: SnapshotMove.allCases, [true, false])
    func aMovedSnapshotIsNoCleanEnd(move: SnapshotMove, hasChanges: Bool) throws {
        let scratch = try ScratchDirectory()
        let directory = LogDirectory(root: scratch.path + "/store")
        let failures = Counter()
        let store = try Store.open(path: directory.root, options: options(failures))
        try put(store, 1)
        if !hasChanges { try store.checkpoint() }
        try move.apply(directory)
        #expect { try store.close() } throws: { ($0 as? StorageError)?.code == .durabilityLost }
        #expect(failures.value == 1)
        try move.undo(directory)
        let again = try Store.open(path: directory.root, options: options())
        #expect(again.recovery.condition == .unclean)
        #expect(try again.read { $0.get(rows, key: [1]) }.wait() != nil)
        try again.close()
    }

    /// `cp -al` of a store that is closed, and LOCK made anew there: two engines wrote one file, and both stores were lost.
    @Test func aSnapshotOfTwoNamesIsRefused() throws {
        let scratch = try ScratchDirectory()
        let directory = LogDirectory(root: scratch.path + "/store")
        let store = try Store.open(path: directory.root, options: options())
        try put(store, 1)
        try store.close()
        let other = scratch.path + "/copy.mdb"
        try #require(link(directory.snapshotData, other) == 0)
        let log = try segments(directory)
        do {
            try Store.open(path: directory.root, options: options()).close()
            Issue.record("opened")
        } catch {
            #expect(error.code == .unusableDirectory && error.path == directory.snapshotData)
            #expect(error.message.contains("2 names") && error.message.contains("cp data.mdb"), "\(error)")
        }
        #expect(try segments(directory) == log, "a refused opening changes nothing")
        // As told.
        let own = directory.snapshot + "/own.mdb"
        let bytes = try FileCopy(io: PosixIO()).bytes(other)
        _ = try FileCopy(io: PosixIO()).copy(other, to: own, bytes: bytes, paddedTo: bytes)
        try #require(rename(own, directory.snapshotData) == 0)
        let again = try Store.open(path: directory.root, options: options())
        #expect(try again.read { $0.get(rows, key: [1]) }.wait() != nil)
        try again.close()
    }

    /// A hard link kept LOCK's link count above zero: its removal was noticed only at the next segment.
    @Test func aLockOfTwoNamesIsMissedAtOnce() throws {
        let scratch = try ScratchDirectory()
        let lock = scratch.path + "/LOCK"
        try Store.open(path: scratch.path, options: options()).close()
        try #require(link(lock, scratch.path + "/other") == 0)
        let store = try Store.open(path: scratch.path, options: options())
        try put(store, 1)
        // The other name is nobody's business.
        #expect(unlink(scratch.path + "/other") == 0)
        try put(store, 2)
        #expect(link(lock, scratch.path + "/other") == 0)
        try put(store, 3)
        #expect(unlink(lock) == 0)
        #expect(throws: StorageError.self) { try put(store, 4) }
        try? store.close()
    }

    /// LOCK as a symbolic link was followed, and what it led to overwritten.
    @Test func aLockThatLeadsElsewhereIsRefused() throws {
        let scratch = try ScratchDirectory()
        let target = scratch.path + "/target"
        try PosixIO().replaceFile(target, in: scratch.path, with: Array("mine".utf8))
        let root = scratch.path + "/store"
        try Store.open(path: root, options: options()).close()
        try #require(unlink(root + "/LOCK") == 0 && symlink("../target", root + "/LOCK") == 0)
        do {
            try Store.open(path: root, options: options()).close()
            Issue.record("opened")
        } catch {
            #expect(
                error.code == .unusableDirectory && error.message.contains("a symbolic link stands there"),
                "\(error)"
            )
            #expect(error.message.contains("remove \(root)/LOCK"))
        }
        #expect(try PosixIO().readFile(target, limit: 100) == Array("mine".utf8))
    }

    @Test func aRenameNeverReplacesAFile() throws {
        let scratch = try ScratchDirectory()
        let io = PosixIO()
        for name in ["a", "b"] { io.close(try io.open("\(scratch.path)/\(name)", .create)) }
        #expect(throws: SystemCallError(call: "rename", number: EEXIST, path: scratch.path + "/b")) {
            try io.renameNew(scratch.path + "/a", to: scratch.path + "/b")
        }
        try io.renameNew(scratch.path + "/a", to: scratch.path + "/c")
        #expect(try io.list(scratch.path).sorted() == ["b", "c"])
    }

    /// Devices with blocks above 4 KiB refuse a direct read that is fine elsewhere; here an unaligned one stands for it.
    @Test func aRefusedDirectReadIsRepeatedThroughTheCache() throws {
        let scratch = try ScratchDirectory()
        let io = PosixIO()
        let path = scratch.path + "/file"
        let file = try io.open(path, .create)
        let content = Bytes((0..<10_000).map { UInt8($0 & 255) })
        try content.withUnsafeBytes { try io.writeAll(file, $0, at: 0) }
        try io.fdatasync(file)
        io.close(file)
        let direct = try io.open(path, .readDevice)
        defer { io.close(direct) }
        var bytes = Bytes(repeating: 0, count: 100)
        let count = try bytes.withUnsafeMutableBytes { try io.readAll(direct, into: $0, at: 33) }
        #expect(count == 100 && bytes == Bytes(content[33..<133]))
    }

    /// What a creation had made of the snapshot when it was killed has two pages at most.
    @Test func anUnfinishedCreationIsDoneAnew() throws {
        let scratch = try ScratchDirectory()
        let directory = LogDirectory(root: scratch.path)
        #expect(mkdir(directory.snapshot, 0o700) == 0)
        let store = StoreID(high: 1, low: 2)
        try LMDBSnapshot.open(directory, options(), store: store, create: true).close()
        #expect(try FileCopy(io: PosixIO()).bytes(directory.snapshotData) <= UInt64(LogLimits.emptySnapshotBytes))
        let opened = try Store.open(path: scratch.path, options: options())
        #expect(opened.recovery.condition == .new)
        try put(opened, 1)
        try opened.checkpoint()
        try opened.close()
        // With a row in it, and everything else gone, it is no unfinished creation.
        for name in try PosixIO().list(directory.wal) { unlink("\(directory.wal)/\(name)") }
        rmdir(directory.wal)
        unlink(directory.format)
        let before = try PosixIO().readFile(directory.snapshotData, limit: 1 << 20)
        do {
            _ = try Store.open(path: scratch.path, options: options())
            Issue.record("opened")
        } catch {
            #expect(error.row == .r2 && error.message.contains("data.mdb"))
        }
        #expect(try PosixIO().readFile(directory.snapshotData, limit: 1 << 20) == before)
        #expect(access(directory.wal, F_OK) != 0, "a refused opening changes nothing")
    }

    /// A real process that runs out of descriptors while the log rotates.
    @Test func aProcessWithoutDescriptorsWaits() async {
        await #expect(processExitsWith: .success) {
            let scratch = try ScratchDirectory()
            var options = StorageOptions()
            options.initialSegmentBytes = 64 * 1024
            options.maximumSegmentBytes = 64 * 1024
            options.onFailure = { _ in exit(3) }
            let store = try Store.open(path: scratch.path, options: options)
            let table = TableID(rawValue: 1)
            let first = open("/dev/null", O_RDONLY)
            var limit = rlimit(rlim_cur: rlim_t(first) + 32, rlim_max: rlim_t(first) + 32)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var descriptors = [first]
            let acknowledged = Counter()
            var committed = 0
            // The store's own threads open and close files meanwhile: what they give back is taken too, before each commit.
            while !store.metrics.isShortOfResources {
                guard committed < 1000 else { exit(4) }
                while case let next = open("/dev/null", O_RDONLY), next >= 0 { descriptors.append(next) }
                let value = Bytes((0..<8000).map { UInt8(truncatingIfNeeded: $0 &* (committed + 3)) })
                try store.commit { $0.put(table, key: [UInt8(committed % 40)], value: value) }
                    .whenDurable { if case .success = $0 { acknowledged.add() } }
                committed += 1
                while !store.metrics.isShortOfResources && acknowledged.value < committed { usleep(1000) }
            }
            for descriptor in descriptors { close(descriptor) }
            while acknowledged.value < committed { usleep(1000) }
            try store.close()
        }
    }
}
