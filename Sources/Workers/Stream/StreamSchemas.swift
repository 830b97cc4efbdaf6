import Engine

/// What discovery shows of the stream functions (stream.md §2).
enum StreamSchemas {
    static let set = FunctionDescription(
        id: "stream::set",
        description: "Set an item of a stream's group",
        requestFormat: JSONSchema.document(
            "StreamSetInput",
            item + [.required("data", .any, "Any JSON, null included")] + WriteOptions.schema
        ),
        responseFormat: JSONSchema.document("StreamSetResult", change)
    )

    static let get = FunctionDescription(
        id: "stream::get",
        description: "Get an item of a stream's group",
        requestFormat: JSONSchema.document("StreamGetInput", item)
    )

    static let delete = FunctionDescription(
        id: "stream::delete",
        description: "Delete an item of a stream's group",
        requestFormat: JSONSchema.document("StreamDeleteInput", item + WriteOptions.schema),
        responseFormat: JSONSchema.document(
            "StreamDeleteResult",
            [.optional("old_value", .any, "Value before, null if there was none"), WriteDurability.schema]
        )
    )

    static let update = FunctionDescription(
        id: "stream::update",
        description: "Apply update operations to an item as one step",
        requestFormat: JSONSchema.document(
            "StreamUpdateInput",
            item + [.required("ops", .array(of: UpdateOperation.schema), "Applied in order")] + WriteOptions.schema
        ),
        responseFormat: JSONSchema.document(
            "StreamUpdateResult",
            change + [.optional("errors", .array(of: .object), "Operations that failed; the others took effect")]
        )
    )

    static let list = FunctionDescription(
        id: "stream::list",
        description: "List the values of a stream's group in insertion order",
        requestFormat: JSONSchema.document("StreamListInput", [stream, group])
    )

    static let listGroups = FunctionDescription(
        id: "stream::list_groups",
        description: "List the groups of a stream that hold items",
        requestFormat: JSONSchema.document("StreamListGroupsInput", [stream])
    )

    static let listAll = FunctionDescription(
        id: "stream::list_all",
        description: "List all streams with their groups",
        requestFormat: JSONSchema.document("StreamListAllInput", []),
        responseFormat: JSONSchema.document(
            "StreamListAllResult",
            [
                .required(
                    "stream",
                    .array(of: .object([.required("id", .string), .required("groups", .array(of: .string))]))
                ),
                .required("count", .uint64),
            ]
        )
    )

    static let send = FunctionDescription(
        id: "stream::send",
        description: "Send an event to a group's subscribers; nothing is stored",
        requestFormat: JSONSchema.document(
            "StreamSendInput",
            [
                stream, group, .required("type", .string, "Of the event"), .required("data", .any),
                .optional("id", .string, "Item that the event is about"),
            ] + WriteOptions.schema
        )
    )

    private static let stream = JSONSchema.Property.required("stream_name", .string, "Name of the stream")
    private static let group = JSONSchema.Property.required("group_id", .string, "Group within the stream")
    private static let item = [stream, group, .required("item_id", .string, "Item within the group")]

    private static let change: [JSONSchema.Property] = [
        .optional("old_value", .any, "Value before, null if there was none"),
        .required("new_value", .any, "Value now"),
        WriteDurability.schema,
    ]
}
