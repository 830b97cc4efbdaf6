import Storage

/// An entry of state or an item of a stream by its names, and the way to its row.
public struct EntryAddress: Sendable, Hashable {
    public let kind: ContentKind
    /// Of the scope; of the stream and its group.
    public let path: [String]
    public let key: String

    public init(scope: String, key: String) {
        kind = .state
        path = [scope]
        self.key = key
    }

    public init(stream: String, group: String, item: String) {
        kind = .stream
        path = [stream, group]
        key = item
    }

    /// Table and key of the entry's row; nil: it isn't there.
    ///
    /// - Parameter look: the value of a row, which says where the next one is.
    public func locate(_ look: (TableID, Bytes) throws -> Bytes?) rethrows -> (table: TableID, key: Bytes)? {
        let layout = kind.layout
        guard let owner = try Self.owner(path, kind, look),
            let id = try look(layout.entries.keys, layout.entries.keyKey(key, owner: owner)),
            id.count == MemoryLayout<UInt64>.size
        else { return nil }
        return (layout.entries.entries, layout.entries.entryKey(id.integer(), owner: owner))
    }

    /// What the keys of a group's rows begin with; nil: there is no such group.
    static func owner(_ path: [String], _ kind: ContentKind, _ look: (TableID, Bytes) throws -> Bytes?) rethrows
        -> Bytes?
    {
        var owner: Bytes = []
        for (name, tables) in zip(path, kind.layout.names) {
            guard let id = try look(tables.ids, tables.idKey(name, parent: owner)), id.count == ContentLayout.idBytes
            else { return nil }
            owner += id
        }
        return owner
    }
}
