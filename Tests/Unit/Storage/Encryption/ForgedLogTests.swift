import Testing

@testable import Storage
@testable import StorageTesting

/// An attacker who can write every file of the store but has no key: nothing of his is ever shown (docs/encryption.md).
@Suite struct ForgedLogTests {
    private let key = EncryptionKey.random()

    private func options(_ key: EncryptionKey?, encryptsExisting: Bool = false) -> StorageOptions {
        var options = SimulatedStore.options(direct: true)
        options.encryption = EncryptionKeys(current: key)
        options.encryptsExistingStore = encryptsExisting
        return options
    }

    /// All of this is readable in the headers.
    private func end(_ disk: SimulatedDisk) throws -> (LogEnd, StoreID) {
        let header = try #require(disk.segmentHeaders.last)
        let last = try #require(disk.batches(header).last)
        let contents = try #require(disk.contents(SimulatedStore.path(header.number.rawValue)))
        let crc = contents.withUnsafeBytes { $0.loadLittle(UInt32.self, at: last.offset + BatchHeader.crcOffset) }
        let end = LogEnd(
            lastBatch: last.header.number,
            chain: crc,
            nextLSN: LSN(rawValue: last.header.firstLSN.rawValue + UInt64(last.header.recordCount)),
            segment: header.number,
            offset: UInt64(last.range.upperBound),
            batchOffset: UInt64(last.offset),
            epoch: header.epoch
        )
        return (end, header.store)
    }

    /// Appends a segment with one record, written with a key of the attacker's or none.
    private func append(_ disk: SimulatedDisk, key: EncryptionKey? = nil, marks: TrustMarks = TrustMarks()) throws {
        let (end, store) = try end(disk)
        let directory = LogDirectory(root: SimulatedStore.root)
        var writer = LogWriter(
            io: disk,
            directory: directory,
            store: store,
            options: options(key),
            end: end
        )
        writer.marks = marks
        try writer.activate(try SegmentPreparer(io: disk, directory: directory).take(atLeast: 65536, wanted: 65536))
        let batch = BatchBuffer()
        batch.firstLSN = writer.nextLSN
        batch.encodePut(SimulatedStore.rows, key: Bytes("balance".utf8), value: Bytes("1000000".utf8), origin: nil)
        try writer.append(batch)
    }

    private func refusal(_ disk: SimulatedDisk, _ options: StorageOptions) -> StorageError? {
        do throws(StorageError) {
            let store = try SimulatedStore(disk, options: options)
            Issue.record("opened: \(store.content)")
            return nil
        } catch {
            return error
        }
    }

    private func store(checkpointed: Bool) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk, options: options(key))
        try store.putDurably("balance", "100")
        if checkpointed {
            #expect(store.checkpoint())
            try store.putDurably("owner", "me")
        }
        return disk.copy()
    }

    /// A plain segment behind an encrypted log was replayed like any other: the store showed the attacker's row.
    @Test(arguments: [false, true])
    func anAppendedPlainSegmentIsRefused(checkpointed: Bool) throws {
        let disk = try store(checkpointed: checkpointed)
        try append(disk)
        let error = try #require(refusal(disk, options(key)))
        #expect(error.code == .damaged && error.row == .r15 && error.segment == 2)
        #expect(error.message.contains("is not encrypted, but the store is"))
        // A checkpoint has proven that everything is sealed: then the option lets nothing in any more.
        if checkpointed { #expect(refusal(disk, options(key, encryptsExisting: true))?.row == .r15) }
        // Tools say the same, and read nothing of it.
        let keys = EncryptionKeys(current: key)
        let walk = LogWalk(
            io: disk,
            directory: LogDirectory(root: SimulatedStore.root),
            start: .anywhere,
            keys: keys,
            isInUse: { false }
        )
        var seen: [UInt64] = []
        let report = try walk.run { event, _ in if case .batch(let batch) = event { seen.append(batch.segment) } }
        #expect(report.problems.first?.row == .r15 && Set(seen) == [1])
    }

    /// A segment that claims to be encrypted, with a key that the attacker drew.
    @Test func aSegmentUnderAnotherKeyIsRefused() throws {
        let disk = try store(checkpointed: true)
        try append(disk, key: .random(), marks: TrustMarks(plainBefore: true, olderBefore: true))
        #expect(refusal(disk, options(key))?.code == .unusableKey)
    }

    /// Every field of a header, with a checksum that is right: once that moved the end of the segment before, or let batches
    /// be left out.
    @Test func aChangedHeaderIsRefused() throws {
        let disk = try store(checkpointed: true)
        let path = SimulatedStore.path(1)
        let sound = try #require(disk.contents(path))
        // Not what is refused for another reason: magic, version, block size, store, number, features, key.
        for byte in Array(40..<100) + Array(104..<116) + [200, 4059, 4060, 4091] {
            var forged = Bytes(sound[..<SegmentHeader.crcOffset])
            forged[byte] ^= 0x40
            forged += CheckpointRowTests.checksum(forged)
            disk.overwrite(path, forged + sound[SegmentHeader.encodedBytes...])
            let error = refusal(disk.copy(), options(key))
            #expect(error?.row == .r15 && error?.message.contains("authentication code is not") == true, "byte \(byte)")
        }
        disk.overwrite(path, sound)
        #expect(try SimulatedStore(disk, options: options(key)).content.count == 2)
    }

    /// A header without its code, or dressed up as one of the version before.
    @Test(arguments: [SegmentHeader.authenticatedFeature, SegmentHeader.authenticatedFeature | SegmentHeader.contentNonceFeature])
    func aHeaderWithoutItsCodeIsRefused(features: UInt32) throws {
        for checkpointed in [false, true] {
            let disk = try store(checkpointed: checkpointed)
            let path = SimulatedStore.path(1)
            let sound = try #require(disk.contents(path))
            var header = try #require(disk.segmentHeaders.first)
            header.requiredFeatures &= ~features
            var block = Bytes(repeating: 0, count: SegmentHeader.encodedBytes)
            block.withUnsafeMutableBytes { header.encode(into: $0) }
            disk.overwrite(path, block + sound[SegmentHeader.encodedBytes...])
            #expect(refusal(disk, options(key))?.row == .r15)
        }
    }

    /// Without a key in force nothing of this applies: what a plain store shows is whatever stands there.
    @Test func aPlainStoreAsksForNothing() throws {
        let disk = SimulatedDisk()
        try SimulatedStore(disk, options: options(nil)).putDurably("balance", "100")
        let copy = disk.copy()
        try append(copy)
        #expect(try SimulatedStore(copy, options: options(nil)).content == ["1 balance 1000000"])
        #expect(refusal(copy.copy(), options(key))?.code == .notEncrypted)
    }
}
