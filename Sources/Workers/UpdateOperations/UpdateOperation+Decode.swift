import Engine

/// The wire shapes of state.md §4.1, refused in upstream's words. One malformed operation refuses the whole request.
extension UpdateOperation {
    /// Every `type`, in the order that the message about an unknown one lists them.
    static let names = ["set", "merge", "increment", "decrement", "append", "remove"]

    /// The value of a request's `ops`.
    public static func decode(_ json: JSON) throws(ArgumentError) -> [UpdateOperation] {
        var operations: [UpdateOperation] = []
        for element in try json.argumentArray() { operations.append(try UpdateOperation(element)) }
        return operations
    }

    /// One element of `ops`. Members that its type doesn't know are ignored.
    public init(_ json: JSON) throws(ArgumentError) {
        guard case .object(let object) = json else {
            throw .invalidType(json, expected: "internally tagged enum UpdateOp")
        }
        let fields = ArgumentReader(object)
        let type = try fields.requiredValue("type")
        guard case .string(let name) = type else { throw .invalidType(type, expected: "variant identifier") }
        switch name {
        case "set":
            self = .set(path: try fields.keyPath(), value: fields.value("value") ?? .null)
        case "merge":
            self = .merge(path: try fields.mergePath(), value: try fields.requiredValue("value"))
        case "append":
            self = .append(path: try fields.mergePath(), value: try fields.requiredValue("value"))
        case "increment":
            let (path, amount) = try fields.pathAndAmount()
            self = .increment(path: path, by: amount)
        case "decrement":
            let (path, amount) = try fields.pathAndAmount()
            self = .decrement(path: path, by: amount)
        case "remove":
            self = .remove(path: try fields.keyPath())
        default:
            throw .unknownVariant(name, expected: Self.names)
        }
    }
}

extension ArgumentReader {
    /// One literal first-level key.
    fileprivate func keyPath() throws(ArgumentError) -> UpdatePath {
        UpdatePath(key: try string("path"))
    }

    /// Wrong types are found before missing fields are.
    fileprivate func pathAndAmount() throws(ArgumentError) -> (UpdatePath, Int64) {
        let amount: Int64? = if let value = value("by") { try value.argumentInteger() } else { nil }
        let path = try keyPath()
        guard let amount else { throw .missingField("by") }
        return (path, amount)
    }

    /// A key, a list of keys, or nothing: absent, null, `""` and `[]` all mean the root.
    fileprivate func mergePath() throws(ArgumentError) -> UpdatePath {
        switch value("path") ?? .null {
        case .null:
            return .root
        case .string(let key):
            return UpdatePath(key: key)
        case .array(let elements):
            let segments = elements.compactMap(\.string)
            if segments.count == elements.count { return UpdatePath(segments) }
        default:
            break
        }
        throw ArgumentError("data did not match any variant of untagged enum MergePath")
    }
}
