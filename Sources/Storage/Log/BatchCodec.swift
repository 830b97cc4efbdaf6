import Glibc

/// Turns a batch's records into what is stored, and back: LZ4 where that saves a block, AES-256-GCM where the segment is
/// encrypted (storage.md §5.4). Compressed first, then sealed.
///
/// `@unchecked Sendable`: belongs to one log writer or one scan at a time; nobody shares it.
final class BatchCodec: @unchecked Sendable {
    /// What a batch may grow by when it is stored.
    var overheadBytes: Int { cipher == nil ? 0 : BatchCipher.overheadBytes }

    private let cipher: BatchCipher?
    private var scratch = BatchBuffer(capacity: LogLimits.blockBytes)

    init(_ cipher: BatchCipher?) {
        self.cipher = cipher
    }

    /// The batch as it goes to disk, header included: in its own memory or in the codec's, valid until the next call.
    func encode(_ batch: BatchBuffer, _ header: inout BatchHeader, at position: BatchHeader.Position) -> (
        bytes: UnsafeRawBufferPointer, crc: UInt32
    ) {
        header.rawBytes = UInt32(batch.payloadBytes)
        let count = batch.count
        // The tag behind the records is no part of them.
        defer { batch.truncate(to: count) }
        var stored = batch
        if compress(batch) {
            header.compression = 1
            stored = scratch
        }
        header.storedBytes = UInt32(stored.payloadBytes)
        if let cipher, !batch.isEmpty { seal(stored, &header, cipher, at: position) }
        header.payloadCRC = crc32c(stored.payload)
        let bytes = stored.padded()
        batch.storedBytes = bytes.count
        return (bytes, header.encode(into: stored.memory, at: position))
    }

    /// Worth it only if a block less is written: small commits cost no CPU.
    private func compress(_ batch: BatchBuffer) -> Bool {
        let blocks = LogLimits.roundedToBlock(batch.count + overheadBytes)
        guard blocks > LogLimits.blockBytes else { return false }
        let room = blocks - LogLimits.blockBytes - BatchHeader.encodedBytes - overheadBytes
        scratch.reset()
        let place = UnsafeMutableRawBufferPointer(start: scratch.append(room), count: room)
        guard let count = LZ4.compress(batch.payload, into: place) else { return false }
        scratch.truncate(to: BatchHeader.encodedBytes + count)
        return true
    }

    /// The header is authenticated with the payload, all but the two checksums.
    private func seal(
        _ stored: BatchBuffer,
        _ header: inout BatchHeader,
        _ cipher: BatchCipher,
        at position: BatchHeader.Position
    ) {
        let plain = stored.payloadBytes
        _ = stored.append(BatchCipher.overheadBytes)
        header.storedBytes = UInt32(stored.payloadBytes)
        let place = UnsafeMutableRawBufferPointer(
            start: stored.memory + BatchHeader.encodedBytes,
            count: stored.payloadBytes
        )
        // The nonce is made over header and content, then becomes part of the header.
        header.contentNonce = 0
        header.contentNonce = Self.withAuthenticated(header) { cipher.contentNonce($0, UnsafeRawBufferPointer(place).part(0, plain)) }
        Self.withAuthenticated(header) { authenticated in
            cipher.seal(
                place,
                plaintextBytes: plain,
                authenticating: authenticated,
                batch: header.number,
                contentNonce: header.contentNonce
            )
        }
    }

    private static func withAuthenticated<R>(_ header: BatchHeader, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        var header = header
        header.payloadCRC = 0
        return withUnsafeTemporaryAllocation(byteCount: BatchHeader.encodedBytes, alignment: 8) { place in
            if let base = place.baseAddress {
                header.encode(into: base, at: .init(segment: .none, offset: 0))
            }
            return body(UnsafeRawBufferPointer(place).part(0, BatchHeader.crcOffset))
        }
    }

    enum Failure: Error, Equatable {
        /// Sound checksums around content that makes no sense (R15).
        case senseless(String)
        case needsVersion(String)
    }

    /// The records of a batch whose payload checksum is right: in place, or in the codec's memory until the next call.
    func decode(_ stored: UnsafeRawBufferPointer, _ header: BatchHeader) throws(Failure) -> UnsafeRawBufferPointer {
        try Self.requireKnown(header)
        var plain = stored
        if let cipher, header.recordCount > 0 { plain = try open(stored, header, cipher) }
        guard header.compression == 1 else {
            guard plain.count == header.rawBytes else {
                throw .senseless("raw and stored lengths differ without compression")
            }
            return plain
        }
        return try decompress(plain, Int(header.rawBytes))
    }

    /// What a header alone says about the way in which its records are stored.
    static func requireKnown(_ header: BatchHeader) throws(Failure) {
        guard header.compression <= 1 else { throw .needsVersion("batch compression \(header.compression)") }
        guard header.rawBytes <= LogLimits.maximumBatchBytes else {
            throw .senseless("\(header.rawBytes) bytes of records in one batch")
        }
    }

    private var opened = BatchBuffer(capacity: LogLimits.blockBytes)

    private func open(_ stored: UnsafeRawBufferPointer, _ header: BatchHeader, _ cipher: BatchCipher) throws(Failure)
        -> UnsafeRawBufferPointer
    {
        guard stored.count >= BatchCipher.overheadBytes else { throw .senseless("a sealed batch without its tag") }
        opened.reset()
        let place = UnsafeMutableRawBufferPointer(start: opened.append(stored.count), count: stored.count)
        place.copyMemory(from: stored)
        let isGenuine = Self.withAuthenticated(header) { authenticated in
            cipher.open(
                place,
                authenticating: authenticated,
                batch: header.number,
                contentNonce: header.contentNonce
            )
        }
        guard isGenuine else { throw .senseless("the batch does not open with its key") }
        return UnsafeRawBufferPointer(place).part(0, stored.count - BatchCipher.overheadBytes)
    }

    private func decompress(_ block: UnsafeRawBufferPointer, _ bytes: Int) throws(Failure) -> UnsafeRawBufferPointer {
        scratch.reset()
        let place = UnsafeMutableRawBufferPointer(start: scratch.append(bytes), count: bytes)
        guard LZ4.decompress(block, into: place) else { throw .senseless("the compressed records do not unpack") }
        return UnsafeRawBufferPointer(place)
    }
}
