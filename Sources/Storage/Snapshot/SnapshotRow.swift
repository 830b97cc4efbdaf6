import Glibc

/// A row of the snapshot: key `u16 table big-endian | key`, value `16-byte envelope | payload` (storage.md §5.9).
///
/// | offset | size | field of the envelope, little-endian |
/// |---:|---:|---|
/// | 0 | 1 | version = 1 |
/// | 1 | 1 | compression of the value: 0 none, 1 LZ4 block behind a u32 raw length |
/// | 2 | 1 | encryption: 0 none, 1 a u64 key id, then the (compressed) value as `SnapshotCipher` seals it |
/// | 3 | 1 | zero |
/// | 4 | 4 | CRC32C over bytes 0..<4, row key, LSN and the payload as stored |
/// | 8 | 8 | LSN of the record that wrote it |
///
/// LMDB has no checksums of its own: a row's is verified with every read.
struct SnapshotEnvelope: Equatable {
    static let encodedBytes = 16
    static let version: UInt8 = 1

    var isCompressed: Bool
    var isEncrypted: Bool
    /// Set by `seal`.
    var checksum: UInt32 = 0
    var lsn: UInt64

    func encode(into place: UnsafeMutableRawPointer) {
        place.storeLittle(kinds, at: 0)
        place.storeLittle(checksum, at: 4)
        place.storeLittle(lsn, at: 8)
    }

    /// Bytes 0..<4 as a little-endian number.
    private var kinds: UInt32 {
        UInt32(Self.version) | (isCompressed ? 1 << 8 : 0) | (isEncrypted ? 1 << 16 : 0)
    }

    private func computedChecksum(key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) -> UInt32 {
        Self.checksum(kinds: kinds, key: key, lsn: lsn, payload: payload)
    }

    static func checksum(kinds: UInt32, key: UnsafeRawBufferPointer, lsn: UInt64, payload: UnsafeRawBufferPointer)
        -> UInt32
    {
        var words = (kinds.littleEndian, UInt32(truncatingIfNeeded: lsn).littleEndian, UInt32(lsn >> 32).littleEndian)
        let start = withUnsafeBytes(of: &words) { crc32c($0, continuing: crc32c(key)) }
        return crc32c(payload, continuing: start)
    }

    mutating func seal(key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) {
        checksum = computedChecksum(key: key, payload: payload)
    }

    enum Reading: Equatable {
        case valid(SnapshotEnvelope)
        case invalid(String)
        case needsVersion(String)
    }

    /// Only the fields; `isSound` looks at the checksum of those that are known.
    ///
    /// Unknown ones are a newer version's only if the checksum around them is right: else a bit has turned.
    static func read(_ value: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Reading {
        guard value.count >= encodedBytes else { return .invalid("shorter than its envelope") }
        let version = value.loadLittle(UInt8.self, at: 0)
        let compression = value.loadLittle(UInt8.self, at: 1)
        let encryption = value.loadLittle(UInt8.self, at: 2)
        let reserved = value.loadLittle(UInt8.self, at: 3)
        let envelope = SnapshotEnvelope(
            isCompressed: compression == 1,
            isEncrypted: encryption == 1,
            checksum: value.loadLittle(UInt32.self, at: 4),
            lsn: value.loadLittle(UInt64.self, at: 8)
        )
        guard version == Self.version, compression <= 1, encryption <= 1, reserved == 0 else {
            let stored = checksum(
                kinds: value.loadLittle(UInt32.self, at: 0),
                key: key,
                lsn: envelope.lsn,
                payload: value.part(encodedBytes, value.count - encodedBytes)
            )
            guard stored == envelope.checksum else {
                return .invalid("the checksum of a row does not match (LSN \(envelope.lsn))")
            }
            return .needsVersion("row version \(version), compression \(compression), encryption \(encryption)")
        }
        return .valid(envelope)
    }

    func isSound(key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) -> Bool {
        checksum == computedChecksum(key: key, payload: payload)
    }
}

/// Row keys: one tree for all tables, so that a checkpoint is one walk in key order.
enum SnapshotKey {
    static let tableBytes = 2
    /// LMDB takes keys of up to 511 bytes.
    static let maximumBytes = 511
    /// Before all tables: the tree's last key is the last table's, so that rows added behind it fill their pages.
    static let checkpointTable = TableID(rawValue: 0)
    static let checkpointRow = Array("checkpoint".utf8)

    static func make(_ table: TableID, _ key: some Collection<UInt8>) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(tableBytes + key.count)
        bytes.append(UInt8(table.rawValue >> 8))
        bytes.append(UInt8(truncatingIfNeeded: table.rawValue))
        bytes.append(contentsOf: key)
        return bytes
    }

    /// Not before the first row key behind a table.
    static func end(of table: TableID) -> Bytes {
        guard table.rawValue < .max else { return Bytes(repeating: 0xFF, count: maximumBytes) }
        return make(TableID(rawValue: table.rawValue + 1), [])
    }

    static func table(of key: UnsafeRawBufferPointer) -> TableID? {
        guard key.count >= tableBytes else { return nil }
        return TableID(rawValue: UInt16(key[0]) << 8 | UInt16(key[1]))
    }
}
