/// Reads the records of one raw payload, front to back. Every length is checked against what is left.
struct RecordReader {
    /// The payload is not what a sound writer writes (R15), or needs a newer version (R14).
    enum Failure: Error, Equatable {
        case malformed(String)
        case needsVersion(String)
    }

    private let payload: UnsafeRawBufferPointer
    private var offset = 0
    /// The last record said that its transaction goes on.
    private(set) var isInsideTransaction = false
    /// The origin of the last record, if it carried one itself.
    private(set) var origin: UnsafeRawBufferPointer?
    /// The text of the last record, if it was a note.
    private(set) var note: UnsafeRawBufferPointer?

    init(_ payload: UnsafeRawBufferPointer) {
        self.payload = payload
    }

    /// The next record, nil at the end.
    mutating func next() throws(Failure) -> Record? {
        guard offset < payload.count else {
            if isInsideTransaction { throw .malformed("the last transaction is not complete") }
            return nil
        }
        guard payload.count - offset >= RecordHeader.encodedBytes else { throw .malformed("half a record header") }
        let bodyBytes = Int(payload.loadLittle(UInt32.self, at: offset))
        let kind = payload.loadLittle(UInt8.self, at: offset + 4)
        let flags = RecordHeader.Flags(rawValue: payload.loadLittle(UInt8.self, at: offset + 5))
        let version = payload.loadLittle(UInt16.self, at: offset + 6)
        offset += RecordHeader.encodedBytes
        guard bodyBytes <= payload.count - offset else { throw .malformed("a record reaches beyond its batch") }
        var body = Body(payload.part(offset, bodyBytes))
        offset += bodyBytes
        note = nil
        isInsideTransaction = flags.contains(.sameTransactionAsNext)
        if kind & RecordKind.ignorable != 0 { return .ignored(kind: kind) }
        guard RecordHeader.Flags.known.isSuperset(of: flags) else {
            throw .needsVersion("record flags \(flags.rawValue)")
        }
        guard version == RecordKind.version else { throw .needsVersion("record kind \(kind) version \(version)") }
        origin = flags.contains(.hasOrigin) ? try body.short() : nil
        return try decode(kind, &body)
    }

    private mutating func decode(_ kind: UInt8, _ body: inout Body) throws(Failure) -> Record {
        let record: Record
        switch kind {
        case RecordKind.put:
            let table = try body.table()
            let key = try body.blob()
            record = .put(table, key: key, value: try body.blob())
        case RecordKind.delete:
            record = .delete(try body.table(), key: try body.blob())
        case RecordKind.trim:
            let table = try body.table()
            let from = try body.blob()
            record = .trim(table, from: from, upTo: try body.blob())
        case RecordKind.note:
            note = try body.blob()
            record = .ignored(kind: kind)
        default:
            throw .needsVersion("record kind \(kind)")
        }
        guard body.isAtEnd else { throw .malformed("a record of kind \(kind) has bytes left over") }
        return record
    }

    /// The fields of one record's body.
    private struct Body {
        let bytes: UnsafeRawBufferPointer
        var offset = 0

        init(_ bytes: UnsafeRawBufferPointer) {
            self.bytes = bytes
        }

        var isAtEnd: Bool { offset == bytes.count }

        mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(Failure) -> T {
            guard bytes.count - offset >= MemoryLayout<T>.size else { throw .malformed("a record body ends early") }
            defer { offset += MemoryLayout<T>.size }
            return bytes.loadLittle(type, at: offset)
        }

        mutating func table() throws(Failure) -> TableID {
            TableID(rawValue: try integer(UInt16.self))
        }

        mutating func blob() throws(Failure) -> UnsafeRawBufferPointer {
            try take(Int(try integer(UInt32.self)))
        }

        mutating func short() throws(Failure) -> UnsafeRawBufferPointer {
            try take(Int(try integer(UInt16.self)))
        }

        private mutating func take(_ length: Int) throws(Failure) -> UnsafeRawBufferPointer {
            guard length <= bytes.count - offset else { throw .malformed("a field reaches beyond its record") }
            defer { offset += length }
            return bytes.part(offset, length)
        }
    }
}
