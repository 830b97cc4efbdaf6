import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// The failure policy (storage.md §5.8) on a simulated disk.
@Suite struct FaultTests {
    /// I1, lesson 7: after a failed write or sync nothing is acknowledged any more, by anybody, and nothing acknowledged is lost.
    @Test(arguments: [
        ("pwrite", true, EIO), ("pwrite", false, EIO), ("fdatasync", false, EIO), ("fdatasync", false, ENOSPC),
    ])
    func aFailedSyncIsFinal(call: (name: String, direct: Bool, number: Int32)) throws {
        let number = call.number
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: call.direct)
        let failures = Counter()
        options.onFailure = { error in
            #expect(error.code == .durabilityLost)
            failures.add()
        }
        let store = try SimulatedStore(disk, options: options)
        try store.putDurably("a", "1")
        disk.fail(call.name, number)
        let succeeded = Counter()
        let failed = Counter()
        for key in ["b", "c"] {
            try store.put(key, "2").whenDurable { result in
                if case .success = result { succeeded.add() } else { failed.add() }
            }
        }
        let early = store.log.read { view in view.get(SimulatedStore.rows, key: Bytes("b".utf8)) }
        #expect(store.log.writeStep() == .failed)
        #expect(succeeded.value == 0 && failed.value == 2 && failures.value == 1)
        early.whenDurable { result in
            if case .success = result { Issue.record("a lost value was shown (I4)") }
        }
        #expect(throws: StorageError.self) { try store.put("d", "3") }
        #expect(store.log.writeStep() == .failed && failures.value == 1)
        #expect(try SimulatedStore(disk.copy()).get("a") == Bytes("1".utf8))
    }

    /// File systems that write elsewhere than they wrote before may have no room for a file that is there: what was not
    /// written was not acknowledged, and is written again. It counted as lost durability.
    /// Sealed a second time under its nonce an encrypted one would be no batch any more.
    @Test(arguments: [true, false], [false, true])
    func aWriteWithoutRoomIsTriedAgain(direct: Bool, isEncrypted: Bool) throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: direct)
        if isEncrypted { options.encryption = EncryptionKeys(current: Simulation.key) }
        options.onFailure = { Issue.record("\($0)") }
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        let store = try SimulatedStore(disk, options: options)
        let acknowledged = Counter()
        for key in ["a", "b", "c"] {
            try store.put(key, "1").whenDurable { if case .success = $0 { acknowledged.add() } }
        }
        // The second write: where several share a sync the first one is on its way.
        if !direct {
            disk.fail("pwrite", ENOSPC, after: 1, repeats: true)
        } else {
            disk.fail("pwrite", ENOSPC, repeats: true)
        }
        #expect(store.log.writeStep() == .outOfSpace)
        #expect(acknowledged.value == (direct ? 0 : 1) && store.log.metrics.isLowSpace)
        #expect(throws: StorageError.self) { try store.put("d", "2") }
        #expect(store.log.sealStep() == .idle)
        for _ in 0..<3 { #expect(store.log.writeStep() == .outOfSpace) }
        disk.healAll()
        _ = store.log.writeStep()
        #expect(acknowledged.value == 3)
        try store.putDurably("d", "2")
        #expect(try SimulatedStore(disk.copy(), options: options).content == store.content)
    }

    /// The empty batch of a checkpoint went before a batch that waited for room. That was then sealed a second time, over its
    /// own ciphertext, was acknowledged, and no opening could read it (L2, seed 25621).
    @Test(arguments: [true, false])
    func nothingGoesBeforeABatchThatWaitsForRoom(direct: Bool) throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: direct)
        options.encryption = EncryptionKeys(current: Simulation.key)
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        try SimulatedStore(disk, options: options).putDurably("a", "1")
        // The log ends in the segment before the active one.
        let killed = disk.afterKill()
        let store = try SimulatedStore(killed, options: options)
        var generator = SeededGenerator(seed: 1)
        let noise = (0..<9000).map { _ in String(UInt8.random(in: 0..<16, using: &generator), radix: 16) }.joined()
        let acknowledged = Counter()
        try store.put("b", noise).whenDurable { if case .success = $0 { acknowledged.add() } }
        killed.fail("pwrite", ENOSPC, repeats: true)
        #expect(store.log.writeStep() == .outOfSpace)
        killed.healAll()
        store.log.beginCheckpoint()
        while acknowledged.value == 0, store.log.writeStep() != .failed {}
        #expect(acknowledged.value == 1)
        #expect(try SimulatedStore(killed.copy(), options: options).content == store.content)
        guard case .written = store.log.writeCheckpoint() else { return #expect(Bool(false), "no checkpoint") }
        #expect(try SimulatedStore(killed.copy(), options: options).content == store.content)
    }

    /// Descriptors and memory come back: the log waits for them as for room on the disk. It ended the engine.
    @Test(arguments: ["open", "reopen", "rename"], [EMFILE, ENFILE, ENOMEM])
    func aShortageOfTheProcessIsNoFailure(call: String, number: Int32) throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.onFailure = { Issue.record("\($0)") }
        let warnings = Counter()
        options.onWarning = { _ in warnings.add() }
        options.maximumPendingTransactions = 2
        let store = try SimulatedStore(disk, options: options)
        let acknowledged = Counter()
        func put(_ key: String) throws {
            try store.put(key, "1").whenDurable { if case .success = $0 { acknowledged.add() } }
        }
        for key in ["a", "b"] {
            try put(key)
            _ = store.log.writeStep()
        }
        disk.fail(call, number, repeats: true)
        for key in ["c", "d"] {
            try put(key)
            #expect(store.log.writeStep() == .outOfSpace)
        }
        #expect(throws: StorageError.self) { try put("e") }
        #expect(acknowledged.value == 2 && store.log.metrics.isShortOfResources)
        #expect(store.log.metrics.resourceShortages == 2 && !store.log.metrics.isLowSpace)
        disk.healAll()
        _ = store.log.writeStep()
        #expect(acknowledged.value == 4 && warnings.value == 2 && !store.log.metrics.isShortOfResources)
        #expect(try SimulatedStore(disk.copy()).content == store.content)
    }

    /// Where a file system copies on write, a prepared segment may find no room for its name.
    @Test func aSegmentWithoutRoomForItsNameWaits() throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.onFailure = { Issue.record("\($0)") }
        let store = try SimulatedStore(disk, options: options)
        for key in ["a", "b"] { try store.putDurably(key, "1") }
        disk.fail("rename", ENOSPC, repeats: true)
        let acknowledged = Counter()
        try store.put("c", "1").whenDurable { if case .success = $0 { acknowledged.add() } }
        for _ in 0..<3 { #expect(store.log.writeStep() == .outOfSpace) }
        #expect(acknowledged.value == 0 && store.log.metrics.isLowSpace)
        disk.healAll()
        _ = store.log.writeStep()
        #expect(acknowledged.value == 1)
        #expect(try SimulatedStore(disk.copy()).content == store.content)
    }

    /// It said that the disk was full.
    @Test func closingDuringAShortageSaysWhatWasShort() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        disk.fail("open", EMFILE, repeats: true)
        for number in 0..<6 {
            _ = try? store.put("\(number)", String(repeating: "x", count: 3000))
            _ = store.log.writeStep()
        }
        #expect(store.log.metrics.isShortOfResources)
        store.log.refuseCommits()
        let error = #expect(throws: StorageError.self) { try store.log.closeLog() }
        #expect(error?.message.contains("closed out of descriptors") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [true, false])
    func shortWritesAndInterruptionsAreNoFailures(direct: Bool) throws {
        let disk = SimulatedDisk()
        disk.writeShort()
        let store = try SimulatedStore(disk, direct: direct)
        for number in 0..<20 {
            disk.fail("pwrite", EINTR, after: number % 3)
            try store.putDurably("\(number)", String(repeating: "x", count: number * 300))
        }
        #expect(try SimulatedStore(disk.copy()).content == store.content)
    }

    /// The header of the first segment shows it; the log is buffered then, also behind a rotation and a crash.
    @Test func refusedDirectWritesAreBuffered() throws {
        let disk = SimulatedDisk()
        disk.refuseDirectWrites()
        let store = try SimulatedStore(disk, direct: true)
        #expect(!store.log.recovery.isDirectIO)
        for number in 0..<40 { try store.putDurably("\(number)", String(repeating: "x", count: 600)) }
        #expect(store.log.metrics.segments > 1)
        #expect(try SimulatedStore(disk.afterCrash(.dropAll)).content == store.content)
        var options = SimulatedStore.options(direct: true)
        options.useDirectIO = .on
        let fresh = SimulatedDisk()
        fresh.refuseDirectWrites()
        let error = #expect(throws: StorageError.self) { _ = try SimulatedStore(fresh, options: options) }
        #expect(error?.code == .inputOutput && error?.message.contains("direct I/O is demanded") == true)
    }

    @Test func aFullDiskRefusesWritesAndRecovers() throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        let warnings = Counter()
        options.onWarning = { _ in warnings.add() }
        let store = try SimulatedStore(disk, options: options)
        try store.putDurably("a", "1")
        try store.putDurably("b", "2")
        // The active segment is full now, and there is no room for another.
        disk.limit(to: 5 * LogLimits.blockBytes)
        let result = Counter()
        try store.put("c", "3").whenDurable { if case .success = $0 { result.add() } }
        #expect(store.log.writeStep() == .outOfSpace)
        #expect(result.value == 0 && warnings.value == 1)
        #expect(throws: StorageError.self) { try store.put("d", "4") }
        do {
            try store.put("d", "4")
        } catch let error as StorageError {
            #expect(error.code == .lowSpace && error.isRetryable)
        }
        #expect(store.get("a") == Bytes("1".utf8), "reads go on")
        #expect(store.log.writeStep() == .outOfSpace)
        disk.limit(to: nil)
        #expect(wrote(store.log.writeStep()))
        #expect(result.value == 1 && warnings.value == 2)
        try store.putDurably("d", "4")
        #expect(try SimulatedStore(disk.copy()).content == store.content)
    }

    /// Deletes make room, so they go on while the active segment holds them.
    @Test func aFullDiskStillTakesDeletes() throws {
        let disk = SimulatedDisk()
        let options = Self.options(segmentBlocks: 64)
        let store = try SimulatedStore(disk, options: options)
        try store.putDurably("a", "1")
        disk.limit(to: 70 * LogLimits.blockBytes)
        #expect(store.log.prepareSpare(bytes: options.initialSegmentBytes) == false)
        #expect(throws: StorageError.self) { try store.put("b", "2") }
        try delete(["a"], store)
        #expect(wrote(store.log.writeStep()))
        #expect(store.content.isEmpty)
        disk.limit(to: nil)
        #expect(store.log.prepareSpare(bytes: options.initialSegmentBytes))
        try store.putDurably("b", "2")
    }

    private static func options(segmentBlocks: Int) -> StorageOptions {
        var options = SimulatedStore.options(direct: true)
        options.initialSegmentBytes = segmentBlocks * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        return options
    }

    /// One transaction became durable: the step didn't fail, and it wasn't idle.
    private func wrote(_ result: LogStore<SimulatedDisk>.StepResult) -> Bool {
        if case .wrote(transactions: 1, _) = result { true } else { false }
    }

    /// What ends a segment is durable before the next one begins, or that one contradicts what a power cut left.
    @Test(arguments: [true, false])
    func aRotationSurvivesAPowerCut(direct: Bool) throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk, direct: direct)
        while disk.segments.count < 3 { try store.putDurably("key \(disk.calls)", "1") }
        #expect(try SimulatedStore(disk.afterCrash(.dropAll), direct: direct).content == store.content)
    }

    /// Killed between a write and its sync: only the kernel knows the batch. Once an opening shows it, it is durable.
    @Test func whatOnlyTheKernelKnewIsDurableOnceItIsShown() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk, direct: false)
        try store.put("a", "1")
        // After the write, at its sync.
        disk.crash(atCall: disk.calls + 1)
        #expect(store.log.writeStep() == .failed)
        let killed = disk.afterKill()
        let second = try SimulatedStore(killed, direct: false)
        #expect(second.content == ["1 a 1"])
        #expect(try SimulatedStore(killed.afterCrash(.dropAll), direct: false).content == second.content)
    }

    /// `rm -rf` of a store under its engine: what it wrote into the removed file went on being acknowledged.
    @Test func aRemovedSegmentEndsTheLog() throws {
        let scratch = try ScratchDirectory()
        var options = Self.options(segmentBlocks: 16)
        options.clock = .system
        let store = try SteppedStore(scratch.path, options: options)
        let wal = scratch.path + "/wal/"
        for name in try PosixIO().list(wal) where LogDirectory.segmentNumber(ofName: name) != nil {
            #expect(unlink(wal + name) == 0)
        }
        let outcome = Outcome<Void>()
        let pending = try store.log.commit { $0.put(SimulatedStore.rows, key: [1], value: [2]) }.pending
        pending.whenDurable { outcome.set($0) }
        #expect(store.log.writeStep() == .failed)
        guard case .failure(let error) = outcome.value else { throw StorageError(.damaged, "acknowledged") }
        #expect(error.code == .durabilityLost && error.message.contains("was removed"), "\(error)")
        store.log.snapshot.close()
    }

    private func delete(_ keys: some Sequence<String>, _ store: SimulatedStore) throws {
        _ = try store.log.commit { transaction in
            for key in keys { transaction.delete(SimulatedStore.rows, key: Bytes(key.utf8)) }
        }
    }

    /// Accepted, it would wait for room that nobody makes, and everybody behind it.
    @Test func aTransactionBeyondTheRoomIsRefusedAtOnce() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        try store.putDurably("a", "1")
        disk.limit(to: disk.usedBytes + SpaceJudgement.reserveBytes + 2 * LogLimits.mebibyte)
        store.log.judgeSpace()
        #expect(!store.log.metrics.isLowSpace)
        do {
            try store.put("b", String(repeating: "x", count: 5 * LogLimits.mebibyte))
            Issue.record("accepted")
        } catch let error as StorageError {
            #expect(error.code == .lowSpace && error.message.contains("no room for"), "\(error)")
        }
        try store.putDurably("c", "3")
        #expect(store.content == ["1 a 1", "1 c 3"])
    }

    /// Changes beyond the memory bound, on a full disk: deletes are what lets their checkpoint fit, so they don't wait.
    @Test func deletesPassAFullOverlayOnAFullDisk() throws {
        let disk = SimulatedDisk()
        var options = Self.options(segmentBlocks: 64)
        options.checkpointOverlayBytes = 8 * 1024
        let store = try SimulatedStore(disk, options: options)
        let told = Counter()
        var number = 0
        while !store.log.core.withLock({ $0.isSaturated }) {
            try store.putDurably("\(number)", String(repeating: "x", count: 500))
            number += 1
        }
        #expect(store.log.core.withLock { $0.callWhenUnsaturated { told.add() } })
        disk.limit(to: disk.usedBytes)
        store.log.foundDiskFull()
        #expect(told.value == 1, "who waited is told, and then told why")
        #expect(throws: StorageError.self) { try store.put("more", "1") }
        try delete(["0"], store)
        #expect(wrote(store.log.writeStep()) && store.get("0") == nil)
    }

    /// Records of deletes that no small segment holds would wait for ever, and every checkpoint behind them.
    @Test func deletesBeyondASmallSegmentAreRefusedOnAFullDisk() throws {
        let disk = SimulatedDisk()
        let options = Self.options(segmentBlocks: 128)
        let store = try SimulatedStore(disk, options: options)
        store.log.keepReserve()
        for start in stride(from: 0, to: 20_000, by: 1000) {
            _ = try store.log.commit { transaction in
                for number in start..<(start + 1000) {
                    transaction.put(SimulatedStore.rows, key: Bytes("a key of some length \(number)".utf8), value: [1])
                }
            }
            while case .wrote = store.log.writeStep() {}
        }
        disk.limit(to: disk.usedBytes)
        store.log.foundDiskFull()
        func keys(_ numbers: Range<Int>) -> [String] { numbers.map { "a key of some length \($0)" } }
        #expect(throws: StorageError.self) { try delete(keys(0..<20_000), store) }
        for start in stride(from: 0, to: 3000, by: 500) {
            try delete(keys(start..<(start + 500)), store)
            #expect(wrote(store.log.writeStep()))
        }
    }

    /// The room that is kept lets the log go on when there is no other, once; it comes back when there is room again.
    @Test func theReserveIsTakenByTheLogOfAFullDisk() throws {
        let disk = SimulatedDisk()
        let options = Self.options(segmentBlocks: 64)
        let store = try SimulatedStore(disk, options: options)
        store.log.keepReserve()
        #expect(store.log.preparer.hasReserve)
        for number in 0..<100 { try store.putDurably("\(number)", "1") }
        disk.limit(to: disk.usedBytes)
        #expect(store.log.prepareSpare(bytes: options.initialSegmentBytes) == false)
        for number in 0..<100 {
            try delete(["\(number)"], store)
            #expect(wrote(store.log.writeStep()))
        }
        #expect(store.content.isEmpty && !store.log.preparer.hasReserve)
        let reopened = try SimulatedStore(disk.copy(), options: options)
        #expect(reopened.content.isEmpty, "a store opens on a full disk")
        disk.limit(to: nil)
        store.log.judgeSpace()
        store.log.keepReserve()
        #expect(store.log.preparer.hasReserve)
        try store.close()
        #expect(disk.paths.allSatisfy { !LogDirectory.isTemporary($0) }, "nothing is left of it")
    }

    /// L2 in small: random steps with random faults; nothing acknowledged is ever lost.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func randomFaults(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let disk = SimulatedDisk()
        let direct = Bool.random(using: &generator)
        let store = try SimulatedStore(disk, direct: direct)
        let acknowledged = Counter()
        let calls = ["pwrite", "fdatasync", "fsync", "rename", "open"]
        disk.fail(
            calls[Int.random(in: 0..<calls.count, using: &generator)],
            [EIO, EINTR, ENOSPC].randomElement(using: &generator) ?? EIO,
            after: Int.random(in: 0..<40, using: &generator)
        )
        for number in 1...CrashTests.transactions {
            guard let committed = try? store.log.commit({ CrashTests.apply(number, &$0) }) else { break }
            committed.pending.whenDurable { if case .success = $0 { acknowledged.raise(to: number) } }
            if Bool.random(using: &generator) { _ = store.log.writeStep() }
            if Int.random(in: 0..<6, using: &generator) == 0 { _ = store.log.sealStep() }
        }
        let verdict = CrashTests.verdict(
            disk.afterCrash(.random(seed: seed)),
            CrashScenario(kind: .plain, isDirect: direct),
            acknowledged: acknowledged.value
        )
        #expect(verdict.problem == nil, "seed \(seed)")
    }
}
