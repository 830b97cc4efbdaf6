import CCrypto

/// HKDF-SHA256 (RFC 5869): independent keys from one, told apart by `info`. Any thread.
enum KeyDerivation {
    /// As much as HKDF gives: 255 blocks of SHA-256.
    static let maximumBytes = 255 * 32

    /// - Parameters:
    ///   - key: the input keying material, at least one byte.
    ///   - salt: empty stands for 32 zero bytes; right where `key` is uniformly random.
    ///   - result: 1 to `maximumBytes` bytes, filled completely.
    static func hkdf(
        key: UnsafeRawBufferPointer,
        salt: UnsafeRawBufferPointer,
        info: UnsafeRawBufferPointer,
        into result: UnsafeMutableRawBufferPointer
    ) {
        precondition(!key.isEmpty && !result.isEmpty && result.count <= maximumBytes)
        let context = CryptoLibrary.require(EVP_KDF_CTX_new(CryptoLibrary.shared.hkdf), "allocate a derivation")
        defer { EVP_KDF_CTX_free(context) }
        var parameters = [OSSL_PARAM.sha256, .octets("key", key)]
        if !salt.isEmpty { parameters.append(.octets("salt", salt)) }
        if !info.isEmpty { parameters.append(.octets("info", info)) }
        parameters.append(OSSL_PARAM_construct_end())
        let place = result.assumingMemoryBound(to: UInt8.self).baseAddress
        CryptoLibrary.require(EVP_KDF_derive(context, place, result.count, &parameters) == 1, "derive a key")
    }
}

extension EncryptionKey {
    /// A 256-bit key of its own for one purpose in one store.
    ///
    /// No two uses have the same info: purposes are followed by a fixed number of bytes each, and the lengths of all
    /// infos differ (`KeyPurpose`).
    ///
    /// - Parameter numbers: appended little-endian, 8 bytes each.
    func derived(for purpose: KeyPurpose, store: StoreID, _ numbers: UInt64...) -> SecretBytes {
        var info = Array(purpose.rawValue.utf8)
        for number in [store.low, store.high] + numbers {
            withUnsafeBytes(of: number.littleEndian) { info.append(contentsOf: $0) }
        }
        let noSalt = UnsafeRawBufferPointer(start: nil, count: 0)
        return SecretBytes(count: Self.bytes) { place in
            withBytes { key in
                info.withUnsafeBytes { KeyDerivation.hkdf(key: key, salt: noSalt, info: $0, into: place) }
            }
        }
    }
}

/// What a derived key is for: the start of its info. Part of the format.
enum KeyPurpose: String, CaseIterable {
    /// Followed by store id, segment number, epoch: 47 bytes.
    case log = "iii-storage log"
    /// Followed by store id, segment number, epoch, 0 or 1: 61 bytes.
    case logNonce = "iii-storage log nonce"
    /// Followed by the store id: 34 bytes.
    case header = "iii-storage header"
    /// Followed by the store id: 38 bytes.
    case checkpoint = "iii-storage checkpoint"
    /// Followed by the store id: 36 bytes.
    case snapshot = "iii-storage snapshot"
    /// Followed by the store id: 42 bytes.
    case snapshotNonce = "iii-storage snapshot nonce"
}
