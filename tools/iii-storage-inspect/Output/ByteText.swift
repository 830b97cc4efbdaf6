import Storage

/// Keys, values and origins for people and for JSON.
enum ByteText {
    /// Characters of a key or value that a table shows.
    static let shownCharacters = 60
    /// Bytes of a value that are read for a table: enough for that many characters of any script.
    static let readBytes = 4 * shownCharacters + 4

    /// A key: printable UTF-8 as it is, anything else as `0x…`. What begins with 0x by itself is shown in hexadecimal
    /// too, so that the shown form, given back as an argument, names the same key.
    static func key(_ bytes: Bytes, isFull: Bool = false) -> String {
        guard let text = printable(bytes, isMultiline: false), !text.hasPrefix("0x"), !text.isEmpty else {
            return cut(hexadecimal(bytes), of: bytes.count, isFull)
        }
        return cut(text, of: bytes.count, isFull)
    }

    /// A value or its beginning: printable UTF-8 with line ends and tabs as `\n`, `\r`, `\t`; anything else as `0x…`.
    static func value(_ excerpt: RecordFacts.Excerpt, isFull: Bool = false) -> String {
        let bytes = excerpt.isWhole ? excerpt.bytes : withoutHalfCharacter(excerpt.bytes)
        let text = printable(bytes, isMultiline: true) ?? hexadecimal(excerpt.bytes)
        return cut(text, of: excerpt.count, isFull, isWhole: excerpt.isWhole)
    }

    private static func cut(_ text: String, of count: Int, _ isFull: Bool, isWhole: Bool = true) -> String {
        guard !isFull else { return text }
        let shown = text.prefix(shownCharacters)
        return isWhole && shown.endIndex == text.endIndex ? text : "\(shown)… (\(count) bytes)"
    }

    static func hexadecimal(_ bytes: Bytes) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = Array("0x".utf8)
        text.reserveCapacity(2 + 2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil: not UTF-8, or with characters that a terminal must not get.
    private static func printable(_ bytes: Bytes, isMultiline: Bool) -> String? {
        // Most are plain ASCII.
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where isMultiline: shown += "\\n".unicodeScalars
            case "\r" where isMultiline: shown += "\\r".unicodeScalars
            case "\t" where isMultiline: shown += "\\t".unicodeScalars
            default:
                guard isPrintable(scalar) else { return nil }
                shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// No controls, no invisible or direction-changing characters, nothing unassigned.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        default: return true
        }
    }

    /// Drops a UTF-8 sequence that a cut left without its end.
    private static func withoutHalfCharacter(_ bytes: Bytes) -> Bytes {
        guard let lead = bytes.suffix(4).lastIndex(where: { $0 & 0xC0 != 0x80 }), bytes[lead] >= 0xC0 else {
            return bytes
        }
        let length = bytes[lead] >= 0xF0 ? 4 : bytes[lead] >= 0xE0 ? 3 : 2
        return lead + length > bytes.count ? Bytes(bytes[..<lead]) : bytes
    }
}

extension ByteText {
    /// `name` and `nameEncoding`: the text if it is UTF-8, else base64, both exact.
    static func members(_ name: String, _ bytes: Bytes, isRaw: Bool) -> [(String, JSON)] {
        if !isRaw, let text = String(validating: bytes, as: UTF8.self) {
            return [(name, .string(text)), (name + "Encoding", "utf8")]
        }
        return [(name, .string(base64(bytes))), (name + "Encoding", "base64")]
    }

    static func base64(_ bytes: Bytes) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let part = bytes[index..<min(index + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for place in 0..<4 {
                text.append(place <= part.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}
