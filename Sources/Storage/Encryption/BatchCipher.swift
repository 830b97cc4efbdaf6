/// Seals and opens the batches of one activation of one segment (AES-256-GCM, in place).
///
/// **Why no nonce serves two contents.** The key is HKDF(key, "iii-storage log" | store id | segment number | epoch), so it
/// suffices that no two different batches of one (store, segment, epoch) have the same nonce.
/// - The nonce is 64 bits of a keyed function of header and content (`ContentNonce`), and the low 32 bits of the batch
///   number. Two contents under one number have the same nonce with probability 2^-64.
/// - One activation of a file writes each batch number at most once: numbers go up by one, a failed write is final
///   (storage.md §5.8), and `seal` traps on a number that is not above the last.
/// - Every activation draws an epoch of 64 random bits. The source of epochs must be random in production
///   (`StorageOptions.random`).
///
/// Number and epoch do for one process. They don't for a virtual machine that is resumed twice from one image of its
/// memory: both copies seal other contents under the same number and the same epoch. There the content decides.
///
/// **Earlier segments** have the batch number alone as the nonce (`usesContent` false): they are read, never written.
///
/// **Amount.** A segment has at most 2^14 batches (64 MiB in blocks of 4 KiB), far below the 2^32 of SP 800-38D.
///
/// `@unchecked Sendable`: immutable but for the library's contexts and `lastSealed`, and those are touched only inside
/// `ExclusiveUse`, which orders one caller after the other and ends the process on two at once.
final class BatchCipher: @unchecked Sendable {
    /// What sealing adds: the tag.
    static let overheadBytes = AESGCM.tagBytes

    private let cipher: AESGCM
    /// nil: the nonce is the batch number.
    private let nonces: ContentNonce?
    private let use = ExclusiveUse()
    private var lastSealed = BatchNumber.none

    init(key: EncryptionKey, store: StoreID, segment: SegmentNumber, epoch: UInt64, usesContent: Bool) {
        cipher = AESGCM(key: key.derived(for: .log, store: store, segment.rawValue, epoch))
        nonces = usesContent ? ContentNonce(key: key, store: store, segment: segment, epoch: epoch) : nil
    }

    /// The part of the nonce that depends on a batch's header and content; 0 in earlier segments.
    func contentNonce(_ header: UnsafeRawBufferPointer, _ plaintext: UnsafeRawBufferPointer) -> UInt64 {
        guard let nonces else { return 0 }
        return use.run { nonces.nonce(header, plaintext) }
    }

    /// Seals in place; the tag goes behind the ciphertext.
    ///
    /// - Parameters:
    ///   - bytes: the plaintext, then room for `overheadBytes`.
    ///   - authenticating: read in the clear, but bound to the payload: the batch's header.
    ///   - batch: above every number that was sealed before.
    ///   - contentNonce: of this header and plaintext.
    func seal(
        _ bytes: UnsafeMutableRawBufferPointer,
        plaintextBytes: Int,
        authenticating: UnsafeRawBufferPointer,
        batch: BatchNumber,
        contentNonce: UInt64
    ) {
        precondition(plaintextBytes >= 0 && plaintextBytes <= bytes.count - Self.overheadBytes, "no room for the tag")
        guard let place = bytes.baseAddress else { return }
        use.run {
            precondition(batch > lastSealed, "a nonce must never be used twice")
            lastSealed = batch
            cipher.seal(
                UnsafeRawBufferPointer(start: place, count: plaintextBytes),
                authenticating: authenticating,
                nonce: nonce(batch, contentNonce),
                into: place,
                tag: place + plaintextBytes
            )
        }
    }

    /// Opens in place: the plaintext is all but the last `overheadBytes`.
    ///
    /// - Parameter bytes: ciphertext and tag, as `seal` left them.
    /// - Returns: false if key, segment, epoch, batch, authenticated or sealed bytes are not those of one `seal`.
    ///   Then the ciphertext has been overwritten with zeros.
    func open(
        _ bytes: UnsafeMutableRawBufferPointer,
        authenticating: UnsafeRawBufferPointer,
        batch: BatchNumber,
        contentNonce: UInt64
    ) -> Bool {
        let plaintextBytes = bytes.count - Self.overheadBytes
        guard let place = bytes.baseAddress, plaintextBytes >= 0 else { return false }
        return use.run {
            cipher.open(
                UnsafeRawBufferPointer(start: place, count: plaintextBytes),
                authenticating: authenticating,
                nonce: nonce(batch, contentNonce),
                tag: place + plaintextBytes,
                into: place
            )
        }
    }

    /// The content's 8 bytes, then 4 of the batch number; in earlier segments 8 of the batch number, then 4 zero bytes.
    private func nonce(_ batch: BatchNumber, _ contentNonce: UInt64) -> GCMNonce {
        guard nonces != nil else { return GCMNonce(low: batch.rawValue, high: 0) }
        return GCMNonce(low: contentNonce, high: UInt32(truncatingIfNeeded: batch.rawValue))
    }
}

extension BatchCipher {
    convenience init(key: EncryptionKey, of header: SegmentHeader) {
        self.init(
            key: key,
            store: header.store,
            segment: header.number,
            epoch: header.epoch,
            usesContent: header.hasContentNonces
        )
    }
}
