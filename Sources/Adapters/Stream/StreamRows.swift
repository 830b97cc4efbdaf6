import Storage

/// How streams lie in a store: streams by name, the groups of each, the items of each group. A group without items has
/// no rows, nor has a stream without groups.
enum StreamRows {
    static let streams = NameTables(ids: TableID(rawValue: 5), names: TableID(rawValue: 6))
    /// Under the stream's id.
    static let groups = NameTables(ids: TableID(rawValue: 7), names: TableID(rawValue: 8))
    /// Owned by the stream's id and the group's.
    static let items = EntryTables(keys: TableID(rawValue: 9), entries: TableID(rawValue: 10))
    /// What subscribers can still be told: position, u64 big-endian → the event's message.
    static let events = TableID(rawValue: 11)
    /// Facts of the layer by name.
    static let facts = TableID(rawValue: 12)
    /// Only with limits of count or bytes: owner → items and bytes, u64 big-endian each.
    static let sizes = TableID(rawValue: 13)
    /// Only with a limit of age: owner, entry id → creation in Unix milliseconds, u64 big-endian.
    static let created = TableID(rawValue: 14)

    /// Events up to this position may be gone; the row is there while events are kept.
    static let historyFloor = Bytes("history-floor".utf8)
    /// Every item has its row in `created`.
    static let creationsKnown = Bytes("creations-known".utf8)
}
