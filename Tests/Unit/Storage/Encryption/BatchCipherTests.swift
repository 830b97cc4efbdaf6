import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct BatchCipherTests {
    static let sizes = [0, 1, 15, 16, 17, 4095, 4096, 4097, 1 << 20]

    static func cipher(
        _ key: EncryptionKey? = nil,
        store: StoreID = FormatVectors.store,
        segment: UInt64 = 7,
        epoch: UInt64 = 0x0123_4567_89AB_CDEF,
        usesContent: Bool = true
    ) throws -> BatchCipher {
        BatchCipher(
            key: try key ?? FormatVectors.key(),
            store: store,
            segment: SegmentNumber(rawValue: segment),
            epoch: epoch,
            usesContent: usesContent
        )
    }

    /// The content nonce in front, as the batch's header holds it.
    static func seal(_ cipher: BatchCipher, _ plaintext: [UInt8], _ header: [UInt8], _ batch: UInt64) -> [UInt8] {
        var text = plaintext + [UInt8](repeating: 0xEE, count: BatchCipher.overheadBytes)
        var nonce: UInt64 = 0
        text.withUnsafeMutableBytes { place in
            header.withUnsafeBytes { header in
                nonce = cipher.contentNonce(header, UnsafeRawBufferPointer(place).part(0, plaintext.count))
                cipher.seal(
                    place,
                    plaintextBytes: plaintext.count,
                    authenticating: header,
                    batch: BatchNumber(rawValue: batch),
                    contentNonce: nonce
                )
            }
        }
        return withUnsafeBytes(of: nonce.littleEndian) { [UInt8]($0) } + text
    }

    static func open(_ cipher: BatchCipher, _ sealed: [UInt8], _ header: [UInt8], _ batch: UInt64) -> [UInt8]? {
        guard sealed.count >= 8 else { return nil }
        let nonce = sealed.withUnsafeBytes { $0.loadLittle(UInt64.self, at: 0) }
        var text = Array(sealed.dropFirst(8))
        let isOpened = text.withUnsafeMutableBytes { place in
            header.withUnsafeBytes {
                cipher.open(
                    place,
                    authenticating: $0,
                    batch: BatchNumber(rawValue: batch),
                    contentNonce: nonce
                )
            }
        }
        if !isOpened {
            #expect(text.dropLast(min(text.count, 16)).allSatisfy { $0 == 0 }, "nothing unproven may be left")
        }
        return isOpened ? Array(text.dropLast(BatchCipher.overheadBytes)) : nil
    }

    private let header = Array("header".utf8)

    @Test func theFormatStaysAsItIs() throws {
        let cipher = try Self.cipher()
        #expect(Self.seal(cipher, FormatVectors.plaintext, header, 42) == bytes(FormatVectors.batch))
        #expect(Self.open(cipher, bytes(FormatVectors.batch), header, 42) == FormatVectors.plaintext)
    }

    /// Segments of the version before had the batch number alone as the nonce.
    @Test func earlierSegmentsAreRead() throws {
        let sealed = [UInt8](repeating: 0, count: 8) + bytes(FormatVectors.earlierBatch)
        let cipher = try Self.cipher(usesContent: false)
        #expect(Self.open(cipher, sealed, header, 42) == FormatVectors.plaintext)
        #expect(Self.seal(cipher, FormatVectors.plaintext, header, 42) == sealed)
        #expect(Self.open(try Self.cipher(), sealed, header, 42) == nil)
    }

    /// A virtual machine that is resumed twice from one image of its memory: both copies go on with the same key and the
    /// same number. Once they sealed other contents with one nonce, which gives away their difference.
    @Test func copiesOfAWriterShareNoNonceForOtherContent() throws {
        let contents = (0..<200).map { number in Array("withdraw \(number)".utf8) }
        let sealed = try contents.map { Self.seal(try Self.cipher(), $0, header, 42) }
        #expect(Set(sealed.map { $0.prefix(8) }).count == contents.count)
        // The keystreams have nothing in common either: what XOR shows of two plaintexts, it doesn't show of these.
        let first = zip(sealed[0].dropFirst(8), contents[0]).map { $0 ^ $1 }
        for (text, content) in zip(sealed, contents).dropFirst() {
            #expect(Array(zip(text.dropFirst(8), content).map { $0 ^ $1 }.prefix(10)) != Array(first.prefix(10)))
        }
        // Equal content, equal bytes: nothing is learned but that. Another header is other content.
        #expect(Self.seal(try Self.cipher(), contents[7], header, 42) == sealed[7])
        #expect(Self.seal(try Self.cipher(), contents[7], header + [0], 42).prefix(8) != sealed[7].prefix(8))
    }

    @Test(arguments: sizes)
    func roundTrip(size: Int) throws {
        var generator = SeededGenerator(seed: UInt64(size))
        let plaintext = generator.bytes(size)
        let cipher = try Self.cipher()
        for (batch, header) in [(1, []), (2, generator.bytes(80))] as [(UInt64, [UInt8])] {
            let sealed = Self.seal(cipher, plaintext, header, batch)
            #expect(sealed.count == 8 + size + BatchCipher.overheadBytes)
            if size >= 15 { #expect(Array(sealed.dropFirst(8).prefix(size)) != plaintext) }
            #expect(Self.open(cipher, sealed, header, batch) == plaintext)
            // After a restart.
            #expect(Self.open(try Self.cipher(), sealed, header, batch) == plaintext)
        }
    }

    @Test func everyFlippedBitIsRefused() throws {
        let cipher = try Self.cipher()
        let sealed = Self.seal(cipher, Array(0..<33), header, 5)
        for bit in 0..<sealed.count * 8 {
            var damaged = sealed
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(Self.open(cipher, damaged, header, 5) == nil, "bit \(bit)")
        }
        for bit in 0..<header.count * 8 {
            var damaged = header
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(Self.open(cipher, sealed, damaged, 5) == nil, "header bit \(bit)")
        }
        // Bits above the nonce's share of the number are bound by the header.
        for bit in 0..<32 { #expect(Self.open(cipher, sealed, header, 5 ^ 1 << bit) == nil, "batch bit \(bit)") }
        #expect(Self.open(cipher, sealed, header, 5) == Array(0..<33), "a refusal leaves nothing behind")
    }

    @Test func everyOtherLengthIsRefused() throws {
        let cipher = try Self.cipher()
        let sealed = Self.seal(cipher, Array(0..<33), header, 5)
        for length in 0..<sealed.count { #expect(Self.open(cipher, Array(sealed.prefix(length)), header, 5) == nil) }
        #expect(Self.open(cipher, sealed + [0], header, 5) == nil)
        #expect(Self.open(cipher, sealed, header + [0], 5) == nil)
        #expect(Self.open(cipher, sealed, header.dropLast(), 5) == nil)
        #expect(Self.open(cipher, sealed, [], 5) == nil)
    }

    @Test func anyOtherKeyIsRefused() throws {
        let sealed = Self.seal(try Self.cipher(), FormatVectors.plaintext, header, 42)
        let other = StoreID(high: FormatVectors.store.high, low: FormatVectors.store.low + 1)
        let others = [
            try Self.cipher(EncryptionKey.random()), try Self.cipher(store: other), try Self.cipher(segment: 8),
            try Self.cipher(epoch: 1),
        ]
        for cipher in others {
            #expect(Self.open(cipher, sealed, header, 42) == nil)
            #expect(Self.seal(cipher, FormatVectors.plaintext, header, 42) != sealed)
        }
    }

    @Test func equalPlaintextsLookDifferent() throws {
        let cipher = try Self.cipher()
        let plaintext = [UInt8](repeating: 0, count: 64)
        let sealed = (1...100).map { Self.seal(cipher, plaintext, [], $0) }
        #expect(Set(sealed).count == 100)
        // No block of one keystream appears in another.
        let blocks = sealed.flatMap { text in stride(from: 8, to: 72, by: 16).map { Array(text[$0..<$0 + 16]) } }
        #expect(Set(blocks).count == 400)
    }

    /// Only the plaintext and the tag's 16 bytes are touched.
    @Test func theRestOfTheBufferStays() throws {
        let cipher = try Self.cipher()
        var buffer = [UInt8](repeating: 0xAB, count: 100)
        buffer.withUnsafeMutableBytes { place in
            header.withUnsafeBytes {
                cipher.seal(
                    place,
                    plaintextBytes: 40,
                    authenticating: $0,
                    batch: BatchNumber(rawValue: 1),
                    contentNonce: 1
                )
            }
        }
        #expect(buffer[56...].allSatisfy { $0 == 0xAB })
        #expect(buffer[..<40] != [UInt8](repeating: 0xAB, count: 40)[...])
    }

    @Test func aNumberIsSealedOnce() async {
        await #expect(processExitsWith: .failure) {
            let cipher = try BatchCipherTests.cipher()
            _ = BatchCipherTests.seal(cipher, [1], [], 5)
            _ = BatchCipherTests.seal(cipher, [2], [], 5)
        }
        await #expect(processExitsWith: .failure) {
            let cipher = try BatchCipherTests.cipher()
            _ = BatchCipherTests.seal(cipher, [1], [], 5)
            _ = BatchCipherTests.seal(cipher, [2], [], 4)
        }
    }

    @Test func twoCallersAtOnceEndTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let use = ExclusiveUse()
            use.run { use.run {} }
        }
        let use = ExclusiveUse()
        for number in 0..<3 { #expect(use.run { number } == number) }
    }
}
