/// Seals and opens the values of one store's snapshot (AES-256-GCM with a synthetic nonce).
///
/// Sealed: nonce (12 bytes), ciphertext, tag (16 bytes).
///
/// **The nonce** is the first 12 bytes of HMAC-SHA256(nonce key, u64 length of the authenticated bytes | authenticated
/// bytes | plaintext). A counter or a position would be used again when a copy of the store is restored and goes on
/// beside the first; this depends on the content alone, so equal nonces mean equal content, in which case the sealed
/// bytes are equal too and nothing is learned but that. The length stands first: behind the authenticated bytes it
/// would let a chosen plaintext shift the border between the two and get one nonce for two contents.
///
/// **Amount.** Different contents get the same 96 bits by chance: among n different values with probability n^2 / 2^97,
/// so 2^-33 after 2^32 values (the bound of SP 800-38D for nonces by chance) and 2^-17 after 2^40. A new key starts
/// anew.
///
/// `@unchecked Sendable`: immutable but for the library's contexts, and those are touched only inside `ExclusiveUse`,
/// which orders one caller after the other and ends the process on two at once.
final class SnapshotCipher: @unchecked Sendable {
    /// What sealing adds: nonce and tag.
    static let overheadBytes = GCMNonce.bytes + AESGCM.tagBytes

    private let cipher: AESGCM
    private let nonces: HMACSHA256
    private let use = ExclusiveUse()

    init(key: EncryptionKey, store: StoreID) {
        cipher = AESGCM(key: key.derived(for: .snapshot, store: store))
        nonces = HMACSHA256(key: key.derived(for: .snapshotNonce, store: store))
    }

    /// Appends `plaintext.count + overheadBytes` bytes. Allocates only if the array has no room for them (libcrypto's
    /// HMAC makes and frees two small copies of its state).
    ///
    /// - Parameter aad: read in the clear, but bound to the value: what tells where it belongs.
    func seal(
        _ plaintext: UnsafeRawBufferPointer,
        authenticating aad: UnsafeRawBufferPointer,
        into output: inout [UInt8]
    ) {
        use.run {
            let nonce = self.nonce(plaintext, aad)
            _ = output.appendRaw(plaintext.count + Self.overheadBytes) { place in
                place.storeLittle(nonce.low, at: 0)
                place.storeLittle(nonce.high, at: 8)
                let ciphertext = place + GCMNonce.bytes
                cipher.seal(
                    plaintext,
                    authenticating: aad,
                    nonce: nonce,
                    into: ciphertext,
                    tag: ciphertext + plaintext.count
                )
                return true
            }
        }
    }

    /// Appends the plaintext, `sealed.count - overheadBytes` bytes. Allocates only if the array has no room for them.
    ///
    /// - Returns: false if key, store, authenticated or sealed bytes are not those of one `seal`. Then nothing was
    ///   appended.
    func open(
        _ sealed: UnsafeRawBufferPointer,
        authenticating aad: UnsafeRawBufferPointer,
        into output: inout [UInt8]
    ) -> Bool {
        let plaintextBytes = sealed.count - Self.overheadBytes
        guard let place = sealed.baseAddress, plaintextBytes >= 0 else { return false }
        let nonce = GCMNonce(
            low: sealed.loadLittle(UInt64.self, at: 0),
            high: sealed.loadLittle(UInt32.self, at: 8)
        )
        return use.run {
            output.appendRaw(plaintextBytes) { target in
                cipher.open(
                    sealed.part(GCMNonce.bytes, plaintextBytes),
                    authenticating: aad,
                    nonce: nonce,
                    tag: place + (GCMNonce.bytes + plaintextBytes),
                    into: target
                )
            }
        }
    }

    private func nonce(_ plaintext: UnsafeRawBufferPointer, _ aad: UnsafeRawBufferPointer) -> GCMNonce {
        withUnsafeTemporaryAllocation(byteCount: HMACSHA256.resultBytes, alignment: 8) { result in
            withUnsafeBytes(of: UInt64(aad.count).littleEndian) { length in
                nonces.authenticate(length, aad, plaintext, into: result)
            }
            let bytes = UnsafeRawBufferPointer(result)
            return GCMNonce(low: bytes.loadLittle(UInt64.self, at: 0), high: bytes.loadLittle(UInt32.self, at: 8))
        }
    }
}

extension [UInt8] {
    /// Makes room for `count` more bytes and lets `fill` write them all. False: the array stays as it was.
    @inline(__always)
    fileprivate mutating func appendRaw(_ count: Int, fill: (UnsafeMutableRawPointer) -> Bool) -> Bool {
        var isFilled = false
        // One byte at least: no capacity may mean no address.
        append(addingCapacity: Swift.max(count, 1)) { span in
            span.withUnsafeMutableBufferPointer { place, used in
                guard let start = place.baseAddress else { return }
                isFilled = fill(UnsafeMutableRawPointer(start + used))
                if isFilled { used += count }
            }
        }
        return isFilled
    }
}
