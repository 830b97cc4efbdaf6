/// Seals and opens the batches of one activation of one segment (AES-256-GCM, in place).
///
/// **Why no nonce is used twice.** The key is HKDF(key, "iii-storage log" | store id | segment number | epoch), so it
/// suffices that no two batches of one (store, segment, epoch) have the same nonce. The nonce is the batch number.
/// - One activation of a file writes each batch number at most once: numbers go up by one, a failed write is final
///   (storage.md §5.8), and `seal` traps on a number that is not above the last.
/// - One owner activates a segment (I9), once: recovery always begins a new one.
/// - Every activation draws an epoch of 64 random bits. So a number that is used again, because a crash undid an
///   activation or because a copy of the store was restored and goes on beside the first, has another key unless two
///   epochs are equal: 2^-64 for each pair. The source of epochs must be random in production
///   (`StorageOptions.random`).
///
/// **Amount.** A segment has at most 2^14 batches (64 MiB in blocks of 4 KiB), far below the 2^32 of SP 800-38D.
///
/// `@unchecked Sendable`: immutable but for the library's contexts and `lastSealed`, and those are touched only inside
/// `ExclusiveUse`, which orders one caller after the other and ends the process on two at once.
final class BatchCipher: @unchecked Sendable {
    /// What sealing adds: the tag.
    static let overheadBytes = AESGCM.tagBytes

    private let cipher: AESGCM
    private let use = ExclusiveUse()
    private var lastSealed = BatchNumber.none

    init(key: EncryptionKey, store: StoreID, segment: SegmentNumber, epoch: UInt64) {
        cipher = AESGCM(key: key.derived(for: .log, store: store, segment.rawValue, epoch))
    }

    /// Seals in place; the tag goes behind the ciphertext.
    ///
    /// - Parameters:
    ///   - bytes: the plaintext, then room for `overheadBytes`.
    ///   - authenticating: read in the clear, but bound to the payload: the batch's header.
    ///   - batch: above every number that was sealed before.
    func seal(
        _ bytes: UnsafeMutableRawBufferPointer,
        plaintextBytes: Int,
        authenticating: UnsafeRawBufferPointer,
        batch: BatchNumber
    ) {
        precondition(plaintextBytes >= 0 && plaintextBytes <= bytes.count - Self.overheadBytes, "no room for the tag")
        guard let place = bytes.baseAddress else { return }
        use.run {
            precondition(batch > lastSealed, "a nonce must never be used twice")
            lastSealed = batch
            cipher.seal(
                UnsafeRawBufferPointer(start: place, count: plaintextBytes),
                authenticating: authenticating,
                nonce: Self.nonce(batch),
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
        batch: BatchNumber
    ) -> Bool {
        let plaintextBytes = bytes.count - Self.overheadBytes
        guard let place = bytes.baseAddress, plaintextBytes >= 0 else { return false }
        return use.run {
            cipher.open(
                UnsafeRawBufferPointer(start: place, count: plaintextBytes),
                authenticating: authenticating,
                nonce: Self.nonce(batch),
                tag: place + plaintextBytes,
                into: place
            )
        }
    }

    /// The batch number in 8 bytes, little-endian, then 4 zero bytes.
    private static func nonce(_ batch: BatchNumber) -> GCMNonce {
        GCMNonce(low: batch.rawValue, high: 0)
    }
}
