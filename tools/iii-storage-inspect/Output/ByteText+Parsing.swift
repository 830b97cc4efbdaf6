import Storage

/// The way back from JSON.
extension ByteText {
    /// What `members` wrote under a name; nil: not that.
    static func bytes(_ name: String, in json: JSON) -> Bytes? {
        guard let text = json[name]?.text else { return nil }
        switch json[name + "Encoding"]?.text {
        case "utf8": return Bytes(text.utf8)
        case "base64": return decodeBase64(text.utf8)
        default: return nil
        }
    }

    /// Strict: padded, no blanks, unused bits zero. nil: not base64.
    static func decodeBase64(_ text: String.UTF8View) -> Bytes? {
        let padding = text.suffix(2).reduce(0) { $0 + ($1 == UInt8(ascii: "=") ? 1 : 0) }
        guard text.count % 4 == 0 else { return nil }
        var bytes = Bytes()
        bytes.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        for character in text.dropLast(padding) {
            guard let digit = digit(character) else { return nil }
            bits = bits << 6 | digit
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bits & ((1 << UInt32(count)) - 1) == 0 && count < 6 ? bytes : nil
    }

    private static func digit(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
