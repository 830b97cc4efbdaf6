import Engine

/// The `config:` block of `iii-state` (state.md §5.1).
public struct StateConfiguration: Sendable {
    public var storage: KeyValueStorageConfiguration
    public var triggersEnabled: Bool
    /// Compared with the compact text of what `state::set` stores; nil: no limit.
    public var maxValueBytes: Int?
    public var limits: StateLimits

    public init(
        storage: KeyValueStorageConfiguration = .init(method: .inMemory),
        triggersEnabled: Bool = true,
        maxValueBytes: Int? = nil,
        limits: StateLimits = StateLimits()
    ) {
        self.storage = storage
        self.triggersEnabled = triggersEnabled
        self.maxValueBytes = maxValueBytes
        self.limits = limits
    }

    /// Upstream's, and behind them ours.
    static let fields = [
        "adapter", "triggers_enabled", "max_value_bytes", "save_interval_ms", "max_scope_bytes", "max_key_bytes",
    ]

    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(block, fields: Self.fields)
        let interval: Int64? = try reader.integer("save_interval_ms", nullable: true)
        storage = try KeyValueStorageConfiguration(reader, worker: "iii-state")
        if storage.saveIntervalMilliseconds == nil { storage.saveIntervalMilliseconds = interval }
        triggersEnabled = try reader.bool("triggers_enabled", nullable: true) ?? true
        // Out of range in config.yaml counts as unset (state.md §5.1).
        let limit: Int64? = try reader.integer("max_value_bytes", nullable: true)
        maxValueBytes = limit.flatMap { $0 >= 1 ? Int($0) : nil }
        limits = try StateLimits(reader)
    }
}
