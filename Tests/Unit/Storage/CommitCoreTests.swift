import Testing

@testable import Storage
@testable import StorageTesting

/// Atomicity, visibility and bounds of the commit core (I3, I4, I10).
@Suite struct CommitCoreTests {
    private struct Refused: Error {}
    private let rows = SimulatedStore.rows

    private func key(_ text: String) -> Bytes { Bytes(text.utf8) }

    @Test func aThrowingBodyLeavesNoTrace() throws {
        let store = try SimulatedStore(SimulatedDisk())
        try store.putDurably("a", "1")
        try store.put("b", "2")
        let before = store.content
        #expect(throws: Refused.self) {
            _ = try store.log.commit { transaction in
                transaction.setOrigin("somebody")
                transaction.put(rows, key: key("a"), value: key("changed"))
                transaction.put(rows, key: key("a"), value: key("twice"))
                transaction.put(rows, key: key("new"), value: [])
                transaction.delete(rows, key: key("b"))
                transaction.put(rows, key: key("b"), value: key("again"))
                transaction.trim(rows, from: key("a"), upTo: key("z"))
                throw Refused()
            }
        }
        #expect(store.content == before)
        try store.putDurably("c", "3")
        #expect(store.log.gate.durableLSN == LSN(rawValue: 3), "the LSNs were given back")
        #expect(try SimulatedStore(store.disk.copy()).content == store.content)
    }

    @Test func aTransactionSeesItsOwnChanges() throws {
        let store = try SimulatedStore(SimulatedDisk())
        try store.put("b", "old")
        _ = try store.log.commit { transaction in
            transaction.put(rows, key: key("a"), value: key("1"))
            let own = transaction.get(rows, key: key("a"))
            #expect(own == key("1"))
            let deletes = (transaction.delete(rows, key: key("b")), transaction.delete(rows, key: key("b")))
            #expect(deletes == (true, false))
            let gone = transaction.get(rows, key: key("b"))
            #expect(gone == nil)
            transaction.put(rows, key: key("c"), chunks: [key("x"), key("y")])
            key("z").withUnsafeBytes { transaction.put(rows, key: key("d"), value: $0) }
            var seen: [String] = []
            transaction.scan(rows, from: nil, upTo: nil, reversed: true) { key, value in
                seen.append(String(decoding: Bytes(key) + Bytes(value), as: UTF8.self))
                return true
            }
            #expect(seen == ["dz", "cxy", "a1"])
            transaction.trim(rows, from: key("a"), upTo: key("d"))
            var left = 0
            transaction.scan(rows, from: nil, upTo: nil) { _, _ in
                left += 1
                return true
            }
            #expect(left == 1)
            transaction.trim(rows, from: key("a"), upTo: key("d"))
        }
        _ = store.log.writeStep()
        #expect(store.content == ["1 d z"])
        #expect(try SimulatedStore(store.disk.copy()).content == ["1 d z"])
    }

    /// I4: what is not durable is not shown: puts, deletes, absences, scans, counts.
    @Test func readsWaitForWhatTheySaw() throws {
        let store = try SimulatedStore(SimulatedDisk())
        try store.putDurably("old", "1")
        try store.putDurably("gone", "1")
        let released = Counter()
        let wait = { (pending: Pending<Bool>) in pending.whenDurable { _ in released.add() } }
        wait(store.log.read { view in view.get(rows, key: key("old")) != nil })
        wait(store.log.read { view in view.get(rows, key: key("absent")) != nil })
        #expect(released.value == 2, "nothing is pending")

        _ = try store.log.commit { transaction in
            transaction.put(rows, key: key("new"), value: [])
            transaction.delete(rows, key: key("gone"))
        }
        wait(store.log.read { view in view.get(rows, key: key("old")) != nil })
        wait(store.log.read { view in view.get(SimulatedStore.other, key: key("gone")) != nil })
        #expect(released.value == 4, "untouched rows answer at once")
        wait(store.log.read { view in view.get(rows, key: key("new")) != nil })
        wait(store.log.read { view in view.get(rows, key: key("gone")) != nil })
        wait(store.log.read { view in view.contains(rows, key: key("new")) })
        wait(
            store.log.read { view in
                var count = 0
                view.scan(rows, from: nil, upTo: nil) { _, _ in
                    count += 1
                    return true
                }
                return count == 2
            }
        )
        #expect(released.value == 4, "all of these saw what may still be lost")
        _ = store.log.writeStep()
        #expect(released.value == 8)
    }

    /// I4: a checkpoint may freeze what no sync has reached yet; a scan that shows it waits all the same.
    @Test func aScanWaitsForWhatACheckpointFroze() throws {
        let store = try SimulatedStore(SimulatedDisk())
        try store.put("new", "1")
        #expect(store.log.beginCheckpoint())
        let released = Counter()
        store.log.read { view in
            var count = 0
            view.scan(rows, from: nil, upTo: nil) { _, _ in
                count += 1
                return true
            }
            return count
        }.whenDurable { _ in released.add() }
        #expect(released.value == 0, "the row may still be lost")
        _ = store.log.writeStep()
        #expect(released.value == 1)
    }

    @Test func aTransactionWithoutChangesWaitsForWhatItMaySee() throws {
        let store = try SimulatedStore(SimulatedDisk())
        let released = Counter()
        let read = { try store.log.commit { transaction in transaction.get(self.rows, key: [1]) }.pending }
        try read().whenDurable { _ in released.add() }
        #expect(released.value == 1)
        try store.put("a", "1")
        try read().whenDurable { _ in released.add() }
        #expect(released.value == 1)
        _ = store.log.writeStep()
        #expect(released.value == 2)
    }

    @Test func tooLargeIsRefusedAsAWhole() throws {
        var options = SimulatedStore.options(direct: true)
        options.maximumRecordBytes = 1000
        let store = try SimulatedStore(SimulatedDisk(), options: options)
        do {
            _ = try store.log.commit { transaction in
                transaction.put(rows, key: key("small"), value: [])
                transaction.put(rows, key: key("large"), value: Bytes(repeating: 0, count: 1000))
                transaction.put(rows, key: key("after"), value: [])
            }
            Issue.record("accepted")
        } catch let error as StorageError {
            #expect(error.code == .tooLarge && !error.isRetryable)
            #expect(error.message.contains("1000 per record"))
        }
        #expect(store.content.isEmpty)
        // 10 bytes of lengths, 4 of key.
        _ = try store.log.commit { $0.put(rows, key: key("fits"), value: Bytes(repeating: 0x61, count: 986)) }
        #expect(store.content.count == 1)
    }

    @Test func aTransactionHasABound() throws {
        let store = try SimulatedStore(SimulatedDisk())
        let value = Bytes(repeating: 0, count: 8 << 20)
        #expect(throws: StorageError.self) {
            _ = try store.log.commit { transaction in
                for number in 0..<20 { transaction.put(rows, key: [UInt8(number)], value: value) }
            }
        }
        #expect(store.content.isEmpty)
    }

    /// A batch larger than any standard segment gets one of its own size.
    @Test(arguments: [true, false])
    func aLargeBatchGetsItsOwnSegment(direct: Bool) throws {
        let store = try SimulatedStore(SimulatedDisk(), direct: direct)
        try store.putDurably("small", "1")
        try store.putDurably("large", String(repeating: "x", count: 100_000))
        try store.putDurably("next", "2")
        let again = try SimulatedStore(store.disk.copy())
        #expect(again.content == store.content && again.content.count == 3)
    }

    @Test(arguments: [true, false])
    func fullBatchesAreSplitBetweenTransactions(direct: Bool) throws {
        var options = SimulatedStore.options(direct: direct)
        options.softBatchBytes = 1000
        let store = try SimulatedStore(SimulatedDisk(), options: options)
        for number in 0..<20 { try store.put("\(number)", String(repeating: "x", count: 300)) }
        #expect(store.log.metrics.pendingTransactions == 20)
        _ = store.log.writeStep()
        #expect(store.log.metrics.batches == 5, "four of 300 bytes reach the soft limit")
        #expect(store.log.metrics.records == 20 && store.log.metrics.pendingBytes == 0)
        #expect(try SimulatedStore(store.disk.copy()).content == store.content)
    }

    @Test func beyondTheBoundCommitsAreRefusedUntilHalfIsFree() throws {
        var options = SimulatedStore.options(direct: true)
        options.maximumPendingTransactions = 4
        options.softBatchBytes = 1
        let store = try SimulatedStore(SimulatedDisk(), options: options)
        for number in 0..<4 { try store.put("\(number)", "") }
        #expect(store.log.core.withLock { $0.isSaturated })
        do {
            try store.put("more", "")
            Issue.record("accepted")
        } catch let error as StorageError {
            #expect(error.code == .overloaded && error.isRetryable)
        }
        let called = Counter()
        #expect(store.log.core.withLock { $0.callWhenUnsaturated { called.add() } })
        _ = store.log.writeStep()
        #expect(called.value == 1 && store.log.metrics.refusals == 1)
        #expect(!store.log.core.withLock { $0.callWhenUnsaturated { called.add() } })
        try store.putDurably("more", "")
        #expect(called.value == 1)
    }

    @Test func theOriginIsInTheLogOncePerTransaction() throws {
        let store = try SimulatedStore(SimulatedDisk())
        _ = try store.log.commit { transaction in
            transaction.setOrigin("orders::place")
            transaction.put(rows, key: [1], value: [])
            transaction.put(rows, key: [2], value: [])
        }
        let batch = try #require(store.log.core.withLock { $0.takeBatches() }.first)
        #expect(try RecordTests.describe(batch) == ["put 1 [1] [] by orders::place +", "put 1 [2] []"])
    }
}
