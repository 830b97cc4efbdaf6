/// A UUID as two words: cheap to hash, no Foundation.
///
/// Any standard textual form is read (upper case, braces, `urn:uuid:`, no hyphens); the engine always writes the
/// lower-case hyphenated one (protocol.md §2).
public struct UUID: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random version 4 UUID.
    public static func random(using generator: inout some RandomNumberGenerator) -> UUID {
        let high = (generator.next() as UInt64) & 0xFFFF_FFFF_FFFF_0FFF | 0x0000_0000_0000_4000
        let low = (generator.next() as UInt64) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return UUID(high: high, low: low)
    }

    public init?(_ text: some BidirectionalCollection<UInt8>) {
        var text = text[...]
        if text.starts(with: "urn:uuid:".utf8) { text = text.dropFirst(9) }
        if text.first == UInt8(ascii: "{") {
            guard text.last == UInt8(ascii: "}") else { return nil }
            text = text.dropFirst().dropLast()
        }
        let hyphenated = text.count == 36
        guard hyphenated || text.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text {
            defer { position += 1 }
            if hyphenated, position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = hexValue(byte) else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | value } else { words.1 = words.1 << 4 | value }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    public init?(_ text: String) {
        self.init(text.utf8)
    }

    /// The canonical form, 36 bytes with hyphens, letters in either case; nil for anything else.
    init?(canonical text: UnsafeRawBufferPointer) {
        guard text.count == Self.textLength, let base = text.baseAddress else { return nil }
        let hyphen = UInt8(ascii: "-")
        guard text[8] == hyphen, text[13] == hyphen, text[18] == hyphen, text[23] == hyphen else { return nil }
        guard let first = HexWord(base, 0, 4).value, let second = HexWord(base, 9, 14).value,
            let third = HexWord(base, 19, 24).value, let fourth = HexWord(base, 28, 32).value
        else { return nil }
        self.init(high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(fourth))
    }

    public static let textLength = 36

    /// Writes the 36 bytes of the canonical text.
    func write(to place: UnsafeMutableRawPointer) {
        HexWord(UInt32(truncatingIfNeeded: high >> 32)).store(place, 0, 4)
        HexWord(UInt32(truncatingIfNeeded: high)).store(place, 9, 14)
        HexWord(UInt32(truncatingIfNeeded: low >> 32)).store(place, 19, 24)
        HexWord(UInt32(truncatingIfNeeded: low)).store(place, 28, 32)
        let hyphen = UInt8(ascii: "-")
        place.storeBytes(of: hyphen, toByteOffset: 8, as: UInt8.self)
        place.storeBytes(of: hyphen, toByteOffset: 13, as: UInt8.self)
        place.storeBytes(of: hyphen, toByteOffset: 18, as: UInt8.self)
        place.storeBytes(of: hyphen, toByteOffset: 23, as: UInt8.self)
    }

    /// Calls `body` with the 36 bytes of the canonical text.
    public func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.textLength, alignment: 1) { text in
            if let base = text.baseAddress { write(to: base) }
            return body(UnsafeRawBufferPointer(text))
        }
    }
}

extension UUID: CustomStringConvertible {
    public var description: String {
        withText { String(decoding: $0, as: UTF8.self) }
    }
}

private func hexValue(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}

/// Eight hexadecimal digits at once: one byte of the word per digit, the first digit highest.
private struct HexWord {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let lowNibbles: UInt64 = 0x0F0F_0F0F_0F0F_0F0F
    /// Set in digits and in lower-case letters.
    private static let caseBits: UInt64 = 0x2020_2020_2020_2020

    private let text: UInt64

    /// Four digits at either offset.
    init(_ base: UnsafeRawPointer, _ first: Int, _ second: Int) {
        let high = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: first, as: UInt32.self))
        let low = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: second, as: UInt32.self))
        text = UInt64(high) << 32 | UInt64(low)
    }

    init(_ value: UInt32) {
        var digits = UInt64(value)
        digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
        digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
        digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F
        text = Self.text(of: digits)
    }

    /// nil: something isn't a digit.
    var value: UInt32? {
        // Digits and letters keep what they are in their lower four bits; letters count from nine on.
        var digits = (text & Self.lowNibbles) &+ 9 &* (text >> 6 & Self.ones)
        // Whatever else stands there comes out differently when it is spelled again.
        let isGraphic = (text | text >> 1) & Self.caseBits == Self.caseBits
        guard isGraphic, digits & ~Self.lowNibbles == 0, Self.text(of: digits) == text | Self.caseBits else {
            return nil
        }
        digits = (digits | digits >> 4) & 0x00FF_00FF_00FF_00FF
        digits = (digits | digits >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: digits | digits >> 16)
    }

    func store(_ place: UnsafeMutableRawPointer, _ first: Int, _ second: Int) {
        place.storeBytes(of: UInt32(truncatingIfNeeded: text >> 32).bigEndian, toByteOffset: first, as: UInt32.self)
        place.storeBytes(of: UInt32(truncatingIfNeeded: text).bigEndian, toByteOffset: second, as: UInt32.self)
    }

    /// Lower-case text of eight values below sixteen.
    private static func text(of digits: UInt64) -> UInt64 {
        let letters = (digits &+ 6 &* ones) >> 4 & ones
        return digits &+ 0x30 &* ones &+ 0x27 &* letters
    }
}
