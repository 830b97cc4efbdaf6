import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Checkpoints against a model: what a key is never depends on which generation holds it (storage.md §2, §5.9).
@Suite struct CheckpointTests {
    private static let tables = [TableID(rawValue: 1), TableID(rawValue: 700)]

    /// Two tables as dictionaries.
    private struct Model {
        var rows: [UInt16: [Bytes: Bytes]] = [:]

        func sorted(_ table: TableID, from: Bytes?, upTo: Bytes?) -> [(Bytes, Bytes)] {
            (rows[table.rawValue] ?? [:])
                .filter { row in
                    (from.map { compareKeys(row.key, $0) >= 0 } ?? true)
                        && (upTo.map { compareKeys(row.key, $0) < 0 } ?? true)
                }
                .sorted { compareKeys($0.key, $1.key) < 0 }
                .map { ($0.key, $0.value) }
        }
    }

    private func key(_ generator: inout SeededGenerator) -> Bytes {
        // Few keys, some of them prefixes of others, one as long as a key may be.
        let number = Int.random(in: 0..<40, using: &generator)
        switch number {
        case 0: return []
        case 1: return Bytes(repeating: 0x6B, count: LogLimits.maximumKeyBytes)
        default: return Bytes("k\(number % 23)".utf8.prefix(number % 2 == 0 ? 2 : 3))
        }
    }

    /// One random transaction, on both.
    private func change<IO: StorageIO>(_ log: LogStore<IO>, _ model: inout Model, _ generator: inout SeededGenerator)
        throws
    {
        _ = try log.commit { transaction in
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let table = Self.tables[Int.random(in: 0...1, using: &generator)]
                let key = key(&generator)
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<6:
                    let size = Int.random(in: 0..<10, using: &generator) == 0 ? 9000 : 30
                    let count = Int.random(in: 0..<size, using: &generator)
                    let value = Bytes(repeating: UInt8.random(in: 0...255, using: &generator), count: count)
                    let before = model.rows[table.rawValue, default: [:]].updateValue(value, forKey: key)
                    if Bool.random(using: &generator) {
                        transaction.put(table, key: key, value: value)
                    } else {
                        let replaced = transaction.exchange(table, key: key, value: value)
                        #expect(replaced == before)
                    }
                case 6..<9:
                    let wasThere = transaction.delete(table, key: key)
                    #expect(wasThere == (model.rows[table.rawValue]?.removeValue(forKey: key) != nil))
                default:
                    let other = self.key(&generator)
                    let (low, high) = compareKeys(key, other) < 0 ? (key, other) : (other, key)
                    transaction.trim(table, from: low, upTo: high)
                    for (gone, _) in model.sorted(table, from: low, upTo: high) {
                        model.rows[table.rawValue]?[gone] = nil
                    }
                }
            }
        }
    }

    /// Looks at a random key and a random range in both directions, in a read and in a transaction.
    private func compare<IO: StorageIO>(
        _ log: LogStore<IO>,
        _ model: Model,
        _ generator: inout SeededGenerator,
        _ note: Comment
    ) throws {
        for table in Self.tables {
            let key = key(&generator)
            let bounds = [self.key(&generator), self.key(&generator)].map { Bool.random(using: &generator) ? $0 : nil }
            let expected = model.sorted(table, from: bounds[0], upTo: bounds[1])
            log.core.withLock { core in
                let value = model.rows[table.rawValue]?[key]
                #expect(core.find(table, key) == value, note)
                #expect(core.contains(table, key) == (value != nil), note)
                for reversed in [false, true] {
                    var found: [(Bytes, Bytes)] = []
                    core.scan(table, from: bounds[0], upTo: bounds[1], reversed: reversed) { key, value in
                        found.append((Bytes(key), Bytes(value)))
                        return true
                    }
                    #expect(found.elementsEqual(reversed ? expected.reversed() : expected, by: ==), note)
                }
                core.snapshot.endRead()
                #expect(core.readFailure == nil)
            }
        }
    }

    private func exercise<IO: StorageIO>(
        _ log: LogStore<IO>,
        _ model: inout Model,
        _ generator: inout SeededGenerator,
        steps: Int,
        _ note: Comment
    ) throws {
        for _ in 0..<steps {
            try change(log, &model, &generator)
            if Bool.random(using: &generator) { while case .wrote = log.writeStep() {} }
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: log.beginCheckpoint()
            case 1 where log.nextCheckpointAction() == .write: _ = log.writeCheckpoint()
            case 2:
                // No room this time: the frozen changes go back below the live ones.
                guard let snapshot = log.snapshot as? SimulatedSnapshot, log.core.withLock({ $0.frozen }) != nil else {
                    continue
                }
                snapshot.failures = [.lowSpace(StorageError(.lowSpace, "no room"))]
                _ = log.writeCheckpoint()
                snapshot.failures = []
                log.judgeSpace()
            default: break
            }
            try compare(log, model, &generator, note)
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func everyGenerationTellsTheSameOnTheSimulatedDisk(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var model = Model()
        let disk = SimulatedDisk()
        for round in 0..<3 {
            let store = try SimulatedStore(disk, direct: seed % 2 == 0)
            try compare(store.log, model, &generator, "seed \(seed), after opening \(round)")
            try exercise(store.log, &model, &generator, steps: 60, "seed \(seed), round \(round)")
            if round == 1 { try store.close() } else { while case .wrote = store.log.writeStep() {} }
        }
    }

    /// The same on LMDB, with the digest and the counts derived anew at the end.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func everyGenerationTellsTheSameOnLMDB(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var model = Model()
        let scratch = try ScratchDirectory()
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.checkpointIntervalNanoseconds = 0
        for round in 0..<3 {
            let store = try SteppedStore(scratch.path, options: options)
            try compare(store.log, model, &generator, "seed \(seed), after opening \(round)")
            try exercise(store.log, &model, &generator, steps: 60, "seed \(seed), round \(round)")
            try store.close()
        }
        let store = try SteppedStore(scratch.path, options: options)
        defer { try? store.close() }
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        let row = try #require(snapshot.row)
        let audit = try snapshot.audit()
        #expect(audit.digest == row.digest && audit.counts == row.counts)
        #expect(row.rows == UInt64(model.rows.values.reduce(0) { $0 + $1.count }))
    }

    /// A map that is too small grows by itself, with the frozen changes kept and readers served.
    @Test func aFullMapGrows() throws {
        let scratch = try ScratchDirectory()
        var options = StorageOptions()
        options.snapshotMapBytes = 1 << 20
        let store = try SteppedStore(scratch.path, options: options)
        for number in 0..<700 {
            _ = try store.log.commit { transaction in
                transaction.put(Self.tables[0], key: Bytes("\(number)".utf8), value: Bytes(repeating: 1, count: 4000))
            }
        }
        store.flush()
        store.log.beginCheckpoint()
        var outcome = store.log.writeCheckpoint()
        for _ in 0..<3 {
            if case .written = outcome { break }
            outcome = store.log.writeCheckpoint()
        }
        guard case .written(let row) = outcome else { throw StorageError(.inputOutput, "\(outcome)") }
        #expect(row.rows == 700)
        #expect(store.log.core.withLock { $0.find(Self.tables[0], Bytes("699".utf8)) }?.count == 4000)
        store.log.snapshot.endRead()
        try store.close()
    }

    /// §5.8: no room for a checkpoint: nothing is lost, reads go on, it is tried again; a failed one ends the store.
    @Test func aFailedCheckpoint() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        let snapshot = try #require(store.log.snapshot as? SimulatedSnapshot)
        try store.putDurably("a", "1")
        snapshot.failures = [.lowSpace(StorageError(.lowSpace, "no room"))]
        store.log.beginCheckpoint()
        try store.putDurably("b", "2")
        guard case .failed(let error) = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not failed") }
        #expect(error.code == .lowSpace)
        #expect(store.content == ["1 a 1", "1 b 2"])
        #expect(store.log.core.withLock { $0.frozen } == nil, "deletes can reach what had no room")
        guard case .sleep(.some) = store.log.nextCheckpointAction() else { throw StorageError(.damaged, "no delay") }
        store.log.judgeSpace()
        store.log.beginCheckpoint()
        try store.putDurably("c", "2")
        guard case .written = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not retried") }
        #expect(snapshot.row?.position.lsn == LSN(rawValue: 2), "what came later is the next checkpoint's")

        snapshot.failures = [.final(StorageError(.durabilityLost, "the device failed"))]
        store.log.beginCheckpoint()
        guard case .failed = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not failed") }
        #expect(throws: StorageError.self) { try store.put("d", "3") }
        #expect(store.content == ["1 a 1", "1 b 2", "1 c 2"], "reads go on")
        #expect(store.log.nextCheckpointAction() == .sleep(nanoseconds: nil), "it isn't tried for ever")
        let asked = Outcome<Void>()
        store.log.requestCheckpoint { asked.set($0.map { .failure($0) } ?? .success(())) }
        guard case .failure = asked.value else { throw StorageError(.damaged, "who asks is not told") }
        #expect(try SimulatedStore(disk.copy()).content == ["1 a 1", "1 b 2", "1 c 2"])
    }

    /// I5: the end of the checkpoint before is not the end of this one.
    @Test func nothingIsWrittenBeforeItsChangesAreDurable() throws {
        let store = try SimulatedStore(SimulatedDisk())
        try store.put("a", "1")
        #expect(store.checkpoint())
        try store.put("b", "2")
        #expect(store.log.beginCheckpoint())
        guard case .nothing = store.log.writeCheckpoint() else { throw StorageError(.damaged, "written") }
        _ = store.log.writeStep()
        guard case .written(let row) = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not written") }
        #expect(row.position.lsn == LSN(rawValue: 2))
    }

    /// An opening without writes: the log ends in an older segment, and the empty batch that takes its end along is durable
    /// before the snapshot rests on it (I5).
    @Test func aCheckpointAfterAnOpeningWithoutWritesSurvivesAPowerCut() throws {
        let disk = SimulatedDisk()
        try SimulatedStore(disk, direct: false).putDurably("a", "1")
        let store = try SimulatedStore(disk.afterKill(), direct: false)
        #expect(store.checkpoint())
        #expect((store.log.snapshot as? SimulatedSnapshot)?.violations == [])
        #expect(try SimulatedStore(store.disk.afterCrash(.dropAll), direct: false).content == ["1 a 1"])
    }

    /// No room for the snapshot: what goes back below the live changes includes the trimmed ranges.
    @Test func anUndoneCheckpointKeepsItsTrims() throws {
        let store = try SimulatedStore(SimulatedDisk())
        for key in ["a", "b", "c"] { try store.putDurably(key, "1") }
        #expect(store.checkpoint())
        _ = try store.log.commit { $0.trim(SimulatedStore.rows, from: Bytes("a".utf8), upTo: Bytes("c".utf8)) }
        (store.log.snapshot as? SimulatedSnapshot)?.failures = [.lowSpace(StorageError(.lowSpace, "no room"))]
        #expect(!store.checkpoint())
        #expect(store.content == ["1 c 1"] && store.get("a") == nil)
        store.log.judgeSpace()
        #expect(store.checkpoint())
        #expect(store.content == ["1 c 1"])
    }

    /// A crash while segments are retired leaves no gap.
    @Test func segmentsAreRetiredOldestFirst() throws {
        func retire(crashAt call: Int?) throws -> SimulatedDisk {
            let disk = SimulatedDisk()
            let store = try SimulatedStore(disk)
            while disk.segments.count < 5 { try store.putDurably("key \(disk.calls)", "1") }
            #expect(store.log.beginCheckpoint())
            if let call { disk.crash(atCall: disk.calls + call) }
            _ = store.log.writeCheckpoint()
            return disk
        }
        #expect(try retire(crashAt: nil).segments.count < 4)
        var call = 0
        while true {
            let disk = try retire(crashAt: call)
            guard disk.isDead else { break }
            let after = disk.afterCrash(.keepAll)
            let numbers = after.segments
            #expect(numbers.last == 5 && numbers.count == Int(5 - numbers[0] + 1), "call \(call): \(numbers)")
            #expect(throws: Never.self) { try SimulatedStore(after) }
            call += 1
        }
        #expect(call > 3)
    }

    /// Nobody waits for the lock while a checkpoint ends or is undone: freeing its changes took 27 ms, putting them back
    /// 460 ms, once a second while the disk is full. Each hold moves few entries; commits in between keep their say.
    @Test func undoingACheckpointHoldsTheLockForMoments() throws {
        let store = try SimulatedStore(SimulatedDisk())
        var rows: [Bytes: Bytes] = [:]
        func change(_ seed: Int, _ count: Int) throws {
            for number in 0..<count {
                let key = Bytes("\(UInt32(truncatingIfNeeded: number &* 2_654_435_761) % 5000)".utf8)
                let value: Bytes? = number % 7 == 0 ? nil : [UInt8(seed), UInt8(number & 255)]
                _ = try store.log.commit { transaction in
                    if let value { transaction.put(Self.tables[0], key: key, value: value) } else { transaction.delete(Self.tables[0], key: key) }
                }
                rows[key] = value
            }
            _ = try store.log.commit { $0.trim(Self.tables[0], from: Bytes("\(seed)7".utf8), upTo: Bytes("\(seed)8".utf8)) }
            rows = rows.filter { !($0.key.elementsEqual(Bytes("\(seed)7".utf8)) || String(decoding: $0.key, as: UTF8.self).hasPrefix("\(seed)7")) }
            while case .wrote = store.log.writeStep() {}
        }
        func check(_ note: Comment) {
            var found: [Bytes: Bytes] = [:]
            store.log.core.withLock { core in
                core.scan(Self.tables[0], from: nil, upTo: nil, reversed: false) { key, value in
                    found[Bytes(key)] = Bytes(value)
                    return true
                }
                for key in rows.keys.prefix(50) { #expect(core.find(Self.tables[0], key) == rows[key], note) }
                core.snapshot.endRead()
            }
            #expect(found == rows, note)
        }
        try change(1, 6000)
        #expect(store.log.beginCheckpoint())
        try change(2, 500)
        let frozen = store.log.core.withLock { $0.frozen }
        var longest: UInt64 = 0
        var holds = 0
        while true {
            let start = StorageClock.system.monotonicNanoseconds()
            let (step, before, after) = store.log.core.withLock { core in
                let before = core.live.entryCount + core.live.trimCount
                let step = core.thaw()
                return (step, before, core.live.entryCount + core.live.trimCount)
            }
            longest = max(longest, StorageClock.system.monotonicNanoseconds() - start)
            holds += 1
            #expect(after - before <= CommitCore.thawedEntries)
            if case .done(let gone) = step {
                #expect(gone === frozen && gone != nil, "it is freed without the lock")
                break
            }
            if holds % 5 == 0 {
                try change(2 + holds, 40)
                check("after \(holds) holds")
            }
        }
        print("undone in \(holds) holds of the lock, the longest \(longest / 1000) us")
        #expect(holds > 6000 / 2 / CommitCore.thawedEntries && store.log.core.withLock { $0.frozen } == nil)
        check("undone")
        #expect(store.checkpoint())
        check("in the snapshot")
        #expect(store.log.beginCheckpoint())
        let next = store.log.core.withLock { $0.frozen }
        #expect(store.log.core.withLock { $0.dropFrozen().gone } === next, "it is freed without the lock")
    }

    /// Memory is bounded by the changes since the last checkpoint; writers wait at twice the budget.
    @Test func changesThatNoCheckpointTakesHoldWritersBack() throws {
        var options = SimulatedStore.options(direct: true)
        options.checkpointOverlayBytes = 8 * 1024
        let store = try SimulatedStore(SimulatedDisk(), options: options)
        let resumed = Counter()
        var written = 0
        while !store.log.core.withLock({ $0.isSaturated }) {
            try store.putDurably("\(written)", String(repeating: "x", count: 500))
            written += 1
        }
        #expect(written > 10 && written < 40)
        #expect(store.log.nextCheckpointAction() == .begin)
        #expect(throws: StorageError.self) { try store.put("more", "1") }
        #expect(store.log.core.withLock { $0.callWhenUnsaturated { resumed.add() } })
        #expect(store.checkpoint())
        #expect(resumed.value == 1 && store.log.metrics.overlayBytes == 0)
        try store.putDurably("more", "1")
        #expect(store.content.count == written + 1)
    }

    /// I6 and retention: segments below the checkpoint go, the newest of them stays; a limit keeps more.
    @Test func retention() {
        let files = (1...6 as ClosedRange<UInt64>).map { number in
            LogFile(number: SegmentNumber(rawValue: number), bytes: 100, closedAt: number * 10)
        }
        func retired(_ retention: Retention, below: UInt64, isLowSpace: Bool = false) -> [UInt64] {
            retention.retired(files, below: SegmentNumber(rawValue: below), now: 60, isLowSpace: isLowSpace)
                .map(\.number.rawValue)
        }
        let none = Retention(nanoseconds: 0, bytes: 0)
        #expect(retired(none, below: 1) == [] && retired(none, below: 2) == [])
        #expect(retired(none, below: 5) == [1, 2, 3])
        #expect(retired(none, below: 5, isLowSpace: true) == [1, 2, 3, 4])
        #expect(retired(Retention(nanoseconds: 30, bytes: 0), below: 6) == [1, 2])
        #expect(retired(Retention(nanoseconds: 0, bytes: 250), below: 6) == [1, 2])
        #expect(retired(Retention(nanoseconds: 35, bytes: 150), below: 6) == [1, 2, 3])
        #expect(retired(Retention(nanoseconds: 1000, bytes: 0), below: 7) == [])
    }

    /// A segment is used again, with what it held before behind its new end: recovery sees only the new.
    @Test func aRecycledSegmentShowsNothingOld() throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.maximumSegmentBytes = options.initialSegmentBytes
        let store = try SimulatedStore(disk, options: options)
        for number in 0..<12 {
            try store.putDurably("\(number % 4)", "value \(number)")
            if number % 3 == 2 { #expect(store.checkpoint()) }
        }
        let names = disk.paths.filter { $0.hasSuffix(".wal") }
        #expect(store.log.metrics.retiredSegments > 2 && names.count < 5)
        let recycled = try names.contains { name in
            let block = try #require(disk.contents(name)).prefix(LogLimits.blockBytes)
            let reading = Bytes(block).withUnsafeBytes { SegmentHeader.read($0) }
            guard case .valid(let header) = reading else { return false }
            return header.ignorableFeatures & SegmentHeader.recycledFeature != 0
        }
        #expect(recycled)
        let again = try SimulatedStore(disk.copy(), options: options)
        #expect(again.content == store.content)
        #expect(again.log.recovery.quarantinedBytes == 0 && again.log.recovery.condition == .unclean)
    }
}
