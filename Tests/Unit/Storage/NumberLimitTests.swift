import Testing

@testable import Storage
@testable import StorageTesting

/// Numbers with a right checksum that no store reaches: counting on from them ended the process.
@Suite struct NumberLimitTests {
    private static let numbers: [UInt64] = [LogLimits.maximumNumber + 1, .max - 1, .max]

    /// A checkpoint row with a sound checksum may name any place: `salvage` trapped on one inside a block.
    @Test func placesOffTheBlocks() throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path, options: StorageOptions())
        _ = try store.log.commit { $0.put(TableID(rawValue: 1), key: [1], value: [2]) }
        store.flush()
        var end = store.log.writer.withLock { $0.log.end }
        try store.close()
        let directory = LogDirectory(root: scratch.path)
        #expect(try end.batchStands(in: directory) == true)
        for offset in [end.batchOffset + 1, LogLimits.maximumNumber - 1] {
            end.batchOffset = offset
            #expect(try end.batchStands(in: directory) == nil)
        }
    }

    @Test(arguments: numbers) func batches(number: UInt64) {
        let position = BatchHeader.Position(segment: .first, offset: LogLimits.firstBatchOffset)
        for isLSN in [false, true] {
            let header = BatchHeader(
                epoch: 1,
                number: BatchNumber(rawValue: isLSN ? 1 : number),
                firstLSN: LSN(rawValue: isLSN ? number : 1),
                recordCount: 1,
                storedBytes: 0,
                rawBytes: 0,
                payloadCRC: 0,
                durableThrough: .none,
                chain: 0,
                committedAt: 0
            )
            let bytes = AlignedBytes(count: LogLimits.blockBytes)
            if let place = bytes.mutable.baseAddress { header.encode(into: place, at: position) }
            guard case .invalid = BatchHeader.read(bytes.readOnly, at: position) else {
                Issue.record("\(number) was believed")
                continue
            }
        }
    }

    @Test(arguments: numbers) func checkpoints(number: UInt64) {
        for change in 0..<4 {
            var row = CheckpointRowTests.sample()
            switch change {
            case 0: row.position.end.nextLSN = LSN(rawValue: number &+ 1)
            case 1: row.position.end.lastBatch = BatchNumber(rawValue: number)
            case 2: row.generation = number
            default: row.counts[1] = number
            }
            // What can't even be written is not believed either.
            guard change != 0 || number != .max else { continue }
            guard case .invalid = row.encoded().withUnsafeBytes({ CheckpointRow.read($0) }) else {
                Issue.record("\(number) was believed (\(change))")
                continue
            }
        }
    }

    @Test func namesOfSegments() {
        #expect(LogDirectory.segmentNumber(ofName: LogDirectory.segmentName(.first)) == .first)
        for number in Self.numbers {
            let name = LogDirectory.segmentName(SegmentNumber(rawValue: number))
            #expect(LogDirectory.segmentNumber(ofName: name) == nil)
        }
    }
}
