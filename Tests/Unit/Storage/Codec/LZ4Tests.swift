import Testing

@testable import Storage
@testable import StorageTesting

/// L0: the block compressor, between guard pages: one byte too far ends the test process.
@Suite struct LZ4Tests {
    static func compress(_ source: [UInt8], room: Int? = nil) -> [UInt8]? {
        let from = GuardedMemory(source)
        let to = GuardedMemory(count: room ?? LZ4.bound(source.count))
        return LZ4.compress(from.readOnly, into: to.bytes).map { Array(to.readOnly.part(0, $0)) }
    }

    static func decompress(_ block: [UInt8], count: Int) -> [UInt8]? {
        let from = GuardedMemory(block)
        let to = GuardedMemory(count: count)
        return LZ4.decompress(from.readOnly, into: to.bytes) ? Array(to.readOnly) : nil
    }

    /// Literals only, one run of a pattern, JSON-like text, noise.
    static func samples(of count: Int, seed: UInt64) -> [[UInt8]] {
        var generator = SeededGenerator(seed: seed)
        let words = ["\"name\":", "\"value\":", "true", "12345", "{", "}", ","].map { Array($0.utf8) }
        var text: [UInt8] = []
        while text.count < count { text += words.randomElement(using: &generator)! }
        return [
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) },
            [UInt8](repeating: 0x41, count: count),
            Array(text[..<count]),
            generator.bytes(count),
        ]
    }

    @Test(arguments: Array(0...70) + [255, 256, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20])
    func roundTrip(count: Int) throws {
        for sample in Self.samples(of: count, seed: UInt64(count)) {
            let block = try #require(Self.compress(sample))
            #expect(block.count <= LZ4.bound(count))
            #expect(Self.decompress(block, count: count) == sample)
        }
    }

    /// The format is that of the LZ4 block specification, byte for byte, not just our own round trip.
    @Test func readsBlocksWrittenByHand() {
        #expect(Self.decompress(bytes("50 68656C6C6F"), count: 5) == Array("hello".utf8))
        // "abcd", then 55 bytes from 4 back, then the last five as literals.
        let repeated = bytes("4F 61626364 0400 24 50 6461626364")
        let text = String(repeating: "abcd", count: 16)
        #expect(Self.decompress(repeated, count: 4 + (4 + 15 + 0x24) + 5) == Array(text.utf8))
    }

    @Test func nothingIsOneToken() {
        #expect(Self.compress([]) == [0])
        #expect(Self.decompress([0], count: 0) == [])
        #expect(Self.decompress([], count: 0) == nil)
        #expect(Self.decompress([1], count: 0) == nil)
        #expect(Self.decompress([0, 0], count: 0) == nil)
        let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        #expect(LZ4.compress(UnsafeRawBufferPointer(none), into: none) == nil)
        #expect([UInt8(0)].withUnsafeBytes { LZ4.decompress($0, into: none) })
    }

    /// Every room up to what is needed: too little is nil, enough is the block.
    @Test func whatDoesNotFitIsNil() throws {
        for sample in Self.samples(of: 300, seed: 1) {
            let needed = try #require(Self.compress(sample)).count
            for room in 0...LZ4.bound(sample.count) {
                guard let block = Self.compress(sample, room: room) else {
                    #expect(room < LZ4.bound(sample.count))
                    continue
                }
                #expect(block.count <= room && block.count >= min(needed, room))
                #expect(Self.decompress(block, count: sample.count) == sample)
            }
        }
    }

    @Test func onlyTheExactLengthIsAccepted() throws {
        for sample in Self.samples(of: 200, seed: 2) {
            let block = try #require(Self.compress(sample))
            for count in 0...400 {
                #expect(Self.decompress(block, count: count) == (count == sample.count ? sample : nil))
            }
        }
    }

    @Test func everyTruncationIsRefused() throws {
        for sample in Self.samples(of: 200, seed: 3) {
            let block = try #require(Self.compress(sample))
            for length in 0..<block.count {
                #expect(Self.decompress(Array(block[..<length]), count: sample.count) == nil)
            }
            #expect(Self.decompress(block + [0], count: sample.count) == nil)
        }
    }

    /// A source beyond any honest block of that size is refused unread.
    @Test func anOversizedSourceIsRefused() {
        #expect(Self.decompress([UInt8](repeating: 0, count: 5000), count: 10) == nil)
        #expect(Self.decompress([0], count: LZ4.maximumBytes + 1) == nil)
    }

    /// All blocks of up to two bytes, all small destinations.
    @Test func everyTinyInputIsSafe() {
        for count in [0, 1, 2, 5, 20] {
            let to = GuardedMemory(count: count)
            let from = GuardedMemory(count: 2)
            for value in 0...0xFFFF {
                from.bytes[0] = UInt8(value >> 8)
                from.bytes[1] = UInt8(value & 0xFF)
                _ = LZ4.decompress(from.readOnly, into: to.bytes)
                if value <= 0xFF { _ = LZ4.decompress(from.readOnly.part(1, 1), into: to.bytes) }
            }
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func randomInputNeverLeavesItsBuffers(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<6_000 {
            let from = GuardedMemory(generator.bytes(Int.random(in: 0...64, using: &generator)))
            let count = Int.random(in: 0...300, using: &generator)
            let to = GuardedMemory(count: count, isAtLowerEdge: round.isMultiple(of: 2))
            _ = LZ4.decompress(from.readOnly, into: to.bytes)
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func mutatedBlocksNeverLeaveTheirBuffers(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let samples = [17, 200, 5000].flatMap { Self.samples(of: $0, seed: seed) }
        let blocks = try samples.map { ($0.count, try #require(Self.compress($0))) }
        var refused = 0
        for round in 0..<6_000 {
            let (count, block) = blocks.randomElement(using: &generator)!
            let from = GuardedMemory(Self.mutated(block, using: &generator))
            let room = max(0, count + Int.random(in: -20...20, using: &generator))
            let to = GuardedMemory(count: room, isAtLowerEdge: round.isMultiple(of: 2))
            if !LZ4.decompress(from.readOnly, into: to.bytes) { refused += 1 }
        }
        #expect(refused > 500, "seed \(seed)")
    }

    private static func mutated(_ block: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var block = block
        for _ in 0...Int.random(in: 0..<4, using: &generator) where !block.isEmpty {
            let place = Int.random(in: 0..<block.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: block[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: block[place] = [0x00, 0x0F, 0xF0, 0xFF].randomElement(using: &generator)!
            case 2: block.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
            default: block.removeSubrange(place..<min(block.count, place + 3))
            }
        }
        return block
    }
}
