/// Eight bytes at a time: marks in a word's bytes, found with plain integer arithmetic. Fast in every build, the same on
/// every CPU.
///
/// Each mark is the high bit of its byte. A subtraction's borrow can only mark bytes above a byte that is marked itself,
/// so "is any byte marked" and "the first marked byte" are exact; later marks are not.
enum JSONBytes {
    static let wordBytes = MemoryLayout<UInt64>.size

    @inline(__always)
    private static func repeated(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    /// Marks what a string scan must look at: `"`, `\`, control characters, and anything outside ASCII.
    @inline(__always)
    static func marksOfSpecial(_ word: UInt64) -> UInt64 {
        (unescapable(word) | word) & repeated(0x80)
    }

    /// Marks what a writer must escape: `"`, `\` and control characters.
    @inline(__always)
    static func marksOfEscaped(_ word: UInt64) -> UInt64 {
        unescapable(word) & ~word & repeated(0x80)
    }

    /// Marks what isn't a decimal digit.
    @inline(__always)
    static func marksOfNonDigit(_ word: UInt64) -> UInt64 {
        let value = word ^ repeated(UInt8(ascii: "0"))
        // 0x7F + 0x76 doesn't carry into the next byte; a byte above 127 is marked by itself.
        return (((value & repeated(0x7F)) &+ repeated(0x76)) | value) & repeated(0x80)
    }

    @inline(__always)
    static func firstMark(_ marks: UInt64) -> Int { marks.trailingZeroBitCount &>> 3 }

    @inline(__always)
    private static func unescapable(_ word: UInt64) -> UInt64 {
        let control = word &- repeated(0x20)
        let quote = (word ^ repeated(UInt8(ascii: "\""))) &- repeated(0x01)
        let backslash = (word ^ repeated(UInt8(ascii: "\\"))) &- repeated(0x01)
        return control | quote | backslash
    }
}

extension UInt8 {
    @inline(__always) var isJSONWhitespace: Bool {
        self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09
    }

    @inline(__always) var isDecimalDigit: Bool { self &- 0x30 < 10 }

    /// Value of a hexadecimal digit.
    @inline(__always) var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x41 &+ 10
        case 0x61...0x66: self &- 0x61 &+ 10
        default: nil
        }
    }
}
