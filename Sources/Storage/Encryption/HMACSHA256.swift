import CCrypto

/// HMAC-SHA256 (RFC 2104) under one key, reused from message to message: the key is hashed once.
///
/// Confined to one caller at a time.
struct HMACSHA256: ~Copyable {
    static let resultBytes = 32

    private let context: OpaquePointer

    /// - Parameter key: at least one byte.
    init(key: UnsafeRawBufferPointer) {
        precondition(!key.isEmpty, "an HMAC without a key protects nothing")
        context = CryptoLibrary.require(EVP_MAC_CTX_new(CryptoLibrary.shared.hmac), "allocate an HMAC")
        var parameters = [OSSL_PARAM.sha256, OSSL_PARAM_construct_end()]
        let place = key.assumingMemoryBound(to: UInt8.self).baseAddress
        CryptoLibrary.require(EVP_MAC_init(context, place, key.count, &parameters) == 1, "set an HMAC's key")
    }

    init(key: SecretBytes) {
        self = key.withBytes { HMACSHA256(key: $0) }
    }

    deinit {
        EVP_MAC_CTX_free(context)
    }

    /// The code of the three parts, one after the other.
    ///
    /// - Parameter result: 32 bytes.
    func authenticate(
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        into result: UnsafeMutableRawBufferPointer
    ) {
        precondition(result.count == Self.resultBytes, "an HMAC-SHA256 has 32 bytes")
        // No key: the one that the context has, from its start (OpenSSL 3.0.3 and later).
        CryptoLibrary.require(EVP_MAC_init(context, nil, 0, nil) == 1, "restart an HMAC")
        update(first)
        update(second)
        update(third)
        var written = 0
        let place = result.assumingMemoryBound(to: UInt8.self).baseAddress
        CryptoLibrary.require(EVP_MAC_final(context, place, &written, result.count) == 1, "finish an HMAC")
        precondition(written == Self.resultBytes)
    }

    private func update(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        let place = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
        CryptoLibrary.require(EVP_MAC_update(context, place, bytes.count) == 1, "continue an HMAC")
    }
}
