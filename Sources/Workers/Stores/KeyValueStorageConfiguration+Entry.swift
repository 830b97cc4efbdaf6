import Engine

/// The `adapter` member in a configuration entry of a worker that has a `kv` adapter (state.md §5.1).
extension KeyValueStorageConfiguration {
    static let saveIntervals: ClosedRange<Int64> = 100...3_600_000

    /// Closed: what this version doesn't serve, and a key that would be stored in the clear, are refused by
    /// `configuration::set`, not by the next start.
    static let adapterSchema: JSON = [
        "description": "Where data lives; config.yaml's counts in this version",
        "oneOf": [
            [
                "title": "kv",
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": [
                    "name": ["type": "string", "enum": ["kv"]],
                    "config": ["type": ["object", "null"], "additionalProperties": false, "properties": kvSchema],
                ],
            ]
        ],
    ]

    static let saveIntervalSchema: JSON = [
        "type": ["integer", "null"], "minimum": JSON(saveIntervals.lowerBound),
        "maximum": JSON(saveIntervals.upperBound),
        "description": "Accepted, superseded: every acknowledged write is on disk",
    ]

    private static let kvSchema: JSON = [
        "store_method": [
            "type": ["string", "null"], "enum": ["in_memory", "file_based", .null], "default": "in_memory",
        ],
        "file_path": ["type": ["string", "null"], "default": .string(DurableStoreConfiguration.defaultPath)],
        "save_interval_ms": saveIntervalSchema,
        "channel_size": ["type": "integer", "minimum": 1, "maximum": 1_048_576],
        "encryption_key_file": ["type": "string"],
        "previous_encryption_key_files": ["type": "array", "items": ["type": "string"]],
        "encrypt_existing": ["type": "boolean"],
        "retain_log_hours": [
            "type": "number", "minimum": 0, "maximum": JSON(DurableStoreConfiguration.maximumRetainHours),
        ],
        "retain_log_bytes": ["type": "integer", "minimum": 0],
        "scrub_interval_hours": [
            "type": "number", "minimum": 0, "maximum": JSON(DurableStoreConfiguration.maximumRetainHours),
        ],
        "scrub_retired_log": ["type": "boolean"],
        "allow_network_filesystem": ["type": "boolean"],
    ]

    /// What a configuration entry begins with: the block without what the schema refuses. nil: none, or it holds a key,
    /// which belongs into no other file; config.yaml's adapter counts then.
    var seed: JSON? {
        guard let block else { return nil }
        let given = block["config"]?.object ?? JSONObject()
        guard given["encryption_key"] == nil else { return nil }
        var config = JSONObject()
        for (field, value) in given where !value.isNull { config[field] = value }
        if let interval = config["save_interval_ms"]?.number?.int64, !Self.saveIntervals.contains(interval) {
            config["save_interval_ms"] = nil
        }
        return ["name": "kv", "config": .object(config)]
    }

    /// Whether another configuration, stored or new, needs no other store. One that names no adapter keeps this one: a
    /// missing member never demotes what is on disk to memory.
    func isKept(by other: KeyValueStorageConfiguration) -> Bool {
        guard other.block != nil else { return true }
        return block == other.block || seed != nil && seed == other.seed
    }
}
