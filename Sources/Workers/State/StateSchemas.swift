import Engine

/// What discovery shows of the `state::*` functions. `get`, `delete` and `list` publish no response schema: their
/// result is the stored value itself (state.md §1).
enum StateSchemas {
    static let set = FunctionDescription(
        id: "state::set",
        description: "Set a value in state",
        requestFormat: JSONSchema.document(
            "StateSetInput",
            [scope, key, .required("value", .any, "The value to store")] + WriteOptions.schema
        ),
        responseFormat: JSONSchema.document("StateSetResult", change + [WriteDurability.schema])
    )

    static let get = FunctionDescription(
        id: "state::get",
        description: "Get a value from state",
        requestFormat: JSONSchema.document("StateGetInput", [scope, key])
    )

    static let delete = FunctionDescription(
        id: "state::delete",
        description: "Delete a value from state",
        requestFormat: JSONSchema.document("StateDeleteInput", [scope, key] + WriteOptions.schema)
    )

    static let update = FunctionDescription(
        id: "state::update",
        description: "Update a value in state with a list of operations",
        requestFormat: JSONSchema.document(
            "StateUpdateInput",
            [scope, key, .required("ops", .array(of: UpdateOperation.schema), "Applied in order")] + WriteOptions.schema
        ),
        responseFormat: JSONSchema.document(
            "StateUpdateResult",
            change + [
                .optional("errors", .array(of: .object), "Operations that failed; the others took effect"),
                WriteDurability.schema,
            ]
        )
    )

    static let list = FunctionDescription(
        id: "state::list",
        description: "List the values of a scope in insertion order",
        requestFormat: JSONSchema.document("StateGetGroupInput", [scope])
    )

    static let listGroups = FunctionDescription(
        id: "state::list_groups",
        description: "List the scopes that hold values",
        requestFormat: JSONSchema.document("StateListGroupsInput", []),
        responseFormat: JSONSchema.document("StateListGroupsResult", [.required("groups", .array(of: .string))])
    )

    static let listKeys = FunctionDescription(
        id: "state::list_keys",
        description: "List the keys of a scope in pages, ascending",
        requestFormat: JSONSchema.document("StateListKeysInput", [scope] + EntryPageRequest.schema),
        responseFormat: JSONSchema.document(
            "StateListKeysResult",
            [.required("keys", .array(of: .string)), cursor]
        )
    )

    static let listEntries = FunctionDescription(
        id: "state::list_entries",
        description: "List the entries of a scope in pages, ascending by key",
        requestFormat: JSONSchema.document("StateListEntriesInput", [scope] + EntryPageRequest.schema),
        responseFormat: JSONSchema.document(
            "StateListEntriesResult",
            [.required("entries", .array(of: .object([.required("key", .string), .required("value", .any)]))), cursor]
        )
    )

    private static let cursor = JSONSchema.Property.optional(
        "cursor",
        .string,
        "Of the next page; null: this is the last"
    )
    private static let scope = JSONSchema.Property.required("scope", .string, "Namespace of the key")
    private static let key = JSONSchema.Property.required("key", .string, "Key within the scope")

    private static let change: [JSONSchema.Property] = [
        .optional("old_value", .any, "Value before, null if there was none"),
        .required("new_value", .any, "Value now"),
    ]
}
