import Engine

extension StreamConfiguration {
    /// The configuration entry's schema: a closed object.
    static let schema = RawJSON([
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "StreamConfig",
        "type": "object",
        "additionalProperties": false,
        "properties": [
            "port": ["type": "integer", "minimum": 0, "maximum": 65_535, "default": 3112],
            "host": ["type": "string", "default": "0.0.0.0"],
            "auth_function": ["type": ["string", "null"]],
            "adapter": KeyValueStorageConfiguration.adapterSchema,
            "max_connections": positive,
            "max_subscriptions": positive,
            "max_subscriptions_per_connection": positive,
            "max_connection_queue_bytes": ["type": "integer", "minimum": 65_536],
            "max_id_bytes": positive,
            "max_value_bytes": positive,
            "join_guard_errors": ["type": "string", "enum": ["refuse", "allow"]],
            "retention": closed(["max_items": positive, "max_bytes": positive, "max_age_ms": positive]),
            "history": closed(["max_events": natural, "max_bytes": natural, "max_age_ms": natural]),
        ],
    ])

    private static let positive: JSON = ["type": ["integer", "null"], "minimum": 1]
    private static let natural: JSON = ["type": ["integer", "null"], "minimum": 0]

    private static func closed(_ properties: JSON) -> JSON {
        ["type": ["object", "null"], "additionalProperties": false, "properties": properties]
    }
}
