import Testing

@testable import Storage
@testable import StorageTesting

/// The vectors for AES-256 of the algorithm's submission to NIST (test cases 13 to 16).
@Suite struct AESGCMTests {
    struct Vector: Sendable {
        var key: String
        var nonce: String
        var plaintext = ""
        var authenticated = ""
        var ciphertext = ""
        var tag: String
    }

    static let vectors = [
        Vector(
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            tag: "530f8afbc74536b9a963b4f1c4cb738b"
        ),
        Vector(
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            plaintext: String(repeating: "00", count: 16),
            ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
            tag: "d0d1c8a799996bf0265b98b5d48ab919"
        ),
        Vector(
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            plaintext: """
                d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255
                """,
            ciphertext: """
                522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
                8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad
                """,
            tag: "b094dac5d93471bdec1a502270e3cc6c"
        ),
        Vector(
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            plaintext: """
                d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39
                """,
            authenticated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            ciphertext: """
                522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
                8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
                """,
            tag: "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ]

    static func cipher(_ key: String) -> AESGCM {
        let key = bytes(key)
        return AESGCM(key: SecretBytes(count: key.count) { $0.copyBytes(from: key) })
    }

    static func nonce(_ text: String) -> GCMNonce {
        bytes(text).withUnsafeBytes {
            GCMNonce(low: $0.loadLittle(UInt64.self, at: 0), high: $0.loadLittle(UInt32.self, at: 8))
        }
    }

    @Test(arguments: vectors)
    func seals(_ vector: Vector) {
        let cipher = Self.cipher(vector.key)
        // Twice: the second time the context has a past.
        for _ in 0..<2 {
            var text = bytes(vector.plaintext) + [UInt8](repeating: 0, count: AESGCM.tagBytes)
            let count = text.count - AESGCM.tagBytes
            text.withUnsafeMutableBytes { place in
                bytes(vector.authenticated).withUnsafeBytes {
                    cipher.seal(
                        UnsafeRawBufferPointer(place).part(0, count),
                        authenticating: $0,
                        nonce: Self.nonce(vector.nonce),
                        into: place.baseAddress!,
                        tag: place.baseAddress! + count
                    )
                }
            }
            #expect(text == bytes(vector.ciphertext) + bytes(vector.tag))
        }
    }

    @Test(arguments: vectors)
    func opens(_ vector: Vector) {
        let cipher = Self.cipher(vector.key)
        // A good one, a bad one, a good one: a refusal leaves nothing behind.
        for isGood in [true, false, true] {
            var tag = bytes(vector.tag)
            if !isGood { tag[15] ^= 1 }
            var text = bytes(vector.ciphertext) + [0]
            let count = text.count - 1
            let isOpened = text.withUnsafeMutableBytes { place in
                bytes(vector.authenticated).withUnsafeBytes { authenticated in
                    tag.withUnsafeBytes {
                        cipher.open(
                            UnsafeRawBufferPointer(place).part(0, count),
                            authenticating: authenticated,
                            nonce: Self.nonce(vector.nonce),
                            tag: $0.baseAddress!,
                            into: place.baseAddress!
                        )
                    }
                }
            }
            #expect(isOpened == isGood)
            #expect(text.dropLast() == (isGood ? bytes(vector.plaintext) : [UInt8](repeating: 0, count: count))[...])
        }
    }

    @Test func aNonceIsLittleEndian() {
        let nonce = GCMNonce(low: 0x0807_0605_0403_0201, high: 0x0C0B_0A09)
        #expect(nonce.withBytes { Array(UnsafeBufferPointer(start: $0, count: 12)) } == Array(1...12))
    }
}
