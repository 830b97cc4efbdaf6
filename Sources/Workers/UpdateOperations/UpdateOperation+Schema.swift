import Engine

extension UpdateOperation {
    /// One element of `ops` (state.md §4.1).
    static let schema = JSONSchema.object([
        .required("type", .oneOf(["set", "merge", "increment", "decrement", "append", "remove"])),
        .optional(
            "path",
            .anyOf([.string, .array(of: .string)]),
            "Literal key, or keys from the root; empty is the root"
        ),
        .optional("value", .any, "For set, merge and append"),
        .optional("by", .int64, "For increment and decrement"),
    ])
}
