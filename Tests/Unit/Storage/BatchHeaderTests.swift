import Testing

@testable import Storage
@testable import StorageTesting

/// L0: the batch header's bytes (storage.md §5.4).
@Suite struct BatchHeaderTests {
    static let position = BatchHeader.Position(segment: SegmentNumber(rawValue: 42), offset: 8192)
    static let sample = BatchHeader(
        flags: [.lastInSegment],
        epoch: 0x0123_4567_89AB_CDEF,
        number: BatchNumber(rawValue: 1001),
        firstLSN: LSN(rawValue: 5003),
        recordCount: 17,
        storedBytes: 4000,
        rawBytes: 4000,
        payloadCRC: 0xCAFE_F00D,
        durableThrough: BatchNumber(rawValue: 1000),
        chain: 0x5555_AAAA,
        committedAt: 1_700_000_000_000_000_001
    )

    static func encoded(_ header: BatchHeader, at position: BatchHeader.Position = position) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: BatchHeader.encodedBytes)
        bytes.withUnsafeMutableBytes { _ = header.encode(into: $0.baseAddress!, at: position) }
        return bytes
    }

    static func read(_ bytes: [UInt8], at position: BatchHeader.Position = position) -> BatchHeaderReading {
        bytes.withUnsafeBytes { BatchHeader.read($0, at: position) }
    }

    @Test func roundTrip() {
        guard case .valid(let header, _) = Self.read(Self.encoded(Self.sample)) else {
            Issue.record("not read")
            return
        }
        #expect(header == Self.sample)
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

    /// A misdirected write, or a log inside a value, is no batch.
    @Test func theSameBytesElsewhereAreNoBatch() {
        let bytes = Self.encoded(Self.sample)
        for offset in [0, 4096, 12288] as [UInt64] {
            guard case .invalid = Self.read(bytes, at: .init(segment: Self.position.segment, offset: offset)) else {
                Issue.record("believed at offset \(offset)")
                return
            }
        }
        guard case .invalid = Self.read(bytes, at: .init(segment: SegmentNumber(rawValue: 43), offset: 8192)) else {
            Issue.record("believed in another segment")
            return
        }
    }

    @Test func paddingReachesTheNextBlock() {
        for (stored, padded) in [(0, 4096), (4016, 4096), (4017, 8192), (8112, 8192)] {
            var header = Self.sample
            header.storedBytes = UInt32(stored)
            #expect(header.paddedBytes == padded)
        }
    }
}
