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

    public static let textLength = 36

    /// Calls `body` with the 36 bytes of the canonical text.
    public func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.textLength, alignment: 1) { text in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    text[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                text[position] = hexDigit(UInt8(truncatingIfNeeded: word >> (60 - 4 * UInt64(digit & 15)) & 15))
                position += 1
            }
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

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
