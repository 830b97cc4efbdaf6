import Engine

/// The `config:` block of `iii-stream` (stream.md §8, docs/streams.md).
public struct StreamConfiguration: Sendable {
    public static let defaultPort: UInt16 = 3112

    public var port = defaultPort
    public var host = "0.0.0.0"
    /// Called before each upgrade; nil: everybody may connect.
    public var authFunction: String?
    public var storage = KeyValueStorageConfiguration(method: .inMemory)
    public var limits = StreamLimits()
    public var retention = StreamRetention()
    public var history = StreamHistoryLimits()
    /// An error of a join guard admits the subscriber, as upstream does.
    public var admitsOnGuardError = false

    public init() {}

    static let fields = [
        "port", "host", "auth_function", "adapter", "max_connections", "max_subscriptions",
        "max_subscriptions_per_connection", "max_connection_queue_bytes", "max_id_bytes", "max_value_bytes",
        "join_guard_errors", "retention", "history",
    ]

    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(block, fields: Self.fields)
        port = try reader.integer("port") ?? port
        host = try reader.string("host") ?? host
        authFunction = try reader.string("auth_function", nullable: true)
        storage = try KeyValueStorageConfiguration(reader, worker: "iii-stream")
        limits = try StreamLimits(reader)
        retention = try StreamRetention(reader)
        history = try StreamHistoryLimits(reader)
        admitsOnGuardError = try reader.variant("join_guard_errors", of: ["refuse", "allow"]) == "allow"
    }
}

extension StreamLimits {
    fileprivate init(_ reader: ConfigReader) throws(ConfigurationError) {
        self.init()
        connections = try reader.count("max_connections", in: 1...1_000_000) ?? connections
        subscriptions = try reader.count("max_subscriptions", in: 1...100_000_000) ?? subscriptions
        subscriptionsPerConnection =
            try reader.count("max_subscriptions_per_connection", in: 1...1_000_000) ?? subscriptionsPerConnection
        connectionQueueBytes =
            try reader.count("max_connection_queue_bytes", in: (64 << 10)...(1 << 30)) ?? connectionQueueBytes
        idBytes = try reader.count("max_id_bytes", in: 1...(1 << 20)) ?? idBytes
        valueBytes = try reader.count("max_value_bytes", in: 1...Int.max)
    }
}

extension StreamRetention {
    fileprivate init(_ reader: ConfigReader) throws(ConfigurationError) {
        self.init()
        guard let block = try reader.object("retention", fields: ["max_items", "max_bytes", "max_age_ms"]) else {
            return
        }
        items = try block.count("max_items", in: 1...Int.max)
        bytes = try block.count("max_bytes", in: 1...Int.max)
        ageMilliseconds = try block.count("max_age_ms", in: 1...Self.longestAge).map { Int64($0) }
    }

    /// A hundred years.
    private static let longestAge = 3_155_760_000_000
}

extension StreamHistoryLimits {
    fileprivate init(_ reader: ConfigReader) throws(ConfigurationError) {
        self.init()
        guard let block = try reader.object("history", fields: ["max_events", "max_bytes", "max_age_ms"]) else {
            return
        }
        events = try block.count("max_events", in: 0...10_000_000) ?? events
        bytes = try block.count("max_bytes", in: 0...(1 << 30)) ?? bytes
        ageMilliseconds = try block.count("max_age_ms", in: 0...Int.max).map { Int64($0) } ?? ageMilliseconds
    }
}

extension ConfigReader {
    /// A number of things; null counts as absent.
    fileprivate func count(_ field: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        try integer(field, nullable: true, in: range)
    }
}
