/// Appends JSON text to a byte array. Commas come by themselves; that the calls fit together is the caller's part.
///
/// Strings are escaped as serde_json does: `"`, `\`, `\b \f \n \r \t`, other control characters as `\u00XX`; `/` and
/// everything outside ASCII as it is.
public struct JSONWriter {
    /// How the text is laid out.
    public enum Layout: Sendable {
        case compact
        /// Two spaces per level, one member or element a line.
        case pretty
    }

    /// What has been written so far.
    public var bytes: [UInt8]
    private let isPretty: Bool
    private var level = 0
    /// Whether a value stands before this place in the same container.
    private var needsComma = false
    /// Whether a key stands before this place: its value goes on the same line.
    private var followsKey = false

    public init(_ layout: Layout = .compact, reservingCapacity capacity: Int = 0) {
        self.init(appendingTo: [], layout)
        bytes.reserveCapacity(capacity)
    }

    /// Writes behind what `bytes` holds, as if nothing stood there.
    public init(appendingTo bytes: consuming [UInt8], _ layout: Layout = .compact) {
        self.bytes = bytes
        isPretty = layout == .pretty
    }

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    public mutating func key(_ key: StaticString) {
        separate()
        key.withUTF8Buffer { writeString(UnsafeRawBufferPointer($0)) }
        writeColon()
    }

    public mutating func key(_ key: String) {
        separate()
        key.withBytes { writeString($0) }
        writeColon()
    }

    /// JSON text that is spliced in untouched.
    public mutating func raw(_ text: UnsafeRawBufferPointer) {
        separate()
        bytes.append(contentsOf: text)
    }

    /// JSON text that is spliced in untouched.
    public mutating func raw(_ text: [UInt8]) {
        separate()
        bytes.append(contentsOf: text)
    }

    public mutating func string(_ text: String) {
        separate()
        text.withBytes { writeString($0) }
    }

    public mutating func integer(_ value: some FixedWidthInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
    public mutating func null() { literal("null") }

    /// A whole tree.
    public mutating func value(_ json: JSON) {
        switch json {
        case .null: null()
        case .bool(let value): bool(value)
        case .number(let number):
            separate()
            number.text.withBytes { bytes.append(contentsOf: $0) }
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for (key, member) in object {
                self.key(key)
                value(member)
            }
            endObject()
        }
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func begin(_ opening: UInt8) {
        separate()
        bytes.append(opening)
        level += 1
        needsComma = false
    }

    private mutating func end(_ closing: UInt8) {
        level -= 1
        // Empty containers stay on one line.
        if isPretty, needsComma { breakLine() }
        bytes.append(closing)
        needsComma = true
    }

    private mutating func writeColon() {
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
        followsKey = true
    }

    /// What stands between this value or key and what came before.
    private mutating func separate() {
        if followsKey {
            followsKey = false
        } else {
            if needsComma { bytes.append(UInt8(ascii: ",")) }
            if isPretty, level > 0 { breakLine() }
        }
        needsComma = true
    }

    private mutating func breakLine() {
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
    }
}

// MARK: - Strings

extension JSONWriter {
    private mutating func writeString(_ text: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        var written = 0
        while true {
            let stop = Self.firstEscaped(text, from: written)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[written..<stop]))
            guard stop < text.count else { break }
            writeEscape(text[stop])
            written = stop + 1
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Position of the next byte that must be escaped, or the end.
    private static func firstEscaped(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var position = start
        while position &+ JSONBytes.wordBytes <= text.count {
            let marks = JSONBytes.marksOfEscaped(text.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            if marks != 0 { return position &+ JSONBytes.firstMark(marks) }
            position &+= JSONBytes.wordBytes
        }
        while position < text.count, !text[position].mustBeEscaped { position &+= 1 }
        return position
    }

    private mutating func writeEscape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(Self.hexDigit(byte &>> 4))
            bytes.append(Self.hexDigit(byte & 0xF))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension UInt8 {
    fileprivate var mustBeEscaped: Bool {
        self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}
