/// Single values as arguments: the wanted type or serde's words about what was found instead.
extension JSON {
    public func argumentString() throws(ArgumentError) -> String {
        guard case .string(let text) = self else { throw .invalidType(self, expected: "a string") }
        return text
    }

    public func argumentBool() throws(ArgumentError) -> Bool {
        guard case .bool(let value) = self else { throw .invalidType(self, expected: "a boolean") }
        return value
    }

    /// A number written as an integer, in the type's range.
    public func argumentInteger<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(ArgumentError) -> Value {
        let expected = Value.rustName
        guard case .number(let number) = self, number.isMachineInteger else {
            throw .invalidType(self, expected: expected)
        }
        guard let value: Value = number.exactly() else { throw .invalidValue(self, expected: expected) }
        return value
    }

    /// A number; one beyond a double's range is refused.
    public func argumentDouble() throws(ArgumentError) -> Double {
        guard case .number(let number) = self else { throw .invalidType(self, expected: "f64") }
        guard number.double.isFinite else { throw .invalidValue(self, expected: "f64") }
        return number.double
    }

    public func argumentArray() throws(ArgumentError) -> [JSON] {
        guard case .array(let elements) = self else { throw .invalidType(self, expected: "a sequence") }
        return elements
    }

    public func argumentStrings() throws(ArgumentError) -> [String] {
        var strings: [String] = []
        for element in try argumentArray() { strings.append(try element.argumentString()) }
        return strings
    }

    public func argumentMap() throws(ArgumentError) -> JSONObject {
        guard case .object(let object) = self else { throw .invalidType(self, expected: "a map") }
        return object
    }

    /// The value in the words of serde's messages.
    var serdeDescription: String {
        switch self {
        case .null: "null"
        case .bool(let value): "boolean `\(value)`"
        case .number(let number): number.serdeDescription
        case .string(let text): "string \(text.rustDebugText)"
        case .array: "sequence"
        case .object: "map"
        }
    }
}

extension JSONNumber {
    /// What upstream keeps as an integer: the rest is a float there.
    fileprivate var isMachineInteger: Bool { int64 != nil || uint64 != nil }

    fileprivate var serdeDescription: String {
        if isMachineInteger { return "integer `\(text)`" }
        // A double that overflows has no text of its own.
        return "floating point `\(double.isFinite ? double.jsonText : text)`"
    }
}

extension FixedWidthInteger {
    /// `u64`, `i32`: the names in serde's messages.
    fileprivate static var rustName: String { "\(isSigned ? "i" : "u")\(bitWidth)" }
}

extension String {
    /// In double quotes with backslash escapes, as Rust's debug format writes strings.
    fileprivate var rustDebugText: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\0": text += "\\0"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case _ where scalar.properties.generalCategory == .control:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
