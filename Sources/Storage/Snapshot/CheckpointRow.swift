/// Where in the log a checkpoint ends: all that recovery needs to go on from there.
struct CheckpointPosition: Equatable, Sendable {
    /// Every record before it is in the snapshot.
    var end: LogEnd
    /// Nanoseconds since 1970; informational.
    var createdAt: UInt64

    var lsn: LSN { end.lastLSN }
}

/// What a snapshot says of itself: a row of its own, written in the same transaction as the data (storage.md §5.9).
///
/// | offset | size | field, little-endian |
/// |---:|---:|---|
/// | 0 | 4 | magic "IICP" |
/// | 4 | 2+2 | format major = 2, minor |
/// | 8 | 16 | store id |
/// | 24 | 8 | LSN |
/// | 32 | 8 | batch number |
/// | 40 | 8 | segment number |
/// | 48 | 8 | end offset of that batch in the segment |
/// | 56 | 8 | its first byte |
/// | 64 | 8 | epoch of the segment |
/// | 72 | 4 | checksum field of that batch's header |
/// | 76 | 4 | number of tables |
/// | 80 | 8 | generation: +1 with every checkpoint |
/// | 88 | 8 | digest of all rows |
/// | 96 | 8 | id of the encryption key that rows are sealed with now, 0: none |
/// | 104 | 8 | creation time |
/// | 112 | 16 each | table number u64, rows u64, ascending |
/// | then | 4 | flags: 1 = an authentication code follows |
/// | | 4 | number of further keys |
/// | | 8 | from this segment on, headers are authenticated; 0: not known |
/// | | 8 each | ids of further keys that rows may be sealed with, 0: rows may be plain |
/// | | 0 or 32 | HMAC-SHA256 of everything before, under the key of byte 96 (docs/encryption.md) |
/// | end | 4 | CRC32C of everything before |
///
/// Major 1 has nothing between the tables and the checksum: it is read, not written.
struct CheckpointRow: Equatable, Sendable {
    static let magic: [UInt8] = [0x49, 0x49, 0x43, 0x50]
    static let major: UInt16 = 2
    static let olderMajor: UInt16 = 1
    static let minor: UInt16 = 0
    static let fixedBytes = 112
    static let trustBytes = 16
    static let codeFlag: UInt32 = 1
    /// Rotations that were each given up halfway.
    static let maximumFurtherKeys = 64

    var store: StoreID
    var position: CheckpointPosition
    var generation: UInt64
    var digest: SnapshotDigest
    var keyID: UInt64
    /// Rows by table number; tables without rows are left out.
    var counts: [UInt16: UInt64]
    /// Further keys that rows may be sealed with, 0: rows may be plain. A rotation is not complete.
    var furtherKeys: [UInt64] = []
    var authenticatedFrom = SegmentNumber.none
    /// The row carries its authentication code. Whoever has the key has checked it (`LMDBSnapshot`).
    var isAuthenticated = false
    /// Of major 1.
    var isOlder = false

    var rows: UInt64 { counts.values.reduce(0, +) }

    /// - Parameter key: the one with the id `keyID`, if the row is to be authenticated.
    func encoded(key: EncryptionKey? = nil) -> Bytes {
        precondition(isAuthenticated == (key != nil) && key?.id.rawValue ?? keyID == keyID, "not the row's key")
        let numbers = counts.keys.filter { counts[$0] != 0 }.sorted()
        let trust = Self.fixedBytes + 16 * numbers.count
        let code = trust + Self.trustBytes + 8 * furtherKeys.count
        let length = code + (isAuthenticated ? Authenticator.codeBytes : 0)
        return Bytes(unsafeUninitializedCapacity: length + 4) { place, count in
            let bytes = UnsafeMutableRawBufferPointer(place)
            guard let base = bytes.baseAddress else { return }
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            encodeFields(base, tables: numbers.count)
            var offset = Self.fixedBytes
            for number in numbers {
                base.storeLittle(UInt64(number), at: offset)
                base.storeLittle(counts[number] ?? 0, at: offset + 8)
                offset += 16
            }
            encodeTrust(base + trust)
            if let key {
                Authenticator(key, .checkpoint, store).authenticate(
                    UnsafeRawBufferPointer(bytes).part(0, code),
                    into: UnsafeMutableRawBufferPointer(start: base + code, count: Authenticator.codeBytes)
                )
            }
            base.storeLittle(crc32c(UnsafeRawBufferPointer(bytes).part(0, length)), at: length)
            count = length + 4
        }
    }

    private func encodeTrust(_ place: UnsafeMutableRawPointer) {
        place.storeLittle(isAuthenticated ? Self.codeFlag : 0, at: 0)
        place.storeLittle(UInt32(furtherKeys.count), at: 4)
        place.storeLittle(authenticatedFrom.rawValue, at: 8)
        for (index, id) in furtherKeys.enumerated() { place.storeLittle(id, at: Self.trustBytes + 8 * index) }
    }

    private func encodeFields(_ base: UnsafeMutableRawPointer, tables: Int) {
        UnsafeMutableRawBufferPointer(start: base, count: 4).copyBytes(from: Self.magic)
        base.storeLittle(Self.major, at: 4)
        base.storeLittle(Self.minor, at: 6)
        base.storeLittle(store.low, at: 8)
        base.storeLittle(store.high, at: 16)
        base.storeLittle(position.lsn.rawValue, at: 24)
        base.storeLittle(position.end.lastBatch.rawValue, at: 32)
        base.storeLittle(position.end.segment.rawValue, at: 40)
        base.storeLittle(position.end.offset, at: 48)
        base.storeLittle(position.end.batchOffset, at: 56)
        base.storeLittle(position.end.epoch, at: 64)
        base.storeLittle(position.end.chain, at: 72)
        base.storeLittle(UInt32(tables), at: 76)
        base.storeLittle(generation, at: 80)
        base.storeLittle(digest.rawValue, at: 88)
        base.storeLittle(keyID, at: 96)
        base.storeLittle(position.createdAt, at: 104)
    }
}

/// What the bytes of a checkpoint row turned out to be.
enum CheckpointRowReading: Equatable {
    case valid(CheckpointRow)
    case invalid(String)
    /// Written by a newer version (R14).
    case needsVersion(String)
}

extension CheckpointRow {
    static func read(_ bytes: UnsafeRawBufferPointer) -> CheckpointRowReading {
        guard bytes.count >= fixedBytes + 4 else { return .invalid("shorter than a checkpoint row") }
        guard bytes.prefix(magic.count).elementsEqual(magic) else { return .invalid("wrong magic") }
        guard bytes.loadLittle(UInt32.self, at: bytes.count - 4) == crc32c(bytes.part(0, bytes.count - 4)) else {
            return .invalid("checksum does not match")
        }
        let major = bytes.loadLittle(UInt16.self, at: 4)
        guard major == Self.major || major == Self.olderMajor else { return .needsVersion("snapshot format \(major)") }
        let tables = Int(bytes.loadLittle(UInt32.self, at: 76))
        guard tables <= Int(UInt16.max) + 1 else { return .invalid("length does not match") }
        let trust = fixedBytes + 16 * tables
        var counts: [UInt16: UInt64] = [:]
        guard bytes.count >= trust + 4 else { return .invalid("length does not match") }
        for index in 0..<tables {
            let offset = fixedBytes + 16 * index
            let number = bytes.loadLittle(UInt64.self, at: offset)
            guard let table = UInt16(exactly: number) else { return .invalid("table \(number)") }
            counts[table] = bytes.loadLittle(UInt64.self, at: offset + 8)
        }
        var row = decodeFields(bytes, counts: counts)
        guard row.isCountable else { return .invalid("numbers that no store reaches") }
        guard major == Self.major else {
            row.isOlder = true
            return bytes.count == trust + 4 ? .valid(row) : .invalid("length does not match")
        }
        return decodeTrust(bytes.part(trust, bytes.count - trust - 4), &row)
    }

    /// Counting on from any number cannot overflow.
    private var isCountable: Bool {
        let end = position.end
        let numbers = [end.nextLSN.rawValue &- 1, end.lastBatch.rawValue, end.segment.rawValue, generation]
        let rows = LogLimits.maximumNumber / (UInt64(UInt16.max) + 1)
        return numbers.allSatisfy { $0 <= LogLimits.maximumNumber } && counts.values.allSatisfy { $0 <= rows }
            && max(end.offset, end.batchOffset) <= LogLimits.maximumNumber
    }

    private static func decodeTrust(_ bytes: UnsafeRawBufferPointer, _ row: inout CheckpointRow) -> CheckpointRowReading
    {
        guard bytes.count >= trustBytes else { return .invalid("length does not match") }
        let flags = bytes.loadLittle(UInt32.self, at: 0)
        guard flags & ~codeFlag == 0 else { return .needsVersion("snapshot flags \(flags)") }
        row.isAuthenticated = flags & codeFlag != 0
        let count = Int(bytes.loadLittle(UInt32.self, at: 4))
        let code = row.isAuthenticated ? Authenticator.codeBytes : 0
        guard count <= maximumFurtherKeys, bytes.count == trustBytes + 8 * count + code else {
            return .invalid("length does not match")
        }
        row.authenticatedFrom = SegmentNumber(rawValue: bytes.loadLittle(UInt64.self, at: 8))
        row.furtherKeys = (0..<count).map { bytes.loadLittle(UInt64.self, at: trustBytes + 8 * $0) }
        return .valid(row)
    }

    /// The bytes of an authenticated row are what the holder of the key wrote.
    func isGenuine(_ bytes: UnsafeRawBufferPointer, key: EncryptionKey) -> Bool {
        let code = bytes.count - 4 - Authenticator.codeBytes
        guard isAuthenticated, code >= Self.fixedBytes else { return false }
        return Authenticator(key, .checkpoint, store).isGenuine(
            bytes.part(0, code),
            code: bytes.part(code, Authenticator.codeBytes)
        )
    }

    private static func decodeFields(_ bytes: UnsafeRawBufferPointer, counts: [UInt16: UInt64]) -> CheckpointRow {
        let lsn = LSN(rawValue: bytes.loadLittle(UInt64.self, at: 24))
        let end = LogEnd(
            lastBatch: BatchNumber(rawValue: bytes.loadLittle(UInt64.self, at: 32)),
            chain: bytes.loadLittle(UInt32.self, at: 72),
            nextLSN: LSN(rawValue: lsn.rawValue &+ 1),
            segment: SegmentNumber(rawValue: bytes.loadLittle(UInt64.self, at: 40)),
            offset: bytes.loadLittle(UInt64.self, at: 48),
            batchOffset: bytes.loadLittle(UInt64.self, at: 56),
            epoch: bytes.loadLittle(UInt64.self, at: 64)
        )
        return CheckpointRow(
            store: StoreID(high: bytes.loadLittle(UInt64.self, at: 16), low: bytes.loadLittle(UInt64.self, at: 8)),
            position: CheckpointPosition(
                end: end,
                createdAt: bytes.loadLittle(UInt64.self, at: 104)
            ),
            generation: bytes.loadLittle(UInt64.self, at: 80),
            digest: SnapshotDigest(rawValue: bytes.loadLittle(UInt64.self, at: 88)),
            keyID: bytes.loadLittle(UInt64.self, at: 96),
            counts: counts
        )
    }
}

/// Sum over all rows of a number that depends on table, key, value and LSN: kept up to date row by row, and derived anew
/// by `verify --deep` (storage.md §5.9). The order of rows doesn't matter.
struct SnapshotDigest: Equatable, Sendable {
    private(set) var rawValue: UInt64 = 0

    init(rawValue: UInt64 = 0) {
        self.rawValue = rawValue
    }

    /// `checksum`: the row's own, over key and plain value.
    mutating func add(checksum: UInt32, lsn: UInt64) {
        rawValue &+= Self.term(checksum, lsn)
    }

    mutating func remove(checksum: UInt32, lsn: UInt64) {
        rawValue &-= Self.term(checksum, lsn)
    }

    /// Multiply-xorshift mixing (the finaliser of a 64-bit hash).
    private static func term(_ checksum: UInt32, _ lsn: UInt64) -> UInt64 {
        var x = UInt64(checksum) &* 0x9E37_79B9_7F4A_7C15 &+ lsn
        x = (x ^ (x >> 32)) &* 0xD6E8_FEB8_6659_FD93
        x = (x ^ (x >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return x ^ (x >> 32)
    }
}
