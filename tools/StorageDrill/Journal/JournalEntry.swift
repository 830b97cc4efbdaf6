import CRecorder

/// One entry of a recorder's journal. What the fields mean for each kind: `recorder.h`.
public struct JournalEntry: Sendable, Equatable {
    public enum Kind: UInt16, Sendable {
        case begin = 1
        case open, write, writeEnd, truncate, allocate, syncBegin, syncEnd, syncRange
        case rename, unlink, makeDirectory, removeDirectory, link
        case mark, stopped
    }

    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        public static let created = Flags(rawValue: 1)
        public static let truncated = Flags(rawValue: 2)
        public static let directory = Flags(rawValue: 4)
        public static let inProgress = Flags(rawValue: 8)
        public static let zeros = Flags(rawValue: 16)
        public static let direct = Flags(rawValue: 32)
        public static let dataOnly = Flags(rawValue: 64)
    }

    public var kind: Kind
    public var flags: Flags
    /// Within its process; 0 for a mark from outside.
    public var sequence: UInt64
    public var node: UInt64
    public var value: UInt64
    public var length: UInt64
    public var result: Int64
    public var mode: UInt64
    public var path: String
    public var target: String
    /// Where the bytes stand in the journal.
    public var data: Range<Int>
}

extension JournalEntry {
    static let headerBytes = MemoryLayout<iii_record_header>.size

    /// nil: no whole entry stands here.
    init?(_ bytes: UnsafeRawBufferPointer, at start: Int, end: inout Int) {
        guard bytes.count - start >= Self.headerBytes else { return nil }
        let header = bytes.loadUnaligned(fromByteOffset: start, as: iii_record_header.self)
        guard header.magic == UInt32(iii_record_magic), let kind = Kind(rawValue: header.kind) else { return nil }
        let names = Int(header.path_bytes) + Int(header.target_bytes)
        guard let dataBytes = Int(exactly: header.data_bytes), dataBytes <= bytes.count,
            Self.headerBytes + names + dataBytes <= bytes.count - start
        else { return nil }
        let firstName = start + Self.headerBytes
        let secondName = firstName + Int(header.path_bytes)
        let firstByte = firstName + names
        end = start + (Self.headerBytes + names + dataBytes + 7) / 8 * 8
        guard end <= bytes.count else { return nil }
        self.init(
            kind: kind,
            flags: Flags(rawValue: header.flags),
            sequence: header.sequence,
            node: header.node,
            value: header.value,
            length: header.length,
            result: header.result,
            mode: header.mode,
            path: String(decoding: bytes[firstName..<secondName], as: UTF8.self),
            target: String(decoding: bytes[secondName..<firstByte], as: UTF8.self),
            data: firstByte..<firstByte + dataBytes
        )
    }
}

extension JournalEntry: CustomStringConvertible {
    public var description: String {
        var text = "\(kind)"
        if node != 0 { text += " node \(node)" }
        if !path.isEmpty { text += " \(path)" }
        if !target.isEmpty { text += " to \(target)" }
        switch kind {
        case .write, .allocate, .syncRange: text += " [\(value), +\(length)]"
        case .truncate, .mark, .writeEnd, .syncEnd: text += " \(value)"
        default: break
        }
        if flags.contains(.created) { text += " created" }
        if flags.contains(.inProgress) { text += " durable at its end" }
        return text
    }
}
