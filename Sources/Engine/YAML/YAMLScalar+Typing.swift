/// The type of a plain scalar: YAML 1.2 core with the exceptions of config-file.md §2.
extension YAMLScalar {
    /// `true/false` alone are booleans, `007` stays a string, `.inf` and `.nan` are null, because JSON has neither.
    public func typed(at mark: SourceMark) throws(YAMLError) -> JSON {
        switch tag {
        case .string: return .string(text)
        case .byStyle: return isPlain ? Self.resolve(text) : .string(text)
        case .null: return try expect("null", at: mark) { if case .null = $0 { true } else { false } }
        case .bool: return try expect("a boolean", at: mark) { if case .bool = $0 { true } else { false } }
        case .integer, .float: return try expect("a number", at: mark) { if case .number = $0 { true } else { false } }
        }
    }

    private func expect(_ what: String, at mark: SourceMark, _ accept: (JSON) -> Bool) throws(YAMLError) -> JSON {
        let value = Self.resolve(text)
        guard accept(value) else { throw YAMLError("`\(text)` isn't \(what), as its tag says", at: mark) }
        return value
    }

    static func resolve(_ text: String) -> JSON {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".nan", ".NaN", ".NAN": return .null
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF": return .null
        default: break
        }
        if let number = radixInteger(text) ?? decimal(text) { return .number(JSONNumber(validated: number)) }
        return .string(text)
    }

    /// `0x1F`, `0o17`, `0b101`, each with an optional sign. Beyond 64 bits it stays a string.
    private static func radixInteger(_ text: String) -> String? {
        var digits = text[...]
        let isNegative = digits.first == "-"
        if digits.first == "-" || digits.first == "+" { digits.removeFirst() }
        guard digits.count > 2, digits.removeFirst() == "0" else { return nil }
        let radix: Int
        switch digits.removeFirst() {
        case "x": radix = 16
        case "o": radix = 8
        case "b": radix = 2
        default: return nil
        }
        // The integer initialiser would take a second sign.
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        guard let magnitude = UInt64(digits, radix: radix) else { return nil }
        return isNegative && magnitude > 0 ? "-\(magnitude)" : "\(magnitude)"
    }

    /// `[-+]? ( digits [. digits?]? | . digits ) ( [eE] [-+]? digits )?` rewritten to JSON's spelling, or nil.
    private static func decimal(_ text: String) -> String? {
        var rest = Substring(text).utf8
        let sign = rest.first == UInt8(ascii: "-") ? "-" : ""
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = takeDigits(&rest)
        var fraction: String?
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = takeDigits(&rest)
        }
        guard !whole.isEmpty || !(fraction ?? "").isEmpty else { return nil }
        guard let exponent = takeExponent(&rest), rest.isEmpty else { return nil }
        let isInteger = fraction == nil && exponent.isEmpty
        if isInteger, whole.utf8.count > 1, whole.utf8.first == UInt8(ascii: "0") { return nil }
        let number = sign + stripLeadingZeros(whole) + (fraction.map { "." + ($0.isEmpty ? "0" : $0) } ?? "") + exponent
        guard isInteger || Double(number)?.isFinite == true else { return nil }
        return number
    }

    private static func takeDigits(_ rest: inout Substring.UTF8View) -> String {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest.dropFirst(digits.count)
        return String(decoding: digits, as: UTF8.self)
    }

    /// Empty when there is none; nil when an `e` has no digits after it.
    private static func takeExponent(_ rest: inout Substring.UTF8View) -> String? {
        guard rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") else { return "" }
        rest.removeFirst()
        var exponent = "e"
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            exponent.unicodeScalars.append(Unicode.Scalar(sign))
            rest.removeFirst()
        }
        let digits = takeDigits(&rest)
        return digits.isEmpty ? nil : exponent + digits
    }

    private static func stripLeadingZeros(_ digits: String) -> String {
        let stripped = digits.drop { $0 == "0" }
        return stripped.isEmpty ? "0" : String(stripped)
    }
}
