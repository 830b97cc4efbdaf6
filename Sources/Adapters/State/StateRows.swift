import Storage

/// How state lies in a store: scopes by name, and the entries of each. A scope without entries has no rows.
enum StateRows {
    static let scopes = NameTables(ids: TableID(rawValue: 1), names: TableID(rawValue: 2))
    /// Owned by a scope's id.
    static let entries = EntryTables(keys: TableID(rawValue: 3), entries: TableID(rawValue: 4))
}
