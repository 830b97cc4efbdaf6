import Storage

/// Whose content: each lies in tables of its own, so one store can hold all of them.
public enum ContentKind: String, Sendable, CaseIterable {
    case state
    case stream

    var layout: ContentLayout {
        switch self {
        case .state: ContentLayout(names: [StateRows.scopes], entries: StateRows.entries)
        case .stream: ContentLayout(names: [StreamRows.streams, StreamRows.groups], entries: StreamRows.items)
        }
    }
}

/// Groups of entries, each found by a path of names: a scope by one, a stream's group by two.
struct ContentLayout: Sendable {
    /// Outermost first; each under the ids of those before it. The entries' owner is all ids together.
    let names: [NameTables]
    let entries: EntryTables

    var tables: [TableID] { names.flatMap { [$0.ids, $0.names] } + [entries.keys, entries.entries] }
    var ownerBytes: Int { names.count * Self.idBytes }
    static let idBytes = MemoryLayout<UInt32>.size
}

extension RowReader where Self: ~Copyable {
    /// Nil: there is no such group.
    func owner(of path: [String], in layout: ContentLayout) -> Bytes? {
        var owner: Bytes = []
        for (name, tables) in zip(path, layout.names) {
            guard let id = id(of: name, in: tables, parent: owner) else { return nil }
            owner.append(bigEndian: id)
        }
        return owner
    }

    func isEmpty(_ layout: ContentLayout) -> Bool {
        layout.tables.allSatisfy { edgeKey($0, prefix: [], last: false) == nil }
    }
}
