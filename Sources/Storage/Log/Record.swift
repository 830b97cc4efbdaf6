import Glibc

/// Kinds of records: results only, generic, so that the log knows nothing of iii (storage.md §5.5, I8).
enum RecordKind {
    static let put: UInt8 = 1
    static let delete: UInt8 = 2
    static let trim: UInt8 = 3
    static let note: UInt8 = 4
    /// Kinds with this bit may be skipped by a version that does not know them.
    static let ignorable: UInt8 = 0x80
    static let version: UInt16 = 1
}

/// `u32 body bytes | u8 kind | u8 flags | u16 kind version`, little-endian.
struct RecordHeader {
    static let encodedBytes = 8

    struct Flags: OptionSet {
        let rawValue: UInt8
        static let sameTransactionAsNext = Flags(rawValue: 1)
        /// The body begins with `u16 length | UTF-8`: who did this and what follows in the same transaction.
        static let hasOrigin = Flags(rawValue: 2)
        static let known: Flags = [.sameTransactionAsNext, .hasOrigin]
    }
}

/// One decoded record. Buffers are views into the batch and die with it.
enum Record {
    case put(TableID, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
    case delete(TableID, key: UnsafeRawBufferPointer)
    case trim(TableID, from: UnsafeRawBufferPointer, upTo: UnsafeRawBufferPointer)
    /// A note, or an unknown kind that may be ignored.
    case ignored(kind: UInt8)
}

/// Encodes records into an open batch.
extension BatchBuffer {
    @inline(__always)
    private func beginRecord(_ kind: UInt8, bodyBytes: Int, origin: Bytes?) -> UnsafeMutableRawPointer {
        let prefix = origin.map { 2 + $0.count } ?? 0
        let start = append(RecordHeader.encodedBytes + prefix + bodyBytes)
        start.storeLittle(UInt32(prefix + bodyBytes), at: 0)
        start.storeLittle(kind, at: 4)
        start.storeLittle(origin == nil ? 0 : RecordHeader.Flags.hasOrigin.rawValue, at: 5)
        start.storeLittle(RecordKind.version, at: 6)
        recordCount += 1
        guard let origin else { return start + RecordHeader.encodedBytes }
        start.storeLittle(UInt16(origin.count), at: RecordHeader.encodedBytes)
        copy(origin, to: start + RecordHeader.encodedBytes + 2)
        return start + RecordHeader.encodedBytes + prefix
    }

    @inline(__always)
    private func copy(_ bytes: Bytes, to place: UnsafeMutableRawPointer) {
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { memcpy(place, base, source.count) }
        }
    }

    func encodePut(_ table: TableID, key: Bytes, value: Bytes, origin: Bytes?) {
        let body = beginRecord(RecordKind.put, bodyBytes: Self.putBytes(key.count, value.count), origin: origin)
        body.storeLittle(table.rawValue, at: 0)
        body.storeLittle(UInt32(key.count), at: 2)
        copy(key, to: body + 6)
        body.storeLittle(UInt32(value.count), at: 6 + key.count)
        copy(value, to: body + 10 + key.count)
    }

    func encodeDelete(_ table: TableID, key: Bytes, origin: Bytes?) {
        let body = beginRecord(RecordKind.delete, bodyBytes: 6 + key.count, origin: origin)
        body.storeLittle(table.rawValue, at: 0)
        body.storeLittle(UInt32(key.count), at: 2)
        copy(key, to: body + 6)
    }

    func encodeTrim(_ table: TableID, from: Bytes, upTo: Bytes, origin: Bytes?) {
        let body = beginRecord(RecordKind.trim, bodyBytes: 10 + from.count + upTo.count, origin: origin)
        body.storeLittle(table.rawValue, at: 0)
        body.storeLittle(UInt32(from.count), at: 2)
        copy(from, to: body + 6)
        body.storeLittle(UInt32(upTo.count), at: 6 + from.count)
        copy(upTo, to: body + 10 + from.count)
    }

    func encodeNote(_ text: Bytes, origin: Bytes?) {
        let body = beginRecord(RecordKind.note, bodyBytes: 4 + text.count, origin: origin)
        body.storeLittle(UInt32(text.count), at: 0)
        copy(text, to: body + 4)
    }

    /// Marks the record that starts at `offset` as followed by another of its transaction.
    func markSameTransaction(recordAt offset: Int) {
        let flags = memory + offset + 5
        flags.storeBytes(
            of: flags.load(as: UInt8.self) | RecordHeader.Flags.sameTransactionAsNext.rawValue,
            as: UInt8.self
        )
    }

    static func putBytes(_ key: Int, _ value: Int) -> Int { 10 + key + value }
}
