import Testing

@testable import Storage
@testable import StorageTesting

/// What room inside the snapshot's file is worth (storage.md §5.8).
@Suite struct FreePagesTests {
    @Test func aLargeValueNeedsARun() {
        let free = FreePages(settled: [9, 3, 4, 5, 7, 20, 21, 22, 23], unsettled: 6)
        #expect(free.runs == [1: 2, 3: 1, 4: 1])
        #expect(free.pages(inRunsOf: 1) == 9)
        #expect(free.pages(inRunsOf: 2) == 6)
        #expect(free.pages(inRunsOf: 3) == 6)
        #expect(free.pages(inRunsOf: 5) == 0)
        #expect(FreePages(settled: [], unsettled: 0).pages(inRunsOf: 1) == 0)
    }

    /// Counted by LMDB's own list; what the latest commit freed can be used at once.
    @Test func whatDeletesFreeIsReusable() throws {
        let scratch = try ScratchDirectory()
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        let store = try SteppedStore(scratch.path, options: options)
        defer { try? store.close() }
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        let table = TableID(rawValue: 1)
        // No compression makes it smaller.
        @Sendable func value(_ seed: UInt64) -> Bytes {
            var generator = SeededGenerator(seed: seed)
            return generator.bytes(60_000)
        }
        func change(_ body: @Sendable (inout Transaction, Bytes) -> Void) throws {
            for number in 0..<40 {
                _ = try store.log.commit { body(&$0, Bytes("\(number)".utf8)) }
            }
            store.flush()
            store.log.beginCheckpoint()
            guard case .written = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not written") }
        }
        try change { $0.put(table, key: $1, value: value(1)) }
        let file = snapshot.size.fileBytes
        try change { $0.delete(table, key: $1) }
        let before = try snapshot.freePages()
        #expect(before.unsettled >= 40 * 15)
        try snapshot.settleFreePages()
        let after = try snapshot.freePages()
        #expect(after.unsettled < 16 && after.pages(inRunsOf: 15) >= 40 * 15)
        // The settling commit may have made the file longer: what is given back begins behind it.
        snapshot.giveBackUnusedEnd()
        #expect(try snapshot.audit().counts.isEmpty)
        try change { $0.put(table, key: $1, value: value(2)) }
        // Without settling it would have grown by all of them.
        #expect(snapshot.size.fileBytes <= file + 16 * LogLimits.blockBytes, "the file hardly grew")
    }
}
