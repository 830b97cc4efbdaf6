import Engine

/// Descriptions and schemas of the functions served here (engine-functions.md §1.3).
extension FunctionDescription {
    static let functionsList = FunctionDescription(
        id: "engine::functions::list",
        description: "List registered functions with their owning worker name.",
        requestFormat: JSONSchema.document(
            "FunctionsListInput",
            [
                .optional("search", .string, "Case-insensitive part of the id or description"),
                .optional("prefix", .string, "Prefix of the id"),
                .optional("worker", .string, "Exact name of the owner"),
                .optional("workers", .array(of: .string), "Exact names of owners, any of"),
                .optional("include_internal", .boolean, "Show the engine's own functions too", initial: false),
            ]
        ),
        responseFormat: JSONSchema.document("FunctionsListResult", [.required("functions", .array(of: .functionRow))])
    )

    static let functionsInfo = FunctionDescription(
        id: "engine::functions::info",
        description: "Inspect one function (`function_id`) or several (`function_ids`, at most 32): "
            + "schemas, owner, metadata and bound triggers.",
        requestFormat: JSONSchema.document(
            "FunctionsInfoInput",
            [
                .optional("function_id", .string, "Exactly one of the two keys is given"),
                .optional("function_ids", .array(of: .string), "At most 32 distinct ids"),
            ]
        ),
        responseFormat: JSONSchema.document(
            "FunctionsInfoResult",
            JSONSchema.functionDetail.map(\.asOptional) + [
                .optional("functions", .array(of: .object), "Of a batch: details, or `function_id` with `error`")
            ]
        )
    )

    static let triggersList = FunctionDescription(
        id: "engine::triggers::list",
        description: "List trigger types registered with the engine.",
        requestFormat: JSONSchema.document(
            "TriggersListInput",
            [
                .optional("search", .string, "Case-insensitive part of the id or description"),
                .optional("prefix", .string, "Prefix of the id"),
                .optional("worker", .string, "Exact name of the owner"),
                .optional("include_internal", .boolean, "Show the engine's own types too", initial: false),
            ]
        ),
        responseFormat: JSONSchema.document("TriggersListResult", [.required("triggers", .array(of: .triggerTypeRow))])
    )

    static let triggersInfo = FunctionDescription(
        id: "engine::triggers::info",
        description: "Inspect one trigger type: schemas, owner, and live instance count.",
        requestFormat: JSONSchema.document("TriggersInfoInput", [.required("id", .string)]),
        responseFormat: JSONSchema.document("TriggersInfoResult", JSONSchema.triggerTypeDetail)
    )

    static let registeredTriggersList = FunctionDescription(
        id: "engine::registered-triggers::list",
        description: "List registered trigger instances (subscriber rows).",
        requestFormat: JSONSchema.document(
            "RegisteredTriggersListInput",
            [
                .optional("search", .string, "Case-insensitive part of the id, trigger type or function id"),
                .optional("trigger_type", .string),
                .optional("function_id", .string),
                .optional("worker", .string, "Exact name of the owner of the bound function"),
                .optional("include_internal", .boolean, "Show bindings of engine functions too", initial: false),
            ]
        ),
        responseFormat: JSONSchema.document(
            "RegisteredTriggersListResult",
            [.required("registered_triggers", .array(of: .triggerRow))]
        )
    )

    static let registeredTriggersInfo = FunctionDescription(
        id: "engine::registered-triggers::info",
        description: "Inspect one registered trigger instance, with its trigger type and its function.",
        requestFormat: JSONSchema.document("RegisteredTriggersInfoInput", [.required("id", .string)]),
        responseFormat: JSONSchema.document(
            "RegisteredTriggersInfoResult",
            JSONSchema.triggerBase + [
                .optional("metadata", .any),
                .optional("trigger", .object(JSONSchema.triggerTypeDetail), "Null when the type is gone"),
                .optional("function", .object(JSONSchema.functionDetail), "Null when the function is missing"),
            ]
        )
    )

    static let registerTrigger = FunctionDescription(
        id: "engine::register_trigger",
        description: "Bind a function to a trigger type. The binding outlives its creator until it is unregistered.",
        requestFormat: JSONSchema.document(
            "RegisterTriggerInput",
            [
                .required("trigger_type", .string),
                .required("function_id", .string),
                .optional("config", .any),
                .optional("metadata", .any),
            ]
        ),
        responseFormat: JSONSchema.document("RegisterTriggerResult", [.required("id", .string)])
    )

    static let unregisterTrigger = FunctionDescription(
        id: "engine::unregister_trigger",
        description: "Unregister a trigger by id. Idempotent; reports whether it existed.",
        requestFormat: JSONSchema.document(
            "UnregisterTriggerInput",
            [.required("id", .string), .optional("trigger_type", .string, "Ignored")]
        ),
        responseFormat: JSONSchema.document("UnregisterTriggerResult", [.required("removed", .boolean)])
    )

    static let workersList = FunctionDescription(
        id: "engine::workers::list",
        description: "List workers connected to the engine.",
        requestFormat: JSONSchema.document(
            "WorkersListInput",
            [
                .optional("search", .string, "Case-insensitive part of the name"),
                .optional("runtime", .string),
                .optional("status", .string),
            ]
        ),
        responseFormat: JSONSchema.document(
            "WorkersListResult",
            [.required("workers", .array(of: .object(JSONSchema.workerRow)))]
        )
    )

    static let workersInfo = FunctionDescription(
        id: "engine::workers::info",
        description: "Inspect one worker: its functions, trigger types and registered triggers.",
        requestFormat: JSONSchema.document("WorkersInfoInput", [.required("name", .string)]),
        responseFormat: JSONSchema.document(
            "WorkersInfoResult",
            [
                .required("worker", .object(JSONSchema.workerDetail)),
                .required("functions", .array(of: .functionRow)),
                .required("trigger_types", .array(of: .triggerTypeRow)),
                .required("registered_triggers", .array(of: .triggerRow)),
            ]
        )
    )

    static let workersRegister = FunctionDescription(
        id: "engine::workers::register",
        description: "Register worker metadata",
        requestFormat: JSONSchema.document(
            "WorkersRegisterInput",
            [
                .optional("_caller_worker_id", .string, "Set by the engine"),
                .optional("runtime", .string, initial: "unknown"),
                .optional("version", .string),
                .optional("name", .string),
                .optional("description", .string),
                .optional("os", .string),
                .optional("pid", .uint64),
                .optional("isolation", .string),
                .optional(
                    "telemetry",
                    .object([
                        .optional("language", .string),
                        .optional("project_name", .string),
                        .optional("framework", .string),
                    ])
                ),
            ]
        ),
        responseFormat: JSONSchema.document("WorkersRegisterResult", [.required("success", .boolean)])
    )
}

/// Shapes that several responses share.
extension JSONSchema {
    fileprivate static let functionRow = JSONSchema.object([
        .required("function_id", .string),
        .required("worker_name", .string),
        .optional("description", .string),
        .optional("metadata", .any),
    ])

    fileprivate static let functionDetail: [Property] = [
        .required("function_id", .string),
        .required("worker_name", .string),
        .optional("description", .string),
        .optional("request_schema", .any),
        .optional("response_schema", .any),
        .optional("metadata", .any),
        .required(
            "registered_triggers",
            .array(
                of: .object([
                    .required("id", .string),
                    .required("trigger_type", .string),
                    .required("config", .any),
                ])
            )
        ),
    ]

    fileprivate static let triggerTypeBase: [Property] = [
        .required("id", .string),
        .required("worker_name", .string),
        .required("description", .string),
    ]

    fileprivate static let triggerTypeRow = JSONSchema.object(triggerTypeBase)

    fileprivate static let triggerTypeDetail: [Property] =
        triggerTypeBase + [
            .optional("configuration_schema", .any),
            .optional("request_schema", .any),
            .optional("response_schema", .any),
            .required("instance_count", .uint64),
        ]

    fileprivate static let triggerBase: [Property] = [
        .required("id", .string),
        .required("trigger_type", .string),
        .required("function_id", .string),
        .required("worker_name", .string),
        .required("config", .any),
    ]

    fileprivate static let triggerRow = JSONSchema.object(triggerBase + [.required("config_summary", .string)])

    fileprivate static let workerRow: [Property] = [
        .required("name", .nullableString),
        .required("description", .nullableString),
        .required("version", .nullableString),
        .required("id", .string),
        .required("runtime", .nullableString),
        .required("os", .nullableString),
        .required("status", .string),
        .required("function_count", .uint64),
        .required("connected_at_ms", .uint64),
        .required("active_invocations", .uint64),
        .required("isolation", .nullableString),
        .required("ip_address", .nullableString),
    ]

    fileprivate static let workerDetail: [Property] =
        workerRow + [.optional("pid", .uint64), .required("internal", .boolean)]

    private static let nullableString = JSONSchema.anyOf([.string, .null])
}
