import Testing

@testable import Storage
@testable import StorageTesting

/// L0 (storage.md §6): everything that is read back from disk, bent in every way. Nothing may trap; what has a checksum must
/// notice every flipped bit and every cut.
@Suite struct CodecFuzzTests {
    /// Flips each bit, cuts at each byte, mutates at random; returns how many variants were still read.
    private func survivors(
        _ sound: Bytes,
        seed: UInt64,
        flips: Bool = true,
        mutations: Int = 3000,
        _ isRead: (Bytes) -> Bool
    ) -> Int {
        var generator = SeededGenerator(seed: seed)
        var count = 0
        for bit in 0..<(flips ? sound.count * 8 : 0) {
            var bytes = sound
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            if isRead(bytes) { count += 1 }
        }
        for length in 0..<sound.count where isRead(Bytes(sound[..<length])) { count += 1 }
        for _ in 0..<mutations {
            let bytes = mutated(sound, &generator)
            if bytes != sound, isRead(bytes) { count += 1 }
        }
        return count
    }

    private func mutated(_ sound: Bytes, _ generator: inout SeededGenerator) -> Bytes {
        var bytes = sound
        for _ in 0...Int.random(in: 0..<4, using: &generator) {
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        return bytes
    }

    @Test func checkpointRow() {
        let end = LogEnd(
            lastBatch: BatchNumber(rawValue: 9),
            chain: 7,
            nextLSN: LSN(rawValue: 41),
            segment: SegmentNumber(rawValue: 3),
            offset: 12288,
            batchOffset: 8192,
            epoch: 77
        )
        let row = CheckpointRow(
            store: StoreID(high: 1, low: 2),
            position: CheckpointPosition(end: end, createdAt: 5),
            generation: 6,
            digest: SnapshotDigest(rawValue: 8),
            keyID: 9,
            counts: [1: 2, 700: 3]
        )
        #expect(row.encoded().withUnsafeBytes { CheckpointRow.read($0) } == .valid(row))
        let read = survivors(row.encoded(), seed: 1) { bytes in
            if case .invalid = bytes.withUnsafeBytes({ CheckpointRow.read($0) }) { false } else { true }
        }
        #expect(read == 0)
    }

    @Test func batchAndSegmentHeaders() {
        let batch = survivors(BatchHeaderTests.encoded(BatchHeaderTests.sample), seed: 2) {
            if case .invalid = BatchHeaderTests.read($0) { false } else { true }
        }
        let segment = survivors(SegmentHeaderTests.encoded(SegmentHeaderTests.sample), seed: 3) {
            if case .invalid = SegmentHeaderTests.read($0) { false } else { true }
        }
        #expect(batch == 0 && segment == 0)
    }

    @Test func backupManifest() throws {
        let manifest = BackupManifest(
            store: StoreID(high: 1, low: 2),
            createdAt: 3,
            checkpoint: LSN(rawValue: 4),
            through: LSN(rawValue: 5),
            files: [
                .init(path: "snapshot/data.mdb", bytes: 6, checksum: 7), .init(path: "FORMAT", bytes: 8, checksum: 9),
            ]
        )
        #expect(try BackupManifest(decoding: manifest.encoded()) == manifest)
        let read = survivors(manifest.encoded(), seed: 4) { (try? BackupManifest(decoding: $0)) != nil }
        #expect(read == 0)
    }

    // MARK: Snapshot values

    private static let key = try? EncryptionKey(bytes: Bytes(repeating: 0x4B, count: EncryptionKey.bytes))

    private func snapshotCodec(isEncrypted: Bool) -> SnapshotCodec {
        var options = StorageOptions()
        if isEncrypted { options.encryption = EncryptionKeys(current: Self.key) }
        return SnapshotCodec(SnapshotOptions(options, store: StoreID(high: 1, low: 2)))
    }

    private func stored(_ codec: SnapshotCodec, _ value: Bytes, key: Bytes) -> Bytes {
        let payload = codec.encode(value, key: key, lsn: 12)
        var bytes = Bytes(repeating: 0, count: SnapshotEnvelope.encodedBytes + payload.bytes.count)
        bytes.withUnsafeMutableBytes { _ = payload.fill($0.baseAddress!, key: key, lsn: 12) }
        return bytes
    }

    /// Byte 3 of the envelope is reserved and not covered: eight flips change nothing.
    @Test(arguments: [true, false])
    func snapshotEnvelope(isEncrypted: Bool) throws {
        let codec = snapshotCodec(isEncrypted: isEncrypted)
        let key = Bytes("\u{0}\u{1}key".utf8)
        for value in [Bytes("value".utf8), Bytes(repeating: 0x61, count: 1500)] {
            let sound = stored(codec, value, key: key)
            let plain = try codec.plain(key, sound, path: "test")
            #expect(plain.value == value && plain.lsn == 12)
            let read = survivors(sound, seed: 5) { bytes in
                var bytes = bytes
                if bytes.count > 3 { bytes[3] = 0 }
                return bytes != sound && (try? codec.plain(key, bytes, path: "test"))?.value != nil
            }
            // A turned bit in the two flag bytes once showed the packed bytes as the value.
            #expect(read == 0)
            #expect(throws: StorageError.self) { try codec.plain(key + [1], sound, path: "test") }
        }
    }

    // MARK: Batches

    private static let position = BatchHeader.Position(segment: SegmentNumber(rawValue: 5), offset: 8192)

    private func cipher(_ isEncrypted: Bool) -> BatchCipher? {
        guard isEncrypted, let key = Self.key else { return nil }
        return BatchCipher(
            key: key,
            store: StoreID(high: 1, low: 2),
            segment: Self.position.segment,
            epoch: 6,
            usesContent: true
        )
    }

    private func header(_ number: UInt64, records: Int) -> BatchHeader {
        BatchHeader(
            epoch: 6,
            number: BatchNumber(rawValue: number),
            firstLSN: LSN(rawValue: 1),
            recordCount: UInt32(records),
            storedBytes: 0,
            rawBytes: 0,
            payloadCRC: 0,
            durableThrough: .none,
            chain: 0,
            committedAt: 0
        )
    }

    /// One note that fills `bytes` of payload, that LZ4 packs well or not at all.
    private func batch(_ bytes: Int, packable: Bool) -> BatchBuffer {
        let batch = BatchBuffer()
        batch.firstLSN = LSN(rawValue: 1)
        var noise: UInt64 = 99
        let text = Bytes(
            (0..<max(0, bytes - 12)).map { _ in
                noise = noise &* 6_364_136_223_846_793_005 &+ 1
                return packable ? 0x61 : UInt8(truncatingIfNeeded: noise >> 33)
            }
        )
        batch.encodeNote(text, origin: nil)
        return batch
    }

    private func roundTrip(_ bytes: Int, packable: Bool, isEncrypted: Bool) throws -> BatchHeader {
        let batch = batch(bytes, packable: packable)
        let raw = Bytes(batch.payload)
        var header = header(1, records: 1)
        let writer = BatchCodec(cipher(isEncrypted))
        let (stored, crc) = writer.encode(batch, &header, at: Self.position)
        #expect(stored.count % LogLimits.blockBytes == 0 && stored.count == header.paddedBytes)
        #expect(BatchHeader.read(stored, at: Self.position) == .valid(header, crc: crc))
        #expect(stored.count <= LogLimits.roundedToBlock(batch.count + writer.overheadBytes), "never larger than plain")
        let payload = stored.part(BatchHeader.encodedBytes, Int(header.storedBytes))
        #expect(crc32c(payload) == header.payloadCRC)
        // What it returns may lie in its own memory.
        let reader = BatchCodec(cipher(isEncrypted))
        #expect(Bytes(payload.isEmpty ? payload : try reader.decode(payload, header)) == raw)
        extendLifetime(reader)
        // Sealing happens in place: a batch is written once.
        if !isEncrypted { #expect(Bytes(batch.payload) == raw, "the records are as they were") }
        extendLifetime(batch)
        return header
    }

    /// Every size around the edges of 0 to 3 blocks, with and without header and tag, and one of 1 MiB.
    @Test(arguments: [true, false], [true, false])
    func batchesRoundTrip(packable: Bool, isEncrypted: Bool) throws {
        var packed = 0
        for edge in 0...3 {
            let middle = edge * LogLimits.blockBytes
            for size in max(12, middle - 130)...max(12, middle + 40) {
                let header = try roundTrip(size, packable: packable, isEncrypted: isEncrypted)
                if header.compression == 1 { packed += 1 }
            }
        }
        let large = try roundTrip(LogLimits.mebibyte, packable: packable, isEncrypted: isEncrypted)
        #expect(large.compression == (packable ? 1 : 0))
        #expect(packable ? packed > 100 : packed == 0)
    }

    /// What has a right checksum and is nonsense all the same must not crash the decoder.
    @Test(arguments: [true, false], [true, false])
    func mutatedBatchesNeverCrashTheDecoder(packable: Bool, isEncrypted: Bool) throws {
        var generator = SeededGenerator(seed: 6)
        let batch = batch(9000, packable: packable)
        var header = header(1, records: 1)
        let writer = BatchCodec(cipher(isEncrypted))
        let encoded = writer.encode(batch, &header, at: Self.position).bytes
        let sound = Bytes(encoded.part(BatchHeader.encodedBytes, Int(header.storedBytes)))
        let reader = BatchCodec(cipher(isEncrypted))
        var refused = 0
        for round in 0..<2000 {
            var bent = header
            var bytes = mutated(sound, &generator)
            if round % 3 == 0 { bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator)) }
            if round % 5 == 0 { bent.rawBytes = UInt32.random(in: 0...20_000, using: &generator) }
            if round % 7 == 0 { bent.compression = UInt8.random(in: 0...2, using: &generator) }
            let isRead = bytes.withUnsafeBytes { place in
                guard let raw = try? reader.decode(place, bent) else { return false }
                return (try? RecordTests.describe(Bytes(raw))) != nil
            }
            if !isRead { refused += 1 }
        }
        #expect(refused > (isEncrypted ? 1990 : 500))
        extendLifetime(batch)
    }
}
