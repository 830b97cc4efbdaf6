/// Bounds of streams that an operator can move (docs/streams.md, "Limits").
public struct StreamLimits: Sendable {
    /// Sockets of port 3112, upgraded or not.
    public var connections = 32_768
    /// Of all connections together.
    public var subscriptions = 1_000_000
    public var subscriptionsPerConnection = 16_384
    /// What may wait for a client that reads more slowly than others write.
    public var connectionQueueBytes = 16 << 20
    /// What may wait for all clients together. Events are shared, so that this counts more than the memory they take.
    public var totalQueueBytes = 1 << 30
    /// Of `stream_name`, `group_id` and `item_id` each, UTF-8.
    public var idBytes = 65_536
    /// Compared with the compact text of what `stream::set` stores; nil: no limit.
    public var valueBytes: Int?

    public init() {}

    /// Of a client's frame: its four names, each byte of which may be six in JSON, and room for more. Longer ones are ignored.
    var frameBytes: Int { 24 * idBytes + (1 << 20) }
}

/// How much of each group is kept; nil: everything. What goes is told as deleted.
public struct StreamRetention: Sendable, Equatable {
    public var items: Int?
    /// Of the values' JSON text.
    public var bytes: Int?
    /// Since the item was created.
    public var ageMilliseconds: Int64?

    public init() {}

    public var isLimited: Bool { items != nil || bytes != nil || ageMilliseconds != nil }
}

/// Which events a resume can reach: of all groups together.
public struct StreamHistoryLimits: Sendable, Equatable {
    public var events = 100_000
    public var bytes = 16 << 20
    public var ageMilliseconds: Int64 = 3_600_000

    public init() {}

    public var isKept: Bool { events > 0 && bytes > 0 && ageMilliseconds > 0 }
}
