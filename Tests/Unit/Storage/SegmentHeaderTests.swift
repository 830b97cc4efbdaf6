import Testing

@testable import Storage
@testable import StorageTesting

/// L0: the segment header's bytes (storage.md §5.3).
@Suite struct SegmentHeaderTests {
    static let sample = SegmentHeader(
        store: StoreID(high: 0x1122_3344_5566_7788, low: 0x99AA_BBCC_DDEE_FF00),
        number: SegmentNumber(rawValue: 42),
        epoch: 0x0123_4567_89AB_CDEF,
        firstBatch: BatchNumber(rawValue: 1000),
        firstLSN: LSN(rawValue: 5000),
        preparedBytes: 4 << 20,
        predecessor: PredecessorFacts(
            segment: SegmentNumber(rawValue: 41),
            lastBatch: BatchNumber(rawValue: 999),
            endOffset: 8192,
            lastBatchCRC: 0xDEAD_BEEF
        ),
        ignorableFeatures: 6,
        createdAt: 1_700_000_000_000_000_000
    )

    static func encoded(_ header: SegmentHeader) -> [UInt8] {
        var block = [UInt8](repeating: 0xEE, count: SegmentHeader.encodedBytes)
        block.withUnsafeMutableBytes { header.encode(into: $0) }
        return block
    }

    static func read(_ block: [UInt8]) -> SegmentHeaderReading {
        block.withUnsafeBytes { SegmentHeader.read($0) }
    }

    @Test func roundTrip() {
        #expect(Self.read(Self.encoded(Self.sample)) == .valid(Self.sample))
    }

    @Test func randomRoundTrips() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            var header = Self.sample
            header.epoch = generator.next()
            header.number.rawValue = generator.next() >> 1
            header.firstBatch.rawValue = generator.next() >> 1
            header.firstLSN.rawValue = generator.next() >> 1
            header.preparedBytes = generator.next()
            header.predecessor.endOffset = generator.next()
            header.createdAt = generator.next()
            #expect(Self.read(Self.encoded(header)) == .valid(header))
        }
    }

    @Test func everyBitFlipIsNoticed() {
        let sound = Self.encoded(Self.sample)
        for bit in 0..<(sound.count * 8) {
            var flipped = sound
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            guard case .invalid = Self.read(flipped) else {
                Issue.record("bit \(bit) went unnoticed")
                return
            }
        }
    }

    @Test func everyTruncationIsNoticed() {
        let sound = Self.encoded(Self.sample)
        for length in 0..<sound.count {
            guard case .invalid = Self.read(Array(sound[..<length])) else {
                Issue.record("length \(length) went unnoticed")
                return
            }
        }
    }

    @Test func aNewerFormatNeedsANewerProgram() {
        var newer = Self.sample
        newer.major = 2
        #expect(Self.read(Self.encoded(newer)) == .needsVersion("segment format 2"))
        newer = Self.sample
        newer.requiredFeatures = 8
        #expect(Self.read(Self.encoded(newer)) == .needsVersion("segment feature bits 8"))
    }
}
