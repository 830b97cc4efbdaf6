import Storage

/// What the process that reads a snapshot tells the one that asked: header, key, value.
///
/// | offset | size | field, little-endian |
/// |---:|---:|---|
/// | 0 | 1 | kind |
/// | 1 | 1 | zero |
/// | 2 | 2 | table |
/// | 4 | 4 | bytes of the key |
/// | 8 | 8 | LSN, or a number |
/// | 16 | 4 | bytes of the value |
struct ChildFrame {
    enum Kind: UInt8 {
        /// The value is JSON: what the snapshot says of itself.
        case facts = 1
        case row
        /// A damaged row; the value is the reason, the number 1 if its checksum is right.
        case damaged
        /// Rows read so far, in place of them.
        case progress
        /// The value is JSON: what is wrong between snapshot and log.
        case refusal
        /// The value is JSON: the replay's result.
        case replay
        /// The value is JSON: why the walk ended early.
        case failure
        /// The walk ended; the number is 1 if digest and counts are right, 0 if not, or `overtaken`.
        case end
    }

    /// At each attempt an engine took a checkpoint meanwhile: digest and counts are of no moment.
    static let overtaken: UInt64 = 2

    static let headerBytes = 20
    /// A row and its key.
    static let maximumBytes = 128 << 20

    var kind: Kind
    var table = TableID(rawValue: 0)
    var number: UInt64 = 0
    var key = Bytes()
    var value = Bytes()

    var header: Bytes {
        var bytes = Bytes([kind.rawValue, 0])
        withUnsafeBytes(of: table.rawValue.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(key.count).littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(value.count).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    func write(to console: Console) throws {
        for part in [header, key, value] { try part.withUnsafeBytes { try console.write($0) } }
        // A process that is ended by the next page takes nothing with it that it has read.
        try console.finish()
    }

    /// nil: what stands there is no frame.
    init?(header: Bytes, body: (Int) -> Bytes?) {
        func integer(_ offset: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(header[offset + $1]) << (8 * $1) }
        }
        guard header.count == Self.headerBytes, let kind = Kind(rawValue: header[0]) else { return nil }
        let sizes = (Int(integer(4, 4)), Int(integer(16, 4)))
        guard sizes.0 + sizes.1 <= Self.maximumBytes, let key = body(sizes.0), let value = body(sizes.1) else {
            return nil
        }
        self.init(
            kind: kind,
            table: TableID(rawValue: UInt16(integer(2, 2))),
            number: integer(8, 8),
            key: key,
            value: value
        )
    }

    init(kind: Kind, table: TableID = TableID(rawValue: 0), number: UInt64 = 0, key: Bytes = [], value: Bytes = []) {
        self.kind = kind
        self.table = table
        self.number = number
        self.key = key
        self.value = value
    }

    init(_ kind: Kind, _ json: JSON) {
        self.init(kind: kind, value: Bytes(json.line.utf8))
    }
}
