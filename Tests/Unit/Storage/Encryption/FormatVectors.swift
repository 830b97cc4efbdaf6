@testable import Storage
@testable import StorageTesting

/// One key and store whose sealed bytes were computed by another implementation (Python's cryptography).
enum FormatVectors {
    static let keyBytes = [UInt8](0..<32)
    static let keyHexadecimal = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static let keyBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let keyID = KeyID(rawValue: 0x8749_6D14_030A_8490)
    static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)

    static let plaintext = Array("attack at dawn".utf8)
    /// Segment 7, epoch 0x0123456789ABCDEF, batch 42, authenticating "header": content nonce, then what is sealed.
    static let batch = "21f7a42a21ba363118b624a1c9e7a6b6f369fc263fb89a48e2b3c2091e727985dc96ee1ac0bc"
    /// The same in segments without content nonces.
    static let earlierBatch = "8561a655c233dc7c4cbdd6253fcac0bd88e69fb00b2bc125eb683f2425ad"
    /// Authentication codes of the plaintext, as of a segment header and of a checkpoint row.
    static let headerCode = "8871c1c502a7a95f4b7dca19e8a70f282a142913f6f2f14e8bfc288d08ec6ef5"
    static let checkpointCode = "99e1e2d1e953edd200a9c6c76cda9e8d5b02ff27dc790cebac0e3364cb2d907c"
    /// Authenticating "row".
    static let value = "787650faf86db26b4d75da5d4125cccbdccd7736a80b20c3f256ffddf71aca8a4f812221337e82f8b72c"

    static func key() throws -> EncryptionKey { try EncryptionKey(bytes: keyBytes) }
}
