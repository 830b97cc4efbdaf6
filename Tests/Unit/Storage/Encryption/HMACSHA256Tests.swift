import Testing

@testable import Storage
@testable import StorageTesting

/// RFC 4231 §4.2 to §4.8.
@Suite struct HMACSHA256Tests {
    struct Vector: Sendable {
        var key: [UInt8]
        var message: [UInt8]
        var code: String
    }

    static let vectors = [
        Vector(
            key: [UInt8](repeating: 0x0B, count: 20),
            message: Array("Hi There".utf8),
            code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        Vector(
            key: Array("Jefe".utf8),
            message: Array("what do ya want for nothing?".utf8),
            code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        Vector(
            key: [UInt8](repeating: 0xAA, count: 20),
            message: [UInt8](repeating: 0xDD, count: 50),
            code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        Vector(
            key: Array(1...25),
            message: [UInt8](repeating: 0xCD, count: 50),
            code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        // Published cut to 128 bits.
        Vector(
            key: [UInt8](repeating: 0x0C, count: 20),
            message: Array("Test With Truncation".utf8),
            code: "a3b6167473100ee06e0c796c2955552b"
        ),
        Vector(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        Vector(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8
            ),
            code: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    static func code(_ hmac: borrowing HMACSHA256, _ first: [UInt8], _ second: [UInt8] = [], _ third: [UInt8] = [])
        -> [UInt8]
    {
        var result = [UInt8](repeating: 0, count: HMACSHA256.resultBytes)
        result.withUnsafeMutableBytes { place in
            first.withUnsafeBytes { first in
                second.withUnsafeBytes { second in
                    third.withUnsafeBytes { hmac.authenticate(first, second, $0, into: place) }
                }
            }
        }
        return result
    }

    @Test(arguments: vectors)
    func knownCodes(_ vector: Vector) {
        let hmac = HMACSHA256(key: SecretBytes(count: vector.key.count) { $0.copyBytes(from: vector.key) })
        let expected = bytes(vector.code)
        // Again and again: the key stays.
        for _ in 0..<3 { #expect(Self.code(hmac, vector.message).prefix(expected.count) == expected[...]) }
    }

    /// The three parts are one message, however it is cut.
    @Test func partsAreJoined() {
        let vector = Self.vectors[1]
        let hmac = HMACSHA256(key: SecretBytes(count: vector.key.count) { $0.copyBytes(from: vector.key) })
        for first in 0...vector.message.count {
            for second in first...vector.message.count {
                let code = Self.code(
                    hmac,
                    Array(vector.message[..<first]),
                    Array(vector.message[first..<second]),
                    Array(vector.message[second...])
                )
                #expect(code == bytes(vector.code))
            }
        }
    }
}
