import Glibc

/// Turns values into what a snapshot row holds and back: checksum, compression.
///
/// Not thread-safe: one for readers, one for the writer.
final class SnapshotCodec {
    struct Payload {
        var bytes: Bytes
        var isCompressed = false
        var isEncrypted = false

        /// Writes envelope and payload to where the row stands.
        func fill(_ place: UnsafeMutableRawPointer, key: Bytes, lsn: UInt64) -> SnapshotEnvelope {
            bytes.withUnsafeBytes { bytes in
                let checksum = key.withUnsafeBytes { SnapshotEnvelope.checksum(key: $0, lsn: lsn, payload: bytes) }
                let envelope = SnapshotEnvelope(
                    isCompressed: isCompressed,
                    isEncrypted: isEncrypted,
                    checksum: checksum,
                    lsn: lsn
                )
                envelope.encode(into: place)
                if let base = bytes.baseAddress {
                    memcpy(place + SnapshotEnvelope.encodedBytes, base, bytes.count)
                }
                return envelope
            }
        }
    }

    private let options: SnapshotOptions

    init(_ options: SnapshotOptions) {
        self.options = options
    }

    func encode(_ value: Bytes, key: Bytes, lsn: UInt64) -> Payload {
        Payload(bytes: value)
    }

    /// The plain value: in place, or in `scratch`, then valid until that changes.
    func decode(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        into scratch: SnapshotScratch,
        path: String
    ) throws(StorageError) -> SnapshotValue {
        let envelope: SnapshotEnvelope
        switch SnapshotEnvelope.read(value) {
        case .valid(let found): envelope = found
        case .invalid(let reason): throw .snapshotDamaged(path, reason)
        case .needsVersion(let what):
            throw .newerWriter(at: StorageError.Spot(path: path, segment: .none, offset: 0), what)
        }
        let payload = value.part(SnapshotEnvelope.encodedBytes, value.count - SnapshotEnvelope.encodedBytes)
        guard envelope.isSound(key: key, payload: payload) else {
            throw .snapshotDamaged(path, "the checksum of a row does not match (LSN \(envelope.lsn))")
        }
        return SnapshotValue(bytes: payload, lsn: envelope.lsn)
    }
}

/// Memory for values that are not stored as they are.
final class SnapshotScratch {
    var place: AlignedBytes?
}
