/// The six kinds of JSON value.
public enum JSONKind: UInt8, Sendable {
    case null, bool, number, string, array, object
}

extension JSONKind: CustomStringConvertible {
    /// The name in messages: `null boolean number string array object`.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
