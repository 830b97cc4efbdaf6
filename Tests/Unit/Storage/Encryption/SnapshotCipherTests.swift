import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct SnapshotCipherTests {
    static func cipher(_ key: EncryptionKey? = nil, store: StoreID = FormatVectors.store) throws -> SnapshotCipher {
        SnapshotCipher(key: try key ?? FormatVectors.key(), store: store)
    }

    static func seal(_ cipher: SnapshotCipher, _ plaintext: [UInt8], _ aad: [UInt8]) -> [UInt8] {
        var sealed: [UInt8] = []
        plaintext.withUnsafeBytes { plaintext in
            aad.withUnsafeBytes { cipher.seal(plaintext, authenticating: $0, into: &sealed) }
        }
        return sealed
    }

    static func open(_ cipher: SnapshotCipher, _ sealed: [UInt8], _ aad: [UInt8]) -> [UInt8]? {
        var plaintext: [UInt8] = [0x77]
        let isOpened = sealed.withUnsafeBytes { sealed in
            aad.withUnsafeBytes { cipher.open(sealed, authenticating: $0, into: &plaintext) }
        }
        #expect(plaintext.first == 0x77 && (isOpened || plaintext.count == 1), "appends, and only what is proven")
        return isOpened ? Array(plaintext.dropFirst()) : nil
    }

    private static func nonce(_ sealed: [UInt8]) -> [UInt8] { Array(sealed.prefix(GCMNonce.bytes)) }

    private let row = Array("row".utf8)

    @Test func theFormatStaysAsItIs() throws {
        let cipher = try Self.cipher()
        #expect(Self.seal(cipher, FormatVectors.plaintext, row) == bytes(FormatVectors.value))
        #expect(Self.open(cipher, bytes(FormatVectors.value), row) == FormatVectors.plaintext)
    }

    @Test(arguments: BatchCipherTests.sizes)
    func roundTrip(size: Int) throws {
        var generator = SeededGenerator(seed: UInt64(size))
        let plaintext = generator.bytes(size)
        let cipher = try Self.cipher()
        for aad in [[], generator.bytes(1), generator.bytes(300)] {
            let sealed = Self.seal(cipher, plaintext, aad)
            #expect(sealed.count == size + SnapshotCipher.overheadBytes)
            #expect(Self.open(cipher, sealed, aad) == plaintext)
            #expect(Self.open(try Self.cipher(), sealed, aad) == plaintext)
        }
    }

    @Test func sealedAndOpenedValuesAreAppended() throws {
        let cipher = try Self.cipher()
        var sealed: [UInt8] = [1, 2, 3]
        var opened: [UInt8] = []
        for text in [[], [4], Array(repeating: 5, count: 100)] as [[UInt8]] {
            let start = sealed.count
            text.withUnsafeBytes { cipher.seal($0, authenticating: .init(start: nil, count: 0), into: &sealed) }
            #expect(sealed.count == start + text.count + SnapshotCipher.overheadBytes)
            let isOpened = sealed.withUnsafeBytes { all in
                cipher.open(
                    all.part(start, all.count - start),
                    authenticating: .init(start: nil, count: 0),
                    into: &opened
                )
            }
            #expect(isOpened)
        }
        #expect(sealed.prefix(3) == [1, 2, 3])
        #expect(opened == [4] + [UInt8](repeating: 5, count: 100))
    }

    @Test func everyFlippedBitIsRefused() throws {
        let cipher = try Self.cipher()
        let sealed = Self.seal(cipher, Array(0..<33), row)
        for bit in 0..<sealed.count * 8 {
            var damaged = sealed
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(Self.open(cipher, damaged, row) == nil, "bit \(bit)")
        }
        for bit in 0..<row.count * 8 {
            var damaged = row
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(Self.open(cipher, sealed, damaged) == nil, "authenticated bit \(bit)")
        }
        #expect(Self.open(cipher, sealed, row) == Array(0..<33), "a refusal leaves nothing behind")
    }

    @Test func everyOtherLengthIsRefused() throws {
        let cipher = try Self.cipher()
        for plaintext in [[], Array(0..<33)] as [[UInt8]] {
            let sealed = Self.seal(cipher, plaintext, row)
            for length in 0..<sealed.count { #expect(Self.open(cipher, Array(sealed.prefix(length)), row) == nil) }
            #expect(Self.open(cipher, sealed + [0], row) == nil)
            #expect(Self.open(cipher, sealed, []) == nil)
        }
    }

    @Test func anyOtherKeyOrStoreIsRefused() throws {
        let sealed = Self.seal(try Self.cipher(), FormatVectors.plaintext, row)
        let other = StoreID(high: FormatVectors.store.high ^ 1, low: FormatVectors.store.low)
        for cipher in [try Self.cipher(EncryptionKey.random()), try Self.cipher(store: other)] {
            #expect(Self.open(cipher, sealed, row) == nil)
            #expect(Self.nonce(Self.seal(cipher, FormatVectors.plaintext, row)) != Self.nonce(sealed))
        }
    }

    /// All pairs of up to three zero bytes each, then random ones: nonces are equal exactly where the content is.
    @Test func noncesAreEqualOnlyForEqualContent() throws {
        let cipher = try Self.cipher()
        var contents: [(plaintext: [UInt8], aad: [UInt8])] = []
        for plaintext in 0...40 {
            for aad in 0...40 {
                contents.append(([UInt8](repeating: 0, count: plaintext), [UInt8](repeating: 0, count: aad)))
            }
        }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<1000 { contents.append((generator.bytes(20), generator.bytes(20))) }
        let nonces = contents.map { Self.nonce(Self.seal(cipher, $0.plaintext, $0.aad)) }
        #expect(Set(nonces).count == contents.count)
        #expect(contents.map { Self.nonce(Self.seal(cipher, $0.plaintext, $0.aad)) } == nonces)
    }

    /// A length behind the authenticated bytes could be read at another place, inside a plaintext chosen for it.
    @Test func theBorderCannotBeShifted() throws {
        let cipher = try Self.cipher()
        let message = bytes("02000000 00000000 0A000000 00000000 02000000 00000000 0A000000 00000000 0000")
        let nonces = (0...message.count).map { cut in
            Self.nonce(Self.seal(cipher, Array(message[cut...]), Array(message[..<cut])))
        }
        #expect(Set(nonces).count == nonces.count)
        // aad | length | plaintext of these two would be the same bytes.
        let length = { (count: UInt8) in [count, 0, 0, 0, 0, 0, 0, 0] }
        let short = Self.seal(cipher, [9, 9] + length(12) + [7], [1, 2])
        let long = Self.seal(cipher, [7], [1, 2] + length(2) + [9, 9])
        #expect(Self.nonce(short) != Self.nonce(long))
    }

    /// Two copies of a store that go on apart share key and store id: what differs has another nonce.
    @Test func forksNeverShareANonceForDifferentContent() throws {
        let first = try Self.cipher()
        let second = try Self.cipher()
        var seen: [[UInt8]: [UInt8]] = [:]
        var generator = SeededGenerator(seed: 7)
        for round in 0..<500 {
            let same = generator.bytes(16)
            #expect(Self.seal(first, same, row) == Self.seal(second, same, row))
            for (cipher, text) in [(first, "first \(round)"), (second, "second \(round)")] {
                let text = Array(text.utf8)
                #expect(seen.updateValue(text, forKey: Self.nonce(Self.seal(cipher, text, row))) == nil)
            }
        }
    }
}
