import Engine

/// Why one operation was skipped; the others count all the same (state.md §4.3).
public struct UpdateError: Sendable, Equatable {
    /// Position in the request's `ops`.
    public let operationIndex: Int
    /// `<operation>.<reason>`, part of the contract.
    public let code: String
    public let message: String

    /// The same for state and stream.
    public static let documentation = "https://iii.dev/docs/workers/iii-state#error-codes"

    /// The wire form: `{"op_index","code","message","doc_url"}`.
    public var json: JSON {
        [
            "op_index": JSON(operationIndex),
            "code": .string(code),
            "message": .string(message),
            "doc_url": .string(Self.documentation),
        ]
    }
}

/// What is wrong with an operation, before it is known which one of the request it is.
struct UpdateFailure: Error {
    /// Without the operation's name in front.
    let reason: String
    let message: String

    /// With the full code.
    func error(of operation: UpdateOperation, at index: Int) -> UpdateError {
        UpdateError(operationIndex: index, code: "\(operation.name).\(reason)", message: message)
    }
}

extension UpdateFailure {
    /// `found` stands where an object must.
    static func targetNotObject(_ operation: UpdateOperation, found: JSON) -> UpdateFailure {
        let path =
            if case .append(let path, _) = operation {
                "[\(path.segments.joined(separator: ", "))]"
            } else {
                operation.path.leafLabel
            }
        return UpdateFailure(
            reason: "target_not_object",
            message: "Cannot \(operation.name) at path '\(path)': target is \(found.kind), expected object."
        )
    }

    static func notNumber(_ path: UpdatePath, found: JSON) -> UpdateFailure {
        UpdateFailure(reason: "not_number", message: "Expected number at path '\(path.leafLabel)', got \(found.kind).")
    }

    /// Only a string can be appended to a string.
    static func notAppendable(_ path: UpdatePath, value: JSON) -> UpdateFailure {
        UpdateFailure(
            reason: "type_mismatch",
            message: "Expected string append value at path '\(path.leafLabel)', got \(value.kind)."
        )
    }

    /// `found` is neither array nor string nor empty.
    static func notAppendable(_ path: UpdatePath, found: JSON) -> UpdateFailure {
        UpdateFailure(
            reason: "type_mismatch",
            message: "Cannot append at path '\(path.leafLabel)': target is \(found.kind), "
                + "expected array, string, null, or missing field."
        )
    }
}
