/// Why a function's arguments don't have the shape that they must have, in serde's words, which clients of upstream read
/// in messages (state.md §2): ``missing field `scope` ``, ``invalid type: integer `5`, expected a string``.
public struct ArgumentError: Error, Equatable, Sendable, CustomStringConvertible {
    public let detail: String

    public init(_ detail: String) {
        self.detail = detail
    }

    public var description: String { detail }
}

extension ArgumentError {
    public static func missingField(_ name: String) -> ArgumentError {
        ArgumentError("missing field `\(name)`")
    }

    public static func duplicateField(_ name: String) -> ArgumentError {
        ArgumentError("duplicate field `\(name)`")
    }

    /// `expected` is a noun: `a string`, `u64`, `struct StateSetInput`.
    public static func invalidType(_ found: JSON, expected: String) -> ArgumentError {
        ArgumentError("invalid type: \(found.serdeDescription), expected \(expected)")
    }

    /// Right type, wrong value.
    public static func invalidValue(_ found: JSON, expected: String) -> ArgumentError {
        ArgumentError("invalid value: \(found.serdeDescription), expected \(expected)")
    }

    public static func unknownVariant(_ found: String, expected: [String]) -> ArgumentError {
        ArgumentError("unknown variant `\(found)`, \(Self.alternatives(expected))")
    }

    public static func unknownField(_ found: String, expected: [String]) -> ArgumentError {
        ArgumentError("unknown field `\(found)`, \(Self.alternatives(expected))")
    }

    private static func alternatives(_ names: [String]) -> String {
        let quoted = names.map { "`\($0)`" }
        return switch quoted.count {
        case 0: "there are none"
        case 1: "expected \(quoted[0])"
        case 2: "expected \(quoted[0]) or \(quoted[1])"
        default: "expected one of \(quoted.joined(separator: ", "))"
        }
    }
}

/// Reads the arguments of a built-in function from its payload. Unknown members are ignored; an optional one that is
/// null counts as absent (protocol.md §2.6).
public struct ArgumentReader: Sendable {
    public let object: JSONObject

    /// Anything but an object is refused as `invalid type: null, expected struct <structName>`.
    public init(_ json: JSON, structName: String) throws(ArgumentError) {
        guard case .object(let object) = json else {
            throw .invalidType(json, expected: "struct \(structName)")
        }
        self.object = object
    }

    public init(_ object: JSONObject) {
        self.object = object
    }

    // MARK: Any value

    /// The member; nil when absent. A null is `.null`.
    public func value(_ name: String) -> JSON? { object[name] }

    /// The member under its name or its alias; both at once are a duplicate.
    public func value(_ name: String, alias: String) throws(ArgumentError) -> JSON? {
        guard let other = object[alias] else { return object[name] }
        guard object[name] == nil else { throw .duplicateField(name) }
        return other
    }

    public func requiredValue(_ name: String) throws(ArgumentError) -> JSON {
        guard let value = object[name] else { throw .missingField(name) }
        return value
    }

    public func requiredValue(_ name: String, alias: String) throws(ArgumentError) -> JSON {
        guard let value = try value(name, alias: alias) else { throw .missingField(name) }
        return value
    }

    // MARK: Strings

    public func string(_ name: String) throws(ArgumentError) -> String {
        try requiredValue(name).argumentString()
    }

    public func optionalString(_ name: String) throws(ArgumentError) -> String? {
        guard let value = present(name) else { return nil }
        return try value.argumentString()
    }

    /// A string that must be one of `variants`.
    public func variant(_ name: String, of variants: [String]) throws(ArgumentError) -> String {
        let value = try string(name)
        guard variants.contains(where: { $0.holdsSameBytes(as: value) }) else {
            throw .unknownVariant(value, expected: variants)
        }
        return value
    }

    public func optionalVariant(_ name: String, of variants: [String]) throws(ArgumentError) -> String? {
        present(name) == nil ? nil : try variant(name, of: variants)
    }

    // MARK: Booleans and numbers

    public func bool(_ name: String) throws(ArgumentError) -> Bool {
        try requiredValue(name).argumentBool()
    }

    public func optionalBool(_ name: String) throws(ArgumentError) -> Bool? {
        guard let value = present(name) else { return nil }
        return try value.argumentBool()
    }

    /// Any integer type: `try reader.integer("port", UInt16.self)`. The type's name in Rust stands in the message.
    public func integer<Value: FixedWidthInteger>(
        _ name: String,
        _ type: Value.Type = Value.self
    ) throws(ArgumentError) -> Value {
        try requiredValue(name).argumentInteger()
    }

    public func optionalInteger<Value: FixedWidthInteger>(
        _ name: String,
        _ type: Value.Type = Value.self
    ) throws(ArgumentError) -> Value? {
        guard let value = present(name) else { return nil }
        return try value.argumentInteger()
    }

    public func uint64(_ name: String) throws(ArgumentError) -> UInt64 { try integer(name) }
    public func optionalUInt64(_ name: String) throws(ArgumentError) -> UInt64? { try optionalInteger(name) }
    public func int64(_ name: String) throws(ArgumentError) -> Int64 { try integer(name) }
    public func optionalInt64(_ name: String) throws(ArgumentError) -> Int64? { try optionalInteger(name) }

    /// Any number, integers too.
    public func double(_ name: String) throws(ArgumentError) -> Double {
        try requiredValue(name).argumentDouble()
    }

    public func optionalDouble(_ name: String) throws(ArgumentError) -> Double? {
        guard let value = present(name) else { return nil }
        return try value.argumentDouble()
    }

    // MARK: Containers

    public func array(_ name: String) throws(ArgumentError) -> [JSON] {
        try requiredValue(name).argumentArray()
    }

    public func optionalArray(_ name: String) throws(ArgumentError) -> [JSON]? {
        guard let value = present(name) else { return nil }
        return try value.argumentArray()
    }

    public func stringArray(_ name: String) throws(ArgumentError) -> [String] {
        try requiredValue(name).argumentStrings()
    }

    public func optionalStringArray(_ name: String) throws(ArgumentError) -> [String]? {
        guard let value = present(name) else { return nil }
        return try value.argumentStrings()
    }

    /// An object of any members.
    public func map(_ name: String) throws(ArgumentError) -> JSONObject {
        try requiredValue(name).argumentMap()
    }

    public func optionalMap(_ name: String) throws(ArgumentError) -> JSONObject? {
        guard let value = present(name) else { return nil }
        return try value.argumentMap()
    }

    /// An object that is read field by field.
    public func nested(_ name: String, structName: String) throws(ArgumentError) -> ArgumentReader {
        try ArgumentReader(requiredValue(name), structName: structName)
    }

    public func optionalNested(_ name: String, structName: String) throws(ArgumentError) -> ArgumentReader? {
        guard let value = present(name) else { return nil }
        return try ArgumentReader(value, structName: structName)
    }

    private func present(_ name: String) -> JSON? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }
}
