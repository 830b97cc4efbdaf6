import Engine

/// What discovery and the `configuration` worker show of `iii-pubsub` (pubsub.md §1, §2, §6).
enum PubSubSchemas {
    static let publish = FunctionDescription(
        id: "publish",
        description: "Publishes an event",
        requestFormat: JSONSchema.document(
            "PubSubInput",
            [
                .required("topic", .string, "Exact topic name, 1 to \(PubSubRequest.maximumTopicBytes) bytes of UTF-8"),
                .required("data", .any, "Delivered to subscribers as it is"),
            ]
        )
    )

    /// Closed: what this version doesn't serve is refused by `configuration::set`, not by the next start.
    static let configuration = RawJSON([
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "PubSubModuleConfig",
        "description": "Configuration of the iii-pubsub worker",
        "type": "object",
        "properties": [
            "adapter": [
                "description": "How messages travel; absent: local. Changes take effect at once.",
                "oneOf": [
                    [
                        "title": "local",
                        "type": "object",
                        "properties": [
                            "name": ["type": "string", "enum": ["local"]],
                            "config": ["type": ["object", "null"], "additionalProperties": false],
                        ],
                        "required": ["name"],
                        "additionalProperties": false,
                    ]
                ],
            ]
        ],
        "additionalProperties": false,
        "definitions": [:],
    ])
}
