/// The written forms of a 256-bit key: 64 hexadecimal digits of either case, or base64 (RFC 4648 §4, with padding).
///
/// Each key has one base64 text: unused bits must be zero. One line break at the end is taken for an editor's.
enum KeyText {
    static let hexadecimalDigits = 64
    static let base64Characters = 44

    /// Why a text is no key. Says nothing of its content but its length.
    enum Failure: Error, Equatable {
        case empty
        case wrongLength(Int)
        case badCharacter(form: String)
        /// A file of zeros, or a placeholder.
        case allZero

        var problem: String {
            switch self {
            case .empty: "it is empty"
            case .wrongLength(let length): "it has \(length) characters, not 64 (hexadecimal) or 44 (base64)"
            case .badCharacter(let form): "it has the length of \(form), but a character that doesn't belong there"
            case .allZero: "all its bytes are zero"
            }
        }
    }

    /// - Parameter key: 32 bytes; unspecified after an error.
    static func decode(
        _ text: UnsafeRawBufferPointer,
        into key: UnsafeMutableRawBufferPointer
    ) throws(Failure) {
        precondition(key.count == EncryptionKey.bytes)
        let text = withoutLineBreak(text)
        switch text.count {
        case 0: throw .empty
        case hexadecimalDigits:
            guard decodeHexadecimal(text, into: key) else { throw .badCharacter(form: "hexadecimal") }
        case base64Characters:
            guard decodeBase64(text, into: key) else { throw .badCharacter(form: "base64") }
        default: throw .wrongLength(text.count)
        }
        if UnsafeRawBufferPointer(key).isAllZero { throw .allZero }
    }

    /// Without one `\n` or `\r\n` at the end.
    private static func withoutLineBreak(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard text.last == 0x0A else { return text }
        let line = text.dropLast()
        return UnsafeRawBufferPointer(rebasing: line.last == 0x0D ? line.dropLast() : line)
    }

    private static func decodeHexadecimal(
        _ text: UnsafeRawBufferPointer,
        into key: UnsafeMutableRawBufferPointer
    ) -> Bool {
        for index in 0..<key.count {
            guard let high = hexadecimal(text[2 * index]), let low = hexadecimal(text[2 * index + 1]) else {
                return false
            }
            key[index] = high << 4 | low
        }
        return true
    }

    /// 43 characters of six bits and one `=`: 258 bits, of which the last two must be zero.
    private static func decodeBase64(
        _ text: UnsafeRawBufferPointer,
        into key: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard text[base64Characters - 1] == UInt8(ascii: "=") else { return false }
        var bits: UInt32 = 0
        var bitCount = 0
        var done = 0
        for character in text.dropLast() {
            guard let value = base64(character) else { return false }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            key[done] = UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
            done += 1
        }
        return done == key.count && bits & 0b11 == 0
    }

    private static func hexadecimal(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func base64(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
