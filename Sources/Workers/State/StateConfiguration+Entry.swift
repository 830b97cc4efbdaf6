import Engine

extension StateConfiguration {
    /// What `configuration::register` is told (state.md §5.2).
    var entry: ConfigurationEntry {
        ConfigurationEntry(
            id: "iii-state",
            name: "State",
            description: "State: where values live, their limits, and whether writes fire triggers",
            schema: Self.schema,
            seed: .object(seed)
        )
    }

    private var seed: JSONObject {
        var object: JSONObject = ["triggers_enabled": .bool(triggersEnabled)]
        object["adapter"] = storage.seed
        object["max_value_bytes"] = maxValueBytes.map { JSON($0) }
        let defaults = StateLimits()
        if limits.scopeBytes != defaults.scopeBytes { object["max_scope_bytes"] = JSON(limits.scopeBytes) }
        if limits.keyBytes != defaults.keyBytes { object["max_key_bytes"] = JSON(limits.keyBytes) }
        return object
    }

    /// Closed, as upstream's.
    static let schema = RawJSON([
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "StateModuleConfig",
        "description": "Configuration of the iii-state worker",
        "type": "object",
        "additionalProperties": false,
        "properties": [
            "adapter": KeyValueStorageConfiguration.adapterSchema,
            "triggers_enabled": ["type": ["boolean", "null"], "default": true],
            "max_value_bytes": ["type": ["integer", "null"], "minimum": 1],
            "save_interval_ms": KeyValueStorageConfiguration.saveIntervalSchema,
            "max_scope_bytes": nameLimit,
            "max_key_bytes": nameLimit,
        ],
        "definitions": [:],
    ])

    private static let nameLimit: JSON = [
        "type": ["integer", "null"], "minimum": JSON(StateLimits.nameBytes.lowerBound),
        "maximum": JSON(StateLimits.nameBytes.upperBound), "default": JSON(StateLimits.defaultNameBytes),
    ]

    /// Takes over what applies while the engine runs; the store stays what it is until the next start.
    mutating func adopt(_ new: StateConfiguration) {
        triggersEnabled = new.triggersEnabled
        maxValueBytes = new.maxValueBytes
        limits = new.limits
    }
}
