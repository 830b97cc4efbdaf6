/// Reading single tokens that a scan has reported.
extension JSONScanner {
    /// Decodes a string token (`token` includes the quotes), resolving escapes. Nil when it isn't a valid string token.
    public static func string(_ bytes: UnsafeRawBufferPointer, token: Range<Int>) -> String? {
        guard token.lowerBound >= 0, token.upperBound <= bytes.count, token.count >= 2 else { return nil }
        let text = UnsafeRawBufferPointer(rebasing: bytes[token])
        guard let base = text.baseAddress, text[0] == UInt8(ascii: "\"") else { return nil }
        var cursor = JSONCursor(base: base, count: text.count, position: 0)
        guard let hasEscapes = try? cursor.skipString(), cursor.position == text.count else { return nil }
        return decode(UnsafeRawBufferPointer(rebasing: text[1..<(text.count - 1)]), hasEscapes: hasEscapes)
    }

    /// The member's key as text.
    public static func key(_ bytes: UnsafeRawBufferPointer, of member: JSONMember) -> String {
        decode(UnsafeRawBufferPointer(rebasing: bytes[member.keyRange]), hasEscapes: member.keyHasEscapes)
    }

    /// Whether the member's key is `key`, in any spelling. Allocates only for a key with escapes.
    public static func key(_ bytes: UnsafeRawBufferPointer, of member: JSONMember, is key: StaticString) -> Bool {
        key.withUTF8Buffer { Self.key(bytes, of: member, is: UnsafeRawBufferPointer($0)) }
    }

    static func key(_ bytes: UnsafeRawBufferPointer, of member: JSONMember, is key: UnsafeRawBufferPointer) -> Bool {
        let spelled = UnsafeRawBufferPointer(rebasing: bytes[member.keyRange])
        guard member.keyHasEscapes else { return spelled.holdsSameBytes(as: key) }
        // An escape is longer than what it stands for.
        guard spelled.count > key.count else { return false }
        return decode(spelled, hasEscapes: true).withBytes { $0.holdsSameBytes(as: key) }
    }

    /// An integer token in 0...UInt64.max. Nil for fractions, exponents, negatives (`-0` too) and greater ones.
    public static func uint64(_ bytes: UnsafeRawBufferPointer, token: Range<Int>) -> UInt64? {
        integer(bytes, token)
    }

    /// An integer token in Int64's range. Nil for fractions, exponents, `-0` and what doesn't fit.
    public static func int64(_ bytes: UnsafeRawBufferPointer, token: Range<Int>) -> Int64? {
        integer(bytes, token)
    }

    private static func integer<Value: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ token: Range<Int>)
        -> Value?
    {
        guard token.lowerBound >= 0, token.upperBound <= bytes.count else { return nil }
        return JSONNumber.integer(bytes[token])
    }
}

// MARK: - Escapes

extension JSONScanner {
    /// The text of a validated string's inside.
    static func decode(_ text: UnsafeRawBufferPointer, hasEscapes: Bool) -> String {
        guard hasEscapes, let base = text.baseAddress else { return String(decoding: text, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: text.count) { output in
            var cursor = JSONCursor(base: base, count: text.count, position: 0)
            var written = 0
            while cursor.position < cursor.count {
                let byte = cursor.byte(at: cursor.position)
                if byte != UInt8(ascii: "\\") {
                    output[written] = byte
                    written += 1
                    cursor.position += 1
                } else {
                    written += resolveEscape(&cursor, into: output, at: written)
                }
            }
            return written
        }
    }

    /// Writes what the escape here stands for; returns its bytes. It is never longer than the escape.
    private static func resolveEscape(
        _ cursor: inout JSONCursor,
        into output: UnsafeMutableBufferPointer<UInt8>,
        at index: Int
    ) -> Int {
        let name = cursor.byte(at: cursor.position + 1)
        guard name == UInt8(ascii: "u") else {
            cursor.position += 2
            output[index] = character(ofEscape: name)
            return 1
        }
        guard let value = try? cursor.skipUnicodeEscape(), let scalar = Unicode.Scalar(value) else {
            preconditionFailure("an escape that the scanner accepted must be resolvable")
        }
        var length = 0
        for byte in scalar.utf8 {
            output[index + length] = byte
            length += 1
        }
        return length
    }

    private static func character(ofEscape name: UInt8) -> UInt8 {
        switch name {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: name
        }
    }
}

extension JSONCursor {
    /// Over text that a scan has accepted.
    init(base: UnsafeRawPointer, count: Int, position: Int) {
        self.base = base
        self.count = count
        self.position = position
    }
}
