/// A number as its text. It is interpreted only when arithmetic asks: 40-digit integers and `1e400` come out as they
/// went in, byte for byte.
public struct JSONNumber: Sendable {
    /// A valid JSON number.
    public let text: String

    /// `text` must be a valid JSON number.
    init(validated text: String) {
        self.text = text
    }

    /// Nil unless `text` is exactly one JSON number.
    public init?(_ text: String) {
        let isNumber = text.withBytes { bytes in
            guard let first = bytes.first, first == UInt8(ascii: "-") || first.isDecimalDigit else { return false }
            guard let kind = try? JSONScanner.validate(bytes) else { return false }
            return kind == .number && bytes.last.map { !$0.isJSONWhitespace } ?? false
        }
        guard isNumber else { return nil }
        self.text = text
    }

    public init(_ value: some FixedWidthInteger) {
        text = String(value)
    }

    /// Nil for infinities and NaN, which JSON can't hold. `2.0` is written `2.0`: floats stay floats.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        text = value.jsonText
    }

    /// Whether the text has neither fraction nor exponent. `-0` doesn't count: only a float keeps its sign.
    public var isInteger: Bool {
        text.withBytes { bytes in
            bytes.allSatisfy { $0.isDecimalDigit || $0 == UInt8(ascii: "-") }
                && !(bytes.count == 2 && bytes[0] == UInt8(ascii: "-") && bytes[1] == UInt8(ascii: "0"))
        }
    }

    /// The exact value; nil for non-integers and what doesn't fit.
    public var int64: Int64? { exactly() }
    /// The exact value; nil for non-integers and what doesn't fit.
    public var uint64: UInt64? { exactly() }
    /// The nearest value; infinite beyond the range of a double.
    public var double: Double { Double(text) ?? .nan }

    /// The exact value in any integer type; nil for non-integers and what doesn't fit.
    public func exactly<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        text.withBytes { Self.integer($0[...]) }
    }

    /// Reads `-?[0-9]+` exactly.
    static func integer<Value: FixedWidthInteger>(_ text: Slice<UnsafeRawBufferPointer>) -> Value? {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        guard !digits.isEmpty, !(isNegative && (!Value.isSigned || digits.elementsEqual([0x30]))) else { return nil }
        var value: Value = 0
        for byte in digits {
            guard byte.isDecimalDigit else { return nil }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let digit = Value(truncatingIfNeeded: byte &- 0x30)
            let (sum, carries) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflows || carries { return nil }
            value = sum
        }
        return value
    }
}

extension JSONNumber: Equatable {
    /// Same text. Integers have one spelling, so equal integers are equal; `1.0` and `1` aren't, nor `1e2` and `100`.
    public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        left.text.holdsSameBytes(as: right.text)
    }
}

extension JSONNumber: CustomStringConvertible {
    public var description: String { text }
}

extension Double {
    /// Shortest digits that read back as the same value, laid out as upstream prints floats: plain between 1e-5 and
    /// 1e16, else with an exponent (`1e16`, `1.5e-7`).
    var jsonText: String {
        let swift = description
        guard let mark = swift.utf8.firstIndex(of: UInt8(ascii: "e")) else { return swift }
        let mantissa = swift[..<mark]
        guard let exponent = Int(swift[swift.utf8.index(after: mark)...]) else { return swift }
        let sign = mantissa.hasPrefix("-") ? "-" : ""
        let digits = mantissa.filter(\.isNumber)
        // Swift switches to an exponent one power earlier at the small end.
        if exponent == -5 { return sign + "0.0000" + trimmed(digits) }
        let short = mantissa.hasSuffix(".0") ? mantissa.dropLast(2) : mantissa
        return "\(short)e\(exponent)"
    }

    /// Without the zero of `1.0`.
    private func trimmed(_ digits: String) -> Substring {
        digits.utf8.count > 1 && digits.hasSuffix("0") ? digits.dropLast() : digits[...]
    }
}
