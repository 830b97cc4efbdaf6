import Storage

/// How streams lie in a store: streams by name, the groups of each, and the items of each group. A group without items
/// has no rows, nor has a stream without groups.
enum StreamRows {
    static let streams = NameTables(ids: TableID(rawValue: 5), names: TableID(rawValue: 6))
    /// Under a stream's id.
    static let groups = NameTables(ids: TableID(rawValue: 7), names: TableID(rawValue: 8))
    /// Owned by a stream's id and a group's id.
    static let items = EntryTables(keys: TableID(rawValue: 9), entries: TableID(rawValue: 10))
}
