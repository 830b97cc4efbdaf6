import Testing

@testable import Storage
@testable import StorageTesting

/// L0: records (storage.md §5.5).
@Suite struct RecordTests {
    /// One batch with every kind, two transactions.
    static func sample() -> BatchBuffer {
        let batch = BatchBuffer()
        let first = batch.count
        batch.encodePut(TableID(rawValue: 7), key: [1, 2], value: [3, 4, 5], origin: Bytes("me".utf8))
        batch.markSameTransaction(recordAt: first)
        batch.encodeDelete(TableID(rawValue: 8), key: [9], origin: nil)
        batch.encodeTrim(TableID(rawValue: 9), from: [], upTo: [255, 0], origin: nil)
        batch.encodeNote([0x68, 0x69], origin: nil)
        batch.encodePut(TableID(rawValue: 0xFFFF), key: [], value: [], origin: nil)
        return batch
    }

    /// Views into a batch die with it.
    static func describe(_ batch: BatchBuffer) throws(RecordReader.Failure) -> [String] {
        try describe(bytes(batch))
    }

    static func bytes(_ batch: BatchBuffer) -> [UInt8] {
        withExtendedLifetime(batch) { Array(batch.payload) }
    }

    static func describe(_ payload: UnsafeRawBufferPointer) throws(RecordReader.Failure) -> [String] {
        var reader = RecordReader(payload)
        var texts: [String] = []
        while let record = try reader.next() {
            var text: String
            switch record {
            case .put(let table, let key, let value): text = "put \(table.rawValue) \(Bytes(key)) \(Bytes(value))"
            case .delete(let table, let key): text = "delete \(table.rawValue) \(Bytes(key))"
            case .trim(let table, let from, let upTo): text = "trim \(table.rawValue) \(Bytes(from)) \(Bytes(upTo))"
            case .ignored(let kind): text = "ignored \(kind)"
            }
            if let origin = reader.origin { text += " by \(String(decoding: origin, as: UTF8.self))" }
            texts.append(reader.isInsideTransaction ? text + " +" : text)
        }
        return texts
    }

    static func describe(_ payload: [UInt8]) throws(RecordReader.Failure) -> [String] {
        var result: Result<[String], RecordReader.Failure> = .success([])
        payload.withUnsafeBytes { bytes in
            do throws(RecordReader.Failure) { result = .success(try describe(bytes)) } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    @Test func roundTrip() throws {
        #expect(
            try Self.describe(Self.sample()) == [
                "put 7 [1, 2] [3, 4, 5] by me +", "delete 8 [9]", "trim 9 [] [255, 0]", "ignored 4", "put 65535 [] []",
            ]
        )
    }

    /// Cut anywhere but between records, a payload is refused; no cut traps.
    @Test func everyTruncationIsNoticed() throws {
        let payload = Self.bytes(Self.sample())
        let whole = try Self.describe(payload)
        for length in 0..<payload.count {
            if let read = try? Self.describe(Array(payload[..<length])) {
                #expect(read.count < whole.count && whole.starts(with: read), "length \(length)")
            }
        }
        // Between the first transaction's records.
        #expect(throws: RecordReader.Failure.malformed("the last transaction is not complete")) {
            try Self.describe(Array(payload[..<(8 + 4 + 10 + 2 + 3)]))
        }
    }

    /// The checksum keeps damage out; the reader must still never trap or read beyond its bytes.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func randomMutationsNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let payload = Self.bytes(Self.sample())
        var refused = 0
        for _ in 0..<5_000 {
            var mutated = payload
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                mutated[Int.random(in: 0..<mutated.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            if (try? Self.describe(mutated)) == nil { refused += 1 }
        }
        #expect(refused > 1000, "seed \(seed)")
    }

    @Test func unknownKindsNeedANewerProgramUnlessIgnorable() {
        let unknown: [UInt8] = [0, 0, 0, 0, 99, 0, 1, 0]
        #expect(throws: RecordReader.Failure.needsVersion("record kind 99")) { try Self.describe(unknown) }
        let ignorable: [UInt8] = [2, 0, 0, 0, 0x81, 0, 9, 0, 1, 2]
        #expect((try? Self.describe(ignorable)) == ["ignored 129"])
        let newerPut: [UInt8] = [0, 0, 0, 0, 1, 0, 2, 0]
        #expect(throws: RecordReader.Failure.needsVersion("record kind 1 version 2")) { try Self.describe(newerPut) }
    }

    @Test func aBufferGrowsAndKeepsItsContent() {
        let batch = BatchBuffer(capacity: 4096)
        for number in 0..<200 {
            batch.encodePut(
                TableID(rawValue: 1),
                key: [UInt8(number)],
                value: Bytes(repeating: UInt8(number), count: 100),
                origin: nil
            )
        }
        let records = try? Self.describe(batch)
        #expect(records?.count == 200)
        #expect(records?[150].hasPrefix("put 1 [150] [150, 150") == true)
        #expect(batch.padded().count % LogLimits.blockBytes == 0)
        #expect(UInt(bitPattern: batch.memory) % 4096 == 0)
    }
}
