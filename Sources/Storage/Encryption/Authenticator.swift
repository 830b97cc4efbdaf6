import CCrypto

/// Authenticates what is stored readable: segment headers and checkpoint rows (docs/encryption.md).
///
/// Made once per header or row: it derives its key each time.
struct Authenticator: ~Copyable {
    /// The whole HMAC-SHA256.
    static let codeBytes = HMACSHA256.resultBytes

    private let hmac: HMACSHA256

    init(_ key: EncryptionKey, _ purpose: KeyPurpose, _ store: StoreID) {
        hmac = HMACSHA256(key: key.derived(for: purpose, store: store))
    }

    /// - Parameter code: `codeBytes` bytes.
    func authenticate(_ bytes: UnsafeRawBufferPointer, into code: UnsafeMutableRawBufferPointer) {
        hmac.authenticate(bytes, into: code)
    }

    /// The comparison takes the same time wherever the codes differ.
    func isGenuine(_ bytes: UnsafeRawBufferPointer, code: UnsafeRawBufferPointer) -> Bool {
        guard code.count == Self.codeBytes else { return false }
        return withUnsafeTemporaryAllocation(byteCount: Self.codeBytes, alignment: 8) { expected in
            hmac.authenticate(bytes, into: expected)
            return CRYPTO_memcmp(expected.baseAddress, code.baseAddress, Self.codeBytes) == 0
        }
    }
}
