import Storage

/// The content of one kind in a store that is read without opening it: every group with its entries in insertion order.
/// Not thread-safe.
public struct StoredContent {
    public struct Entry {
        /// A scope's name; a stream's and its group's.
        public var path: [String]
        /// Groups are numbered in the order in which they were made; a stream's groups follow each other.
        public var owner: Bytes
        public var key: String
        /// JSON text.
        public var value: Bytes
    }

    public let kind: ContentKind
    private let reader: StoreReader
    private let layout: ContentLayout
    /// By level, and by the ids down to it.
    private let names: [[Bytes: String]]

    /// Reads all names.
    public init(_ reader: StoreReader, _ kind: ContentKind) throws {
        self.reader = reader
        self.kind = kind
        layout = kind.layout
        names = try layout.names.map { tables in
            var names: [Bytes: String] = [:]
            try reader.scan(tables.names) { key, name in
                names[Bytes(key)] = String(decoding: name, as: UTF8.self)
                return true
            }
            return names
        }
    }

    public var groupCount: Int { names.last?.count ?? 0 }

    /// The paths of all groups, in the order of their numbers.
    public func paths() throws -> [[String]] {
        let owners = names.last.map { Array($0.keys) } ?? []
        return try owners.sorted { $0.lexicographicallyPrecedes($1) }.map(path)
    }

    /// Visits all entries, group by group in order of their numbers. Throws what `visit` throws.
    ///
    /// - Throws: `.writerBug` at a row that no adapter writes.
    public func entries(_ visit: (Entry) throws -> Void) throws {
        var failure: (any Error)?
        var group: (owner: Bytes, path: [String]) = ([], [])
        try reader.scan(layout.entries.entries) { key, value in
            do {
                let owner = Bytes(key.prefix(layout.ownerBytes))
                if owner != group.owner { group = (owner, try path(owner)) }
                try visit(try entry(Bytes(key), Bytes(value), path: group.path))
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
    }

    private func path(_ owner: Bytes) throws -> [String] {
        try layout.names.indices.map { level in
            guard let name = names[level][Bytes(owner.prefix((level + 1) * ContentLayout.idBytes))] else {
                throw notOurs(layout.names[level].names)
            }
            return name
        }
    }

    private func entry(_ key: Bytes, _ value: Bytes, path: [String]) throws -> Entry {
        guard key.count == layout.ownerBytes + MemoryLayout<UInt64>.size, let parts = EntryRow.parts(value) else {
            throw notOurs(layout.entries.entries)
        }
        return Entry(
            path: path,
            owner: Bytes(key.prefix(layout.ownerBytes)),
            key: String(decoding: parts.key, as: UTF8.self),
            value: Bytes(parts.json)
        )
    }

    private func notOurs(_ table: TableID) -> StorageError {
        StorageError(
            .writerBug,
            "a row of table \(table.rawValue) is not one of \(kind.rawValue)'s. Keep the files and report it",
            path: reader.path
        )
    }
}
