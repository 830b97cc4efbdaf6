import Storage

/// A strict reader of one JSON text. Numbers are whole and not negative: this tool writes no others.
extension JSON {
    /// Objects in objects, at most.
    static let maximumDepth = 32

    /// nil: not JSON, or with a number that this tool doesn't write.
    init?(parsing bytes: Bytes) {
        let value = bytes.withUnsafeBytes { bytes -> JSON? in
            var reader = JSONReader(bytes: bytes)
            guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
            return value
        }
        guard let value else { return nil }
        self = value
    }

    /// A member of an object.
    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == name }?.1
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var integer: UInt64? { if case .number(let number) = self { number } else { nil } }
    var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
}

private struct JSONReader {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    var isAtEnd: Bool {
        mutating get {
            skipBlanks()
            return offset == bytes.count
        }
    }

    mutating func value(depth: Int) -> JSON? {
        skipBlanks()
        guard depth < JSON.maximumDepth, offset < bytes.count else { return nil }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map(JSON.string)
        case UInt8(ascii: "t"): return word("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return word("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return word("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func skipBlanks() {
        while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func word(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - offset >= count else { return false }
        for index in 0..<count where bytes[offset + index] != text.utf8Start[index] { return false }
        offset += count
        return true
    }

    private mutating func object(_ depth: Int) -> JSON? {
        guard take("{") else { return nil }
        var members: [(String, JSON)] = []
        if take("}") { return .object(members) }
        repeat {
            skipBlanks()
            guard let name = string(), take(":"), let value = value(depth: depth + 1) else { return nil }
            members.append((name, value))
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array(_ depth: Int) -> JSON? {
        guard take("[") else { return nil }
        var elements: [JSON] = []
        if take("]") { return .array(elements) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            elements.append(value)
        } while take(",")
        return take("]") ? .array(elements) : nil
    }

    private mutating func number() -> JSON? {
        let start = offset
        var value: UInt64 = 0
        while offset < bytes.count, case 0x30...0x39 = bytes[offset] {
            let (tens, first) = value.multipliedReportingOverflow(by: 10)
            let (sum, second) = tens.addingReportingOverflow(UInt64(bytes[offset] - 0x30))
            guard !first, !second else { return nil }
            value = sum
            offset += 1
        }
        let digits = offset - start
        return digits > 0 && (digits == 1 || bytes[start] != 0x30) ? .number(value) : nil
    }

    private mutating func string() -> String? {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { return nil }
        offset += 1
        var text: [UInt8] = []
        while offset < bytes.count {
            let start = offset
            while offset < bytes.count, bytes[offset] >= 0x20, bytes[offset] != 0x22, bytes[offset] != 0x5C {
                offset += 1
            }
            text += bytes[start..<offset]
            guard offset < bytes.count else { return nil }
            if take("\"") { return String(validating: text, as: UTF8.self) }
            guard bytes[offset] == 0x5C, let character = escaped() else { return nil }
            text += Array(String(character).utf8)
        }
        return nil
    }

    private mutating func escaped() -> Unicode.Scalar? {
        guard bytes.count - offset >= 2 else { return nil }
        let kind = bytes[offset + 1]
        offset += 2
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "u"): return codePoint()
        default: return nil
        }
    }

    private mutating func codePoint() -> Unicode.Scalar? {
        guard let high = unit() else { return nil }
        guard (0xD800..<0xDC00).contains(high) else { return Unicode.Scalar(high) }
        guard word("\\u"), let low = unit(), (0xDC00..<0xE000).contains(low) else { return nil }
        return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    }

    private mutating func unit() -> UInt32? {
        guard bytes.count - offset >= 4 else { return nil }
        var value: UInt32 = 0
        for index in 0..<4 {
            let scalar = Unicode.Scalar(bytes[offset + index])
            guard scalar.isASCII, let digit = Character(scalar).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        offset += 4
        return value
    }
}
