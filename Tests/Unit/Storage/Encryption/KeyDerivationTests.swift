import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct KeyDerivationTests {
    struct Vector: Sendable {
        var key: [UInt8]
        var salt: [UInt8] = []
        var info: [UInt8] = []
        var result: String
    }

    /// RFC 5869, A.1 to A.3.
    static let vectors = [
        Vector(
            key: [UInt8](repeating: 0x0B, count: 22),
            salt: Array(0x00...0x0C),
            info: Array(0xF0...0xF9),
            result: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        Vector(
            key: Array(0x00...0x4F),
            salt: Array(0x60...0xAF),
            info: Array(0xB0...0xFF),
            result: """
                b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
                59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
                cc30c58179ec3e87c14c01d5c1f3434f1d87
                """
        ),
        Vector(
            key: [UInt8](repeating: 0x0B, count: 22),
            result: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ]

    @Test(arguments: vectors)
    func knownKeys(_ vector: Vector) {
        let expected = bytes(vector.result)
        var result = [UInt8](repeating: 0, count: expected.count)
        result.withUnsafeMutableBytes { place in
            vector.key.withUnsafeBytes { key in
                vector.salt.withUnsafeBytes { salt in
                    vector.info.withUnsafeBytes { info in
                        KeyDerivation.hkdf(key: key, salt: salt, info: info, into: place)
                    }
                }
            }
        }
        #expect(result == expected)
    }

    private static func derived(
        _ purpose: KeyPurpose,
        key: UInt8 = 0,
        store: StoreID = FormatVectors.store,
        _ segment: UInt64? = nil,
        _ epoch: UInt64? = nil
    ) throws -> [UInt8] {
        let key = try EncryptionKey(bytes: Array(key...key + 31))
        guard let segment, let epoch else { return key.derived(for: purpose, store: store).withBytes(Array.init) }
        return key.derived(for: purpose, store: store, segment, epoch).withBytes(Array.init)
    }

    /// Computed by another implementation (Python's cryptography): part of the format.
    @Test func derivedKeysStayAsTheyAre() throws {
        #expect(
            try Self.derived(.log, 7, 0x0123_4567_89AB_CDEF)
                == bytes("2d7ad1c41ced9140e91e601a4fff8a87c801ab8a38d1aea235be88530e16d299")
        )
        #expect(
            try Self.derived(.snapshot)
                == bytes("8c2d826976ab00071158ed01d166b280a17217d69a44d674f98e10052906dba5")
        )
        #expect(
            try Self.derived(.snapshotNonce)
                == bytes("b2741aec894befb2a28b079b1fde75569ee88e5ded920e8d51223df8e9563940")
        )
    }

    @Test func everyInputMatters() throws {
        var other = FormatVectors.store
        other.low ^= 1
        let swapped = StoreID(high: FormatVectors.store.low, low: FormatVectors.store.high)
        let keys = [
            try Self.derived(.log, 7, 1), try Self.derived(.log, 8, 1), try Self.derived(.log, 7, 2),
            try Self.derived(.log, 1, 7), try Self.derived(.log, key: 1, 7, 1),
            try Self.derived(.log, store: other, 7, 1),
            try Self.derived(.log, store: swapped, 7, 1), try Self.derived(.snapshot),
            try Self.derived(.snapshot, key: 1),
            try Self.derived(.snapshot, store: other), try Self.derived(.snapshotNonce),
            try Self.derived(.snapshotNonce, store: other), try Self.derived(.logNonce, 7, 1),
            try Self.derived(.header), try Self.derived(.checkpoint),
        ]
        #expect(Set(keys).count == keys.count)
    }

    /// Infos of different length are different, whatever numbers follow the purpose.
    @Test func infosCannotBeMistakenForEachOther() {
        let lengths = KeyPurpose.allCases.map { purpose in
            let numbers = purpose == .log ? 4 : purpose == .logNonce ? 5 : 2
            return purpose.rawValue.utf8.count + 8 * numbers
        }
        #expect(lengths == [47, 61, 34, 38, 36, 42])
    }
}
