import CCrypto

/// 96 bits that may be used once per key.
struct GCMNonce: Equatable {
    static let bytes = 12

    /// Bytes 0..<8, little-endian.
    var low: UInt64
    /// Bytes 8..<12, little-endian.
    var high: UInt32

    func withBytes<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Self.bytes, alignment: 8) { place in
            place.storeBytes(of: low.littleEndian, as: UInt64.self)
            place.storeBytes(of: high.littleEndian, toByteOffset: 8, as: UInt32.self)
            // The closure's memory has an address: it is not empty.
            return body(UnsafePointer(place.assumingMemoryBound(to: UInt8.self).baseAddress.unsafelyUnwrapped))
        }
    }
}

/// AES-256-GCM (NIST SP 800-38D) under one key: 96-bit nonces, 128-bit tags. Holds the expanded key; allocates nothing
/// per call.
///
/// Whoever uses it must never seal two messages with one nonce: that gives away the difference of the two, and with it
/// the means to forge. Confined to one caller at a time.
struct AESGCM: ~Copyable {
    static let tagBytes = 16
    /// Nothing larger is ever stored in one piece.
    static let maximumBytes = LogLimits.maximumBatchBytes

    private let sealing: OpaquePointer
    private let opening: OpaquePointer

    init(key: SecretBytes) {
        precondition(key.count == EncryptionKey.bytes, "AES-256 takes 256 bits")
        let cipher = CryptoLibrary.shared.cipher
        sealing = CryptoLibrary.require(EVP_CIPHER_CTX_new(), "allocate a cipher")
        opening = CryptoLibrary.require(EVP_CIPHER_CTX_new(), "allocate a cipher")
        key.withBytes { bytes in
            let place = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            CryptoLibrary.require(EVP_EncryptInit_ex2(sealing, cipher, place, nil, nil) == 1, "set a cipher's key")
            CryptoLibrary.require(EVP_DecryptInit_ex2(opening, cipher, place, nil, nil) == 1, "set a cipher's key")
        }
    }

    deinit {
        EVP_CIPHER_CTX_free(sealing)
        EVP_CIPHER_CTX_free(opening)
    }

    /// - Parameters:
    ///   - ciphertext: as many bytes as `plaintext`; may be the same memory, but must not overlap it otherwise.
    ///   - tag: 16 bytes.
    func seal(
        _ plaintext: UnsafeRawBufferPointer,
        authenticating: UnsafeRawBufferPointer,
        nonce: GCMNonce,
        into ciphertext: UnsafeMutableRawPointer,
        tag: UnsafeMutableRawPointer
    ) {
        precondition(plaintext.count <= Self.maximumBytes && authenticating.count <= Self.maximumBytes)
        var written: Int32 = 0
        let isStarted = nonce.withBytes { EVP_EncryptInit_ex2(sealing, nil, nil, $0, nil) == 1 }
        CryptoLibrary.require(isStarted, "start to seal")
        if let (place, count) = octets(authenticating) {
            CryptoLibrary.require(EVP_EncryptUpdate(sealing, nil, &written, place, count) == 1, "authenticate")
        }
        let target = ciphertext.assumingMemoryBound(to: UInt8.self)
        if let (place, count) = octets(plaintext) {
            CryptoLibrary.require(EVP_EncryptUpdate(sealing, target, &written, place, count) == 1, "seal")
            precondition(written == count, "GCM is a stream cipher: it keeps nothing back")
        }
        CryptoLibrary.require(EVP_EncryptFinal_ex(sealing, target, &written) == 1, "finish to seal")
        let hasTag = EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1
        CryptoLibrary.require(hasTag, "make the tag")
    }

    /// The tag over two pieces that are only authenticated, with one nonce for all: a universal hash, whose results differ
    /// for different pieces but are no secret-keeping codes. They must not leave the process, and the key must serve
    /// nothing else.
    ///
    /// - Parameter tag: 16 bytes.
    func hash(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, into tag: UnsafeMutableRawPointer) {
        precondition(first.count <= Self.maximumBytes && second.count <= Self.maximumBytes)
        var written: Int32 = 0
        let isStarted = GCMNonce(low: 0, high: 0).withBytes { EVP_EncryptInit_ex2(sealing, nil, nil, $0, nil) == 1 }
        CryptoLibrary.require(isStarted, "start to hash")
        if let (place, count) = octets(first) {
            CryptoLibrary.require(EVP_EncryptUpdate(sealing, nil, &written, place, count) == 1, "hash")
        }
        if let (place, count) = octets(second) {
            CryptoLibrary.require(EVP_EncryptUpdate(sealing, nil, &written, place, count) == 1, "hash")
        }
        let target = tag.assumingMemoryBound(to: UInt8.self)
        CryptoLibrary.require(EVP_EncryptFinal_ex(sealing, target, &written) == 1, "finish to hash")
        let hasTag = EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1
        CryptoLibrary.require(hasTag, "make the hash")
    }

    /// - Parameters:
    ///   - plaintext: as many bytes as `ciphertext`; may be the same memory, but must not overlap it otherwise.
    ///   - tag: 16 bytes; only read.
    /// - Returns: false if key, nonce, tag, ciphertext or authenticated bytes are not those of one `seal`. Then what
    ///   was decrypted has been overwritten with zeros: nobody may act on it.
    func open(
        _ ciphertext: UnsafeRawBufferPointer,
        authenticating: UnsafeRawBufferPointer,
        nonce: GCMNonce,
        tag: UnsafeRawPointer,
        into plaintext: UnsafeMutableRawPointer
    ) -> Bool {
        precondition(ciphertext.count <= Self.maximumBytes && authenticating.count <= Self.maximumBytes)
        var written: Int32 = 0
        let isStarted = nonce.withBytes { EVP_DecryptInit_ex2(opening, nil, nil, $0, nil) == 1 }
        CryptoLibrary.require(isStarted, "start to open")
        if let (place, count) = octets(authenticating) {
            CryptoLibrary.require(EVP_DecryptUpdate(opening, nil, &written, place, count) == 1, "authenticate")
        }
        let target = plaintext.assumingMemoryBound(to: UInt8.self)
        if let (place, count) = octets(ciphertext) {
            CryptoLibrary.require(EVP_DecryptUpdate(opening, target, &written, place, count) == 1, "open")
            precondition(written == count, "GCM is a stream cipher: it keeps nothing back")
        }
        let expected = UnsafeMutableRawPointer(mutating: tag)
        let hasTag = EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), expected) == 1
        CryptoLibrary.require(hasTag, "take the tag")
        if EVP_DecryptFinal_ex(opening, target, &written) == 1 { return true }
        ERR_clear_error()
        OPENSSL_cleanse(plaintext, ciphertext.count)
        return false
    }

    /// nil: nothing to do. The library takes a missing address for a request of another kind.
    private func octets(_ bytes: UnsafeRawBufferPointer) -> (UnsafePointer<UInt8>, Int32)? {
        guard let place = bytes.assumingMemoryBound(to: UInt8.self).baseAddress, !bytes.isEmpty else { return nil }
        return (place, Int32(bytes.count))
    }
}
