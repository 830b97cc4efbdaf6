import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// After damage was found nothing destroys what salvage needs (§5.8).
@Suite struct DamagePolicyTests {
    private let table = TableID(rawValue: 3)
    private var options: StorageOptions {
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        return options
    }

    private func key(_ number: Int) -> Bytes { Bytes("key \(number)".utf8) }

    private func put(_ store: SteppedStore, _ numbers: Range<Int>, _ text: String) throws {
        for number in numbers {
            _ = try store.log.commit { $0.put(table, key: key(number), value: Bytes("\(text) of \(number)".utf8)) }
        }
        store.flush()
    }

    /// Turns bits of a byte, counted from the begin of a row's value, in every copy of the row.
    private func damage(_ scratch: ScratchDirectory, row number: Int, byte: Int, _ bits: UInt8) throws {
        let path = scratch.path + "/snapshot/data.mdb"
        let bytes = try PosixIO().readFile(path, limit: 64 << 20)
        let wanted = Bytes("value of \(number)".utf8)
        let places = bytes.indices.filter { bytes[$0...].starts(with: wanted) }
        #expect(!places.isEmpty)
        let io = PosixIO()
        let file = try io.open(path, .update)
        defer { io.close(file) }
        for place in places.map({ $0 + byte }) {
            try Bytes([bytes[place] ^ bits]).withUnsafeBytes { try io.writeAll(file, $0, at: UInt64(place)) }
        }
    }

    private func files(_ scratch: ScratchDirectory) throws -> (data: Bytes, segments: [String]) {
        let names = try PosixIO().list(scratch.path + "/wal").filter { $0.hasSuffix(".wal") }
        return (try PosixIO().readFile(scratch.path + "/snapshot/data.mdb", limit: 64 << 20), names.sorted())
    }

    /// Checkpoints and retirement went on after a damaged row had been found: the log with the row's only sound copy went.
    @Test func afterADamagedRowNothingIsCheckpointedOrRetired() throws {
        let scratch = try ScratchDirectory()
        let first = try SteppedStore(scratch.path, options: options)
        try put(first, 0..<300, "value")
        try first.close()
        try damage(scratch, row: 123, byte: 2, 0x10)
        let store = try SteppedStore(scratch.path, options: options)
        try put(store, 500..<510, "later")
        let before = try files(scratch)
        let bad = Outcome<Bytes?>()
        store.log.read { $0.get(table, key: key(123)) }.whenDurable { bad.set($0) }
        #expect(throws: StorageError.self) { _ = try bad.value?.get() }
        let told = Outcome<Void>()
        store.log.requestCheckpoint { told.set($0.map { .failure($0) } ?? .success(())) }
        #expect(throws: StorageError.self) { try told.value?.get() }
        #expect(!store.log.beginCheckpoint())
        try store.close()
        let after = try files(scratch)
        #expect(after.data == before.data && Set(before.segments).isSubset(of: after.segments))
        // What was acknowledged before the damage was found is in the log.
        let again = try SteppedStore(scratch.path, options: options)
        let good = Outcome<Bytes?>()
        again.log.read { $0.get(table, key: key(505)) }.whenDurable { good.set($0) }
        #expect(try good.value?.get() == Bytes("later of 505".utf8))
        try again.close()
    }

    /// The damage was found while a checkpoint was being written: the log that it covers stays.
    @Test func damageBesideACheckpointKeepsTheLog() throws {
        let scratch = try ScratchDirectory()
        var options = options
        options.initialSegmentBytes = 64 << 10
        options.maximumSegmentBytes = 64 << 10
        let store = try SteppedStore(scratch.path, options: options)
        store.log.checkpoints.withLock { $0.pins += 1 }
        for _ in 0..<3 { try put(store, 0..<300, String(repeating: "x", count: 300)) }
        store.log.beginCheckpoint()
        guard case .written(let row) = store.log.writeCheckpoint() else { return #expect(Bool(false), "not written") }
        let before = try files(scratch).segments
        #expect(before.count > 2)
        store.log.checkpoints.withLock { $0.pins -= 1 }
        store.log.reportDamage(.snapshotDamaged(scratch.path, "a row"))
        store.log.retireSegments(below: row.position.end.segment)
        #expect(try files(scratch).segments == before)
        try store.close()
    }

    /// A checkpoint that meets a damaged row stops writing, and the process goes on: its reads are right.
    @Test func aCheckpointThatMeetsADamagedRowChangesNothing() throws {
        let scratch = try ScratchDirectory()
        let first = try SteppedStore(scratch.path, options: options)
        try put(first, 0..<300, "value")
        try first.close()
        // The envelope's version, 16 bytes before the value.
        try damage(scratch, row: 123, byte: -16, 0x40)
        var options = options
        let failed = Counter()
        options.onFailure = { _ in failed.add() }
        let store = try SteppedStore(scratch.path, options: options)
        try put(store, 120..<130, "newer")
        let before = try files(scratch)
        store.log.beginCheckpoint()
        guard case .failed(let error) = store.log.writeCheckpoint() else { return #expect(Bool(false), "written") }
        #expect(error.row == .r17)
        #expect(failed.value == 0)
        #expect(throws: StorageError.self) { _ = try store.log.commit { $0.delete(table, key: key(1)) } }
        let good = Outcome<Bytes?>()
        store.log.read { $0.get(table, key: key(125)) }.whenDurable { good.set($0) }
        #expect(try good.value?.get() == Bytes("newer of 125".utf8))
        try store.close()
        #expect(try files(scratch).data == before.data)
    }

    /// A turned bit in the version byte was reported as "needs a newer version", and writing went on.
    @Test(arguments: 0..<4)
    func aTurnedBitInARowsKindsIsDamage(byte: Int) throws {
        let scratch = try ScratchDirectory()
        let first = try SteppedStore(scratch.path, options: options)
        try put(first, 0..<300, "value")
        try first.close()
        try damage(scratch, row: 123, byte: byte - 16, 0x40)
        let store = try SteppedStore(scratch.path, options: options)
        let bad = Outcome<Bytes?>()
        store.log.read { $0.get(table, key: key(123)) }.whenDurable { bad.set($0) }
        let error = #expect(throws: StorageError.self) { _ = try bad.value?.get() }
        #expect(error?.row == .r17)
        #expect(throws: StorageError.self) { _ = try store.log.commit { $0.delete(table, key: key(1)) } }
        try store.close()
    }

    /// A tree with more rows than were ever written ended in a trap: the counter ran below zero.
    @Test(arguments: [nil, 0] as [UInt64?])
    func moreRowsThanCountedAreDamage(count: UInt64?) throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path, options: options)
        try put(store, 0..<10, "value")
        store.log.beginCheckpoint()
        _ = store.log.writeCheckpoint()
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        var row = try #require(snapshot.row)
        row.counts[table.rawValue] = count
        let changes = Overlay()
        changes.set(TableEntry(key: key(1), value: nil, lsn: 100), in: changes.table(table))
        var failure: SnapshotFailure?
        do throws(SnapshotFailure) {
            try snapshot.inTransaction { (transaction) throws(SnapshotFailure) in
                var writer = try LMDBWriter(snapshot, transaction, after: row, store: row.store)
                _ = try writer.write(changes, row.position)
            }
        } catch {
            failure = error
        }
        guard case .final(let error) = failure else { return #expect(Bool(false), "\(String(describing: failure))") }
        #expect(error.row == .r17)
        try store.close()
    }
}
