import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A store opens on a disk without room, always, and believes only what a power cut can't take away.
@Suite struct FullDiskOpeningTests {
    private func options() -> StorageOptions {
        var options = SimulatedStore.options(direct: true)
        options.initialSegmentBytes = 128 << 10
        options.maximumSegmentBytes = 128 << 10
        return options
    }

    private func noise(_ bytes: Int) -> String {
        var generator = SeededGenerator(seed: UInt64(bytes))
        return String(decoding: (0..<bytes).map { _ in 0x20 + UInt8(generator.next() >> 33 & 63) }, as: UTF8.self)
    }

    /// Covered segments, "a" and "b" acknowledged, and a batch that was under way when the process was killed.
    private func killedWithATornTail() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let options = options()
        let store = try SimulatedStore(disk, options: options)
        try store.putDurably("a", "1")
        for number in 0..<4 { try store.putDurably("big\(number)", noise(100 << 10)) }
        #expect(store.checkpoint())
        try store.putDurably("b", "2")
        try store.put("c", noise(60 << 10))
        _ = store.log.writeStep()
        let killed = disk.copy()
        let newest = try #require(killed.segmentHeaders.last)
        let batch = try #require(killed.batches(newest).last)
        killed.change(SimulatedStore.path(newest.number.rawValue)) { bytes in
            bytes[batch.offset + batch.header.paddedBytes - 8192] ^= 1
        }
        return killed
    }

    /// The copy of the torn tail needed room that the covered segments took: every start failed, with half a copy left.
    @Test func coveredSegmentsMakeRoomForATornTail() throws {
        let disk = try killedWithATornTail()
        disk.limit(to: disk.usedBytes)
        let store = try SimulatedStore(disk, options: options())
        #expect(store.log.recovery.condition == .tornTail && store.log.recovery.quarantinedBytes > 40 << 10)
        #expect(store.get("b") == Bytes("2".utf8) && store.get("c") == nil)
        let covered = try #require(disk.checkpointRow).position.end.segment.rawValue
        #expect(disk.segments.allSatisfy { $0 >= covered })
        #expect(
            try SimulatedStore(disk.copy(), options: options()).content == store.content,
            "b came after the checkpoint"
        )
    }

    /// Whoever put the files there may not have synced their names, and without room no new segment's name makes them
    /// durable.
    @Test func namesAreDurableOnceTheyAreBelieved() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk, options: options())
        disk.lie(.directorySync)
        for number in 0..<3 { try store.putDurably("big\(number)", noise(100 << 10)) }
        #expect(disk.segments.count == 3)
        let copied = disk.afterKill()
        copied.lie([])
        copied.limit(to: copied.usedBytes)
        let opened = try SimulatedStore(copied, options: options())
        #expect(opened.log.metrics.segments == 0 && opened.content == store.content)
        #expect(try SimulatedStore(copied.afterCrash(.dropAll), options: options()).content == store.content)
    }

    /// Nothing can be freed: the store opens for reading, leaves everything as it is, and goes on when there is room.
    @Test(arguments: [true, false])
    func aStoreOpensWithoutAnyRoom(isTorn: Bool) throws {
        var disk = try killedWithATornTail()
        if !isTorn {
            let newest = try #require(disk.segmentHeaders.last)
            let offset = try #require(disk.batches(newest).last).offset
            disk.change(SimulatedStore.path(newest.number.rawValue)) { bytes in
                for index in offset..<bytes.count { bytes[index] = 0 }
            }
        }
        let covered = try #require(disk.checkpointRow).position.end.segment.rawValue
        for number in disk.segments where number < covered { disk.remove(SimulatedStore.path(number)) }
        disk.limit(to: disk.usedBytes)
        let before = disk.image
        for _ in 0..<20 {
            let store = try SimulatedStore(disk, options: options())
            #expect(store.get("b") == Bytes("2".utf8) && store.get("big3") != nil && store.get("c") == nil)
            #expect(store.log.recovery.condition == (isTorn ? .tornTail : .unclean))
            #expect(store.log.metrics.segments == 0 && store.log.metrics.isLowSpace)
            let warnings = store.log.recovery.warnings
            #expect(warnings.contains { $0.contains("no room for a log segment") })
            #expect(warnings.contains { $0.contains("were not copied to quarantine/") } == isTorn)
            do {
                try store.put("d", "4")
                Issue.record("accepted")
            } catch let error as StorageError {
                #expect(error.code == .lowSpace)
            }
            _ = store.log.sealStep()
            #expect(store.log.writeStep() == .idle && disk.image == before)
            disk = disk.copy()
            disk.limit(to: disk.usedBytes)
        }
        let store = try SimulatedStore(disk, options: options())
        try store.log.closeLog()
        // Its checkpoint covers what it replayed; where the log ends stays as it was.
        let newest = SimulatedStore.path(try #require(disk.segments.last))
        #expect(disk.contents(newest) == before[newest])
        disk = disk.copy()
        disk.limit(to: disk.usedBytes)
        let last = try SimulatedStore(disk, options: options())
        disk.limit(to: nil)
        last.log.judgeSpace()
        try last.putDurably("d", "4")
        #expect(last.log.writer.withLock { $0.log.isDirect }, "what can't be tried for lack of room is tried later")
        let again = try SimulatedStore(disk.copy(), options: options())
        #expect(again.content == last.content && again.get("d") == Bytes("4".utf8))
        #expect(again.log.recovery.condition == .unclean, "what was torn is dead now")
    }

    /// Opened without room for a segment, the store took its checkpoint where the clean end of the last owner was. The next
    /// opening saw a file whose end had been given back, and no batch behind the checkpoint that said so: refused for ever (R7).
    @Test func aCheckpointAtACleanEndIsNoDamage() throws {
        var disk = SimulatedDisk()
        let options = options()
        let first = try SimulatedStore(disk, options: options)
        try first.putDurably("a", "1")
        try first.closeWithoutCheckpoint()
        disk = disk.copy()
        for _ in 0..<3 {
            disk.limit(to: disk.usedBytes + 2 * LogLimits.blockBytes)
            let store = try SimulatedStore(disk, options: options)
            #expect(store.log.metrics.segments == 0 && store.log.recovery.condition == .clean)
            store.log.settleOpening()
            #expect(disk.checkpointRow?.position.lsn == LSN(rawValue: 1) && store.content == ["1 a 1"])
            disk = disk.afterKill()
        }
        disk.limit(to: nil)
        let last = try SimulatedStore(disk, options: options)
        try last.putDurably("b", "2")
        #expect(try SimulatedStore(disk.copy(), options: options).content == ["1 a 1", "1 b 2"])
    }

    /// The first key, on a disk without room for a segment: the checkpoint sealed all rows and rested on a plain segment, which
    /// no later opening believed (R15).
    @Test func rowsAreNotSealedBeforeTheLogIs() throws {
        var disk = SimulatedDisk()
        var options = options()
        let first = try SimulatedStore(disk, options: options)
        try first.putDurably("a", "1")
        #expect(first.checkpoint())
        try first.putDurably("b", "2")
        disk = disk.copy()
        options.encryption = EncryptionKeys(current: Simulation.key)
        options.encryptsExistingStore = true
        let asked = Counter()
        for _ in 0..<3 {
            disk.limit(to: disk.usedBytes + 2 * LogLimits.blockBytes)
            let store = try SimulatedStore(disk, options: options)
            store.log.requestCheckpoint { if $0?.code == .lowSpace { asked.add() } }
            store.log.settleOpening()
            #expect(!store.checkpoint() && store.content == ["1 a 1", "1 b 2"] && store.log.retriesCheckpoint)
            disk = disk.afterKill()
        }
        #expect(asked.value == 3, "who waits for a checkpoint is told")
        disk.limit(to: nil)
        let last = try SimulatedStore(disk, options: options)
        #expect(last.checkpoint())
        disk = disk.copy()
        options.encryptsExistingStore = false
        #expect(try SimulatedStore(disk, options: options).content == ["1 a 1", "1 b 2"])
    }

    /// Killed after every start on a full disk: the segments of the starts ate the room that was kept, and the fifth start
    /// was refused.
    @Test func startsDoNotEatTheRoom() throws {
        var disk = SimulatedDisk()
        let options = options()
        let store = try SimulatedStore(disk, options: options)
        store.log.keepReserve()
        try store.putDurably("a", "1")
        let used = disk.usedBytes
        disk = disk.copy()
        for start in 1...20 {
            disk.limit(to: used)
            let store = try SimulatedStore(disk, options: options)
            #expect(store.log.writer.withLock { $0.log.segment != nil }, "start \(start)")
            store.log.settleOpening()
            let isThere = store.get("a") != nil
            _ = try store.log.commit { $0.delete(SimulatedStore.rows, key: Bytes("a".utf8)) }
            let result = store.log.writeStep()
            if case .wrote(transactions: 1, _) = result {
                #expect(isThere)
            } else {
                #expect(!isThere && result == .idle)
            }
            #expect(store.get("a") == nil)
            disk = disk.copy()
        }
    }

    /// Killed in the snapshot's commit, opened on a full disk, then the power goes: log was removed on the word of a snapshot
    /// that only the kernel knew.
    @Test func logIsRemovedOnlyForASnapshotThatIsDurable() throws {
        let disk = SimulatedDisk()
        let options = options()
        let store = try SimulatedStore(disk, options: options)
        try store.putDurably("a", "1")
        #expect(store.checkpoint())
        for number in 0..<6 { try store.putDurably("big\(number)", noise(100 << 10)) }
        try store.putDurably("b", "2")
        let acknowledged = store.content
        #expect(store.log.beginCheckpoint())
        #expect(store.isCheckpointDurable)
        disk.crash(atCall: disk.calls)
        _ = store.log.writeCheckpoint()
        let killed = disk.afterKill()
        killed.limit(to: killed.usedBytes)
        #expect(try SimulatedStore(killed, options: options).content == acknowledged)
        let dead = killed.afterCrash(.dropAll)
        dead.limit(to: nil)
        #expect(try SimulatedStore(dead, options: options).content == acknowledged)
    }

    /// A copy of any size could fill a disk that is not meant for it.
    @Test func aHugeTailIsNamedAndNotCopied() throws {
        let disk = try killedWithATornTail()
        var opening = LogOpening(io: disk, root: SimulatedStore.root, options: options()) {
            (store, create) throws(StorageError) in
            try SimulatedSnapshot(disk, LogDirectory(root: SimulatedStore.root), store: store, create: create)
        }
        opening.quarantineLimit = 32 << 10
        let report = try opening.run().report
        #expect(report.condition == .tornTail && report.quarantinedFiles.isEmpty)
        #expect(report.warnings.contains { $0.contains("more than the 32768 bytes") && $0.contains("at offset") })
        #expect(disk.paths.allSatisfy { !$0.contains("quarantine") })
    }
}
