import CCrypto

/// Makes the part of a batch's nonce that depends on its content: 64 bits that look random to everybody without the key
/// and are equal for equal content only, but for a chance of 2^-64.
///
/// First a universal hash (GMAC with one nonce and a key of its own), then one AES block under a second key over it, which
/// hides the hash. HMAC-SHA256 would do as well, at four times the cost for 16 KiB.
///
/// Confined to one caller at a time.
final class ContentNonce {
    private let hash: AESGCM
    private let hiding: AESBlock

    init(key: EncryptionKey, store: StoreID, segment: SegmentNumber, epoch: UInt64) {
        hash = AESGCM(key: key.derived(for: .logNonce, store: store, segment.rawValue, epoch, 0))
        hiding = AESBlock(key: key.derived(for: .logNonce, store: store, segment.rawValue, epoch, 1))
    }

    /// - Parameter header: of one length for all batches, so that the border between the two can't be shifted.
    func nonce(_ header: UnsafeRawBufferPointer, _ plaintext: UnsafeRawBufferPointer) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: AESBlock.bytes, alignment: 8) { place in
            guard let bytes = place.baseAddress else { return 0 }
            hash.hash(header, plaintext, into: bytes)
            hiding.encrypt(bytes)
            return UnsafeRawBufferPointer(place).loadLittle(UInt64.self, at: 0)
        }
    }
}

/// AES-256 on one block: a keyed permutation. Confined to one caller at a time.
struct AESBlock: ~Copyable {
    static let bytes = 16

    private let context: OpaquePointer

    init(key: SecretBytes) {
        precondition(key.count == EncryptionKey.bytes, "AES-256 takes 256 bits")
        context = CryptoLibrary.require(EVP_CIPHER_CTX_new(), "allocate a cipher")
        key.withBytes { bytes in
            let place = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            let isSet = EVP_EncryptInit_ex2(context, CryptoLibrary.shared.block, place, nil, nil) == 1
            CryptoLibrary.require(isSet && EVP_CIPHER_CTX_set_padding(context, 0) == 1, "set a cipher's key")
        }
    }

    deinit {
        EVP_CIPHER_CTX_free(context)
    }

    /// - Parameter block: 16 bytes, replaced.
    func encrypt(_ block: UnsafeMutableRawPointer) {
        let place = block.assumingMemoryBound(to: UInt8.self)
        var written: Int32 = 0
        let isDone = EVP_EncryptUpdate(context, place, &written, place, Int32(Self.bytes)) == 1
        CryptoLibrary.require(isDone && written == Self.bytes, "encrypt a block")
    }
}
