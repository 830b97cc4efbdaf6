import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// The real thing: files, threads, locks.
@Suite struct StoreTests {
    private let rows = TableID(rawValue: 1)

    private func options(_ direct: StorageOptions.DirectIO = .auto) -> StorageOptions {
        var options = StorageOptions()
        options.useDirectIO = direct
        options.initialSegmentBytes = 64 * 1024
        options.maximumSegmentBytes = 256 * 1024
        return options
    }

    private func number(_ value: Int) -> Bytes {
        withUnsafeBytes(of: UInt64(value).bigEndian) { Bytes($0) }
    }

    /// Many clients, several segments, then open again: everything acknowledged is there.
    @Test(arguments: [StorageOptions.DirectIO.auto, .off])
    func manyClientsThenOpenAgain(direct: StorageOptions.DirectIO) async throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path + "/a/b", options: options(direct))
        #expect(store.recovery.condition == .new && store.recovery.path == scratch.path + "/a/b")
        if direct == .off { #expect(!store.recovery.isDirectIO) }
        let clients = 16
        let each = 40
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<clients {
                group.addTask { [rows] in
                    for step in 0..<each {
                        let pending = try store.commit { transaction in
                            transaction.put(
                                rows,
                                key: number(client * each + step),
                                value: Bytes(repeating: UInt8(client), count: 300)
                            )
                        }
                        try await pending.durable()
                        #expect(store.durableLSN >= pending.lsn, "I1")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(store.metrics.records == UInt64(clients * each) && store.metrics.segments > 1)
        #expect(store.metrics.pendingTransactions == 0 && store.metrics.waiters == 0)
        try store.close()
        try store.close()

        let again = try Store.open(path: scratch.path + "/a/b", options: options(direct))
        #expect(again.recovery.condition == .clean && again.recovery.recordsReplayed == 0)
        #expect(again.recovery.checkpointLSN == again.recovery.recoveredLSN)
        let count = try await again.read { view in
            var count = 0
            view.scan(rows, from: nil, upTo: nil) { _, _ in
                count += 1
                return true
            }
            return count
        }.durable()
        #expect(count == clients * each)
        let value = try await again.read { view in view.get(rows, key: number(85)) }.durable()
        #expect(value == Bytes(repeating: 2, count: 300))
        try again.close()
    }

    @Test func aFreshStoreTakesAtMost16MiB() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path)
        #expect(store.recovery.bytesOnDisk <= 16 << 20)
        // The reserve comes when the spare's thread gets to it.
        let names = try PosixIO().list(scratch.path + "/wal").filter { !LogDirectory.isTemporary($0) }
        #expect(names.sorted() == ["00000000000000000001.wal", "HEAD"])
        try store.close()
    }

    /// I9, R18: once per process, whatever the path is called.
    @Test func aSecondOpenIsRefused() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path, options: options())
        symlink(scratch.path, scratch.path + ".link")
        defer { unlink(scratch.path + ".link") }
        for name in [scratch.path, scratch.path + "/", scratch.path + "/wal/..", scratch.path + ".link"] {
            do {
                _ = try Store.open(path: name, options: options())
                Issue.record("opened twice as \(name)")
            } catch {
                #expect(error.code == .locked && error.row == .r18)
                #expect(error.description.contains("pid \(getpid())"))
            }
        }
        try store.close()
        try Store.open(path: scratch.path, options: options()).close()
    }

    /// I9: the kernel's lock, held through another open file description as another process would.
    @Test func aLockHeldElsewhereIsRefused() throws {
        let scratch = try ScratchDirectory()
        let descriptor = iii_open(scratch.path + "/LOCK", O_RDWR | O_CREAT, 0o600)
        #expect(write(descriptor, "pid 4711\nboot x\n", 16) == 16)
        #expect(iii_try_lock_file(descriptor) == 0)
        do {
            _ = try Store.open(path: scratch.path, options: options())
            Issue.record("opened beside another owner")
        } catch {
            #expect(error.code == .locked && error.row == .r18)
            #expect(error.message.contains("another process (pid 4711)"))
        }
        close(descriptor)
        try Store.open(path: scratch.path, options: options()).close()
    }

    @Test func unusableDirectoriesAreNamed() throws {
        let scratch = try ScratchDirectory()
        let file = scratch.path + "/file"
        close(iii_open(file, O_RDWR | O_CREAT, 0o600))
        for path in [file, file + "/below", "/proc/no/such", ""] {
            do {
                _ = try Store.open(path: path, options: options())
                Issue.record("opened \(path)")
            } catch {
                #expect(error.code == .unusableDirectory)
                #expect(error.path == path)
            }
        }
    }

    @Test func networkFilesystemsNeedPermission() throws {
        let network = [
            iii_filesystem_nfs, iii_filesystem_smb, iii_filesystem_cifs, iii_filesystem_9p, iii_filesystem_ceph,
            iii_filesystem_gfs2, iii_filesystem_lustre,
        ]
        for type in network {
            #expect(throws: StorageError.self) {
                try StoreDirectory.judge(type: type, root: "/x", allowNetwork: false)
            }
            #expect(try StoreDirectory.judge(type: type, root: "/x", allowNetwork: true).count == 1)
        }
        #expect(try StoreDirectory.judge(type: iii_filesystem_fuse, root: "/x", allowNetwork: false).count == 1)
        for type in [0xEF53, iii_filesystem_btrfs, iii_filesystem_zfs] {
            #expect(try StoreDirectory.judge(type: type, root: "/x", allowNetwork: false).isEmpty)
        }
    }

    @Test func aClosedStoreRefuses() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path, options: options())
        let pending = try store.commit { $0.put(rows, key: [1], value: [2]) }
        try store.close()
        let released = Counter()
        pending.whenDurable { if case .success = $0 { released.add() } }
        #expect(released.value == 1, "closing writes what is pending")
        do {
            _ = try store.commit { $0.put(rows, key: [1], value: [3]) }
            Issue.record("accepted")
        } catch let error as StorageError {
            #expect(error.code == .closed)
        }
    }

    /// A store that is dropped without `close` closes itself, even from a callback on its own writer thread.
    @Test func aDroppedStoreGivesTheDirectoryUp() async throws {
        let scratch = try ScratchDirectory()
        for _ in 0..<5 {
            let store = try Store.open(path: scratch.path, options: options())
            try await store.commit { $0.put(rows, key: [1], value: [2]) }.durable()
        }
        let store = try await openWhenFree(scratch.path)
        #expect(store.recovery.recoveredLSN == LSN(rawValue: 5))
        try store.close()
    }

    private func openWhenFree(_ path: String) async throws -> Store {
        while true {
            do {
                return try Store.open(path: path, options: options())
            } catch {
                guard error.code == .locked else { throw error }
                await Task.yield()
            }
        }
    }

    /// Who commits from one thread, as an event loop does, is called back in commit order, each exactly once.
    @Test(arguments: [false, true])
    func callbacksComeInCommitOrder(hasCompany: Bool) async throws {
        let scratch = try ScratchDirectory()
        let order = Order()
        let store = try Store.open(path: scratch.path, options: options())
        try await withThrowingTaskGroup(of: Void.self) { group in
            if hasCompany {
                group.addTask { [rows] in
                    for step in 0..<100 {
                        try await store.commit { $0.put(rows, key: [0], value: [UInt8(step)]) }.durable()
                    }
                }
            }
            group.addTask { [rows] in
                for step in 0..<400 {
                    let pending = try store.commit { $0.put(rows, key: [1], value: [UInt8(step & 255)]) }
                    pending.whenDurable { _ in order.append(pending.lsn.rawValue) }
                }
            }
            try await group.waitForAll()
        }
        try store.close()
        let seen = order.all
        #expect(seen.count == 400 && seen == Set(seen).sorted())
    }

    final class Order: Sendable {
        private let numbers = Mutex<[UInt64]>([])
        var all: [UInt64] { numbers.withLock { $0 } }
        func append(_ number: UInt64) { numbers.withLock { $0.append(number) } }
    }

    @Test func concurrentIncrementsAreExact() async throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path, options: options())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [rows] in
                    for _ in 0..<50 {
                        let pending = try store.commit { transaction in
                            let old = transaction.get(rows, key: [1]).map { Int($0[0]) * 256 + Int($0[1]) } ?? 0
                            transaction.put(rows, key: [1], value: [UInt8((old + 1) / 256), UInt8((old + 1) % 256)])
                        }
                        try await pending.durable()
                    }
                }
            }
            try await group.waitForAll()
        }
        let value = try await store.read { view in view.get(rows, key: [1]) }.durable()
        #expect(value == [1, 144])
        try store.close()
    }
}
