/// Descriptions and schemas of the built-in trigger types (engine-functions.md §5.6, http.md §20, cron.md §1,
/// state.md §3, configuration-worker.md §5). The engine's own two types have no schemas.
extension BuiltInTriggerTypes {
    private static let condition = JSONSchema.Property.optional(
        "condition_function_id",
        .string,
        "Function that is asked first, with the handler's payload; JSON false skips the handler"
    )

    /// `api_path`, `http_method?`, `middleware_function_ids?`, `condition_function_id?` → request, response.
    static let http = TriggerTypeDescription(
        id: "http",
        description: "HTTP API trigger",
        configurationSchema: JSONSchema.document(
            "HttpTriggerConfig",
            [
                .required("api_path", .string, "Path of the route; `:name` segments are parameters"),
                .optional(
                    "http_method",
                    .oneOf(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
                    "Method of the route",
                    initial: "GET"
                ),
                .optional("middleware_function_ids", .array(of: .string), "Functions that run before the handler"),
                condition,
            ]
        ),
        requestSchema: JSONSchema.document(
            "HttpCallRequest",
            [
                .required("query_params", .stringMap),
                .required("path_params", .stringMap),
                .required("headers", .stringMap),
                .required("path", .string),
                .required("method", .string),
                .required("body", .any, "Parsed JSON body, or null"),
            ]
        ),
        responseSchema: JSONSchema.document(
            "HttpCallResponse",
            [
                .optional("status_code", .uint16, "HTTP status, 200 when absent"),
                .optional(
                    "headers",
                    .anyOf([.stringMap, .array(of: .string)]),
                    "Headers as a map or as a list of \"Name: value\""
                ),
                .optional("body", .any),
            ]
        )
    )

    /// `expression`, `condition_function_id?` → `trigger`, `job_id`, `scheduled_time`, `actual_time`.
    static let cron = TriggerTypeDescription(
        id: "cron",
        description: "Cron-based scheduled triggers",
        configurationSchema: JSONSchema.document(
            "CronTriggerConfig",
            [.required("expression", .string, "Cron expression, with seconds"), condition]
        ),
        requestSchema: JSONSchema.document(
            "CronCallRequest",
            [
                .required("trigger", .string, "Always `cron`"),
                .required("job_id", .string, "Id of the trigger"),
                .required("scheduled_time", .string, "RFC 3339"),
                .required("actual_time", .string, "RFC 3339"),
            ]
        )
    )

    /// `topic`, `condition_function_id?`, `queue_config?`; the payload is the message itself.
    static let queue = TriggerTypeDescription(
        id: "durable:subscriber",
        description: "Queue core module",
        configurationSchema: JSONSchema.document(
            "DurableSubscriberTriggerConfig",
            [
                .required("topic", .string, "Exact topic name"),
                condition,
                .optional("queue_config", .any, "Delivery options of this subscription"),
            ]
        )
    )

    /// `topic`, `condition_function_id?`; the payload is the published data itself.
    static let pubsub = TriggerTypeDescription(
        id: "subscribe",
        description: "Subscribe to a topic",
        configurationSchema: JSONSchema.document(
            "SubscribeTriggerConfig",
            [.required("topic", .string, "Exact topic name"), condition]
        )
    )

    /// `scope?`, `key?`, `condition_function_id?` → the change (state.md §3.1, §3.2).
    static let state = TriggerTypeDescription(
        id: "state",
        description: "Triggered when a state value is created, updated or deleted",
        configurationSchema: JSONSchema.document(
            "StateTriggerConfig",
            [
                .optional("scope", .string, "Exact scope; absent means any"),
                .optional("key", .string, "Exact key; absent means any"),
                condition,
            ]
        ),
        requestSchema: JSONSchema.document(
            "StateCallRequest",
            [
                .required("type", .string, "Always `state`"),
                .required("event_type", .oneOf(["state:created", "state:updated", "state:deleted"])),
                .required("scope", .string),
                .required("key", .string),
                .optional("old_value", .any, "Null when there was none"),
                .required("new_value", .any, "Null when deleted"),
            ]
        )
    )

    /// `stream_name?`, `group_id?`, `item_id?`, `condition_function_id?` → the event.
    static let stream = TriggerTypeDescription(
        id: "stream",
        description: "Triggered when a stream item changes or an event is sent",
        configurationSchema: JSONSchema.document(
            "StreamTriggerConfig",
            [
                .optional("stream_name", .string),
                .optional("group_id", .string),
                .optional("item_id", .string),
                condition,
            ]
        ),
        requestSchema: JSONSchema.document("StreamCallRequest", streamPayload + [.required("event", .any)])
    )

    /// `stream:join` and `stream:leave`.
    static func streamMembership(_ type: String) -> TriggerTypeDescription {
        let isJoin = type.utf8.elementsEqual("stream:join".utf8)
        return TriggerTypeDescription(
            id: type,
            description: isJoin
                ? "Triggered when a client subscribes to a stream" : "Triggered when a client leaves a stream",
            configurationSchema: JSONSchema.document(
                "StreamJoinLeaveTriggerConfig",
                [.optional("stream_name", .string), condition]
            ),
            requestSchema: JSONSchema.document("StreamJoinLeaveCallRequest", streamPayload)
        )
    }

    private static let streamPayload: [JSONSchema.Property] = [
        .required("event_type", .string),
        .required("timestamp", .int64, "Unix time, milliseconds"),
        .required("stream_name", .string),
        .required("group_id", .string),
        .optional("id", .string),
    ]

    private static let configurationEvents = [
        "configuration:registered", "configuration:updated", "configuration:deleted",
    ]

    /// `configuration_id?`, `event_types?`, `condition_function_id?` → the change.
    static let configuration = TriggerTypeDescription(
        id: "configuration",
        description: "Triggered when a configuration entry is registered, updated or deleted",
        configurationSchema: JSONSchema.document(
            "ConfigurationTriggerConfig",
            [
                .optional("configuration_id", .string, "Exact id; absent means any"),
                .optional("event_types", .array(of: .oneOf(configurationEvents)), "Absent means all"),
                condition,
            ]
        ),
        requestSchema: JSONSchema.document(
            "ConfigurationCallRequest",
            [
                .required("type", .oneOf(["configuration"])),
                .required("event_type", .oneOf(configurationEvents)),
                .required("id", .string),
                .required("name", .string),
                .required("description", .string),
                .required("schema", .any),
                .optional("old_value", .any),
                .required("new_value", .any),
                .optional("metadata", .any),
            ]
        )
    )

    /// `level?` → one log record.
    static let log = TriggerTypeDescription(
        id: "log",
        description: "Triggered when a log record is stored",
        configurationSchema: JSONSchema.document(
            "LogTriggerConfig",
            [
                .optional(
                    "level",
                    .oneOf(["all", "debug", "info", "warn", "error"]),
                    "Severity of the records",
                    initial: "all"
                )
            ]
        ),
        requestSchema: JSONSchema.document(
            "LogCallRequest",
            [
                .required("timestamp_unix_nano", .uint64),
                .required("observed_timestamp_unix_nano", .uint64),
                .required("severity_number", .int64),
                .required("severity_text", .string),
                .required("body", .string),
                .required("attributes", .object),
                .required("trace_id", .anyOf([.string, .null])),
                .required("span_id", .anyOf([.string, .null])),
                .required("resource", .object),
                .required("service_name", .string),
                .required("instrumentation_scope_name", .anyOf([.string, .null])),
                .required("instrumentation_scope_version", .anyOf([.string, .null])),
            ]
        )
    )

    /// `service_name?`, `status?` → `trace_ids`.
    static let trace = TriggerTypeDescription(
        id: "trace",
        description: "Triggered when spans of a trace are stored",
        configurationSchema: JSONSchema.document(
            "TraceTriggerConfig",
            [
                .optional("service_name", .string, "Compared ignoring case"),
                .optional("status", .string, "Compared ignoring case"),
            ]
        ),
        requestSchema: JSONSchema.document(
            "TraceCallRequest",
            [.required("trace_ids", .array(of: .string), "Sorted, distinct")]
        )
    )
}
