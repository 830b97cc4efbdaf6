import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A shortage of descriptors or memory while a checkpoint is written ended the engine with lost durability.
@Suite struct SnapshotShortageTests {
    private func failure(_ number: Int32) -> SnapshotFailure {
        LMDBError(call: "mdb_txn_commit", status: number, path: "/store/snapshot").failure
    }

    @Test(arguments: [EMFILE, ENFILE, ENOMEM])
    func aCheckpointWaitsForResources(number: Int32) throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.onFailure = { Issue.record("\($0)") }
        let warnings = Counter()
        options.onWarning = { _ in warnings.add() }
        let store = try SimulatedStore(disk, options: options)
        let snapshot = try #require(store.log.snapshot as? SimulatedSnapshot)
        try store.putDurably("a", "1")
        snapshot.failures = [failure(number), failure(number)]
        for round in 1...2 {
            #expect(!store.checkpoint())
            store.log.tellWarnings()
            #expect(store.log.metrics.isShortOfResources && !store.log.metrics.isLowSpace)
            #expect(store.log.metrics.resourceShortages == UInt64(round) && warnings.value == 1)
            // Tried again, not at once.
            guard case .sleep(let pause) = store.log.nextCheckpointAction() else { return #expect(Bool(false), "no pause") }
            #expect(pause.map { $0 > CheckpointSchedule.retryNanoseconds / 2 } == true)
        }
        try store.putDurably("b", "2")
        #expect(store.content == ["1 a 1", "1 b 2"])
        #expect(try SimulatedStore(disk.copy()).content == store.content)
        #expect(store.checkpoint())
        store.log.tellWarnings()
        #expect(!store.log.metrics.isShortOfResources && warnings.value == 2)
        #expect(try SimulatedStore(disk.copy()).content == store.content)
    }

    /// What no checkpoint takes in holds writers back.
    @Test func waitingIsBounded() throws {
        var options = SimulatedStore.options(direct: true)
        options.checkpointOverlayBytes = 64 * 1024
        let store = try SimulatedStore(SimulatedDisk(), options: options)
        let snapshot = try #require(store.log.snapshot as? SimulatedSnapshot)
        snapshot.failures = Array(repeating: failure(ENOMEM), count: 1000)
        var refusal: StorageError?
        for number in 0..<1000 where refusal == nil {
            do {
                try store.put("\(number)", String(repeating: "x", count: 1000))
                _ = store.log.writeStep()
                _ = store.checkpoint()
            } catch {
                refusal = error as? StorageError
            }
        }
        #expect(refusal?.code == .overloaded)
        snapshot.failures = []
        #expect(store.checkpoint())
        try store.putDurably("z", "1")
    }

    @Test func aReadWithoutMemoryOrPlaceIsNoDamage() {
        // MDB_READERS_FULL.
        for status in [ENOMEM, -30790] {
            let refusal = LMDBError(call: "mdb_txn_begin", status: status, path: "/store/snapshot").refusal
            #expect(refusal.code == .overloaded && refusal.row == nil && refusal.isRetryable)
        }
        guard case .final = failure(EIO) else { return #expect(Bool(false), "a failed device is final") }
        guard case .final = failure(-30795) else { return #expect(Bool(false), "MDB_PANIC is final") }
    }

    /// LMDB gives the old map up before it asks for the new one: without addresses the next read was a SIGSEGV.
    @Test func aMapThatCanNotGrowStays() async {
        await #expect(processExitsWith: .success) {
            let scratch = try ScratchDirectory()
            var options = StorageOptions()
            options.snapshotMapBytes = 64 << 30
            options.checkpointIntervalNanoseconds = 0
            let table = TableID(rawValue: 1)
            let store = try SteppedStore(scratch.path, options: options)
            _ = try store.log.commit { $0.put(table, key: [1], value: [2]) }
            store.flush()
            store.log.beginCheckpoint()
            guard case .written = store.log.writeCheckpoint() else { exit(3) }
            func grow() -> SnapshotFailure? {
                do throws(SnapshotFailure) {
                    try store.log.snapshot.growMap()
                    return nil
                } catch {
                    return error
                }
            }
            var limit = rlimit(rlim_cur: 0, rlim_max: 0)
            getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
            limit.rlim_cur = rlim_t(try Self.addressBytes() + (1 << 30))
            guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(4) }
            guard case .busy(let error) = grow(), error.code == .overloaded else { exit(5) }
            guard try store.log.read({ $0.get(table, key: [1]) }).wait() == [2] else { exit(6) }
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
            guard grow() == nil else { exit(7) }
            guard try store.log.read({ $0.get(table, key: [1]) }).wait() == [2] else { exit(8) }
            try store.close()
        }
    }

    /// First field of statm, in pages.
    private static func addressBytes() throws -> Int {
        let file = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        try #require(fgets(&text, 256, file) != nil)
        return (text.prefix { $0 >= 48 && $0 <= 57 }.reduce(0) { $0 * 10 + Int($1) - 48 }) * 4096
    }
}
