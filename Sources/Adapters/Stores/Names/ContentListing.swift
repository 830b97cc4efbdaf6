import Storage

/// Scopes, streams, groups and their entries in order of their names, a page at a time, read without opening the store.
/// Names of more than 400 bytes are in the order of what stands for them in keys. Not thread-safe.
public struct ContentListing {
    /// A scope; a stream; a group of a stream.
    public struct Group: Sendable, Equatable {
        public var name: String
        /// Of a stream; else 0.
        public var groups = 0
        public var entries: UInt64 = 0
        /// Of the values.
        public var bytes: UInt64 = 0
    }

    public struct Entry: Sendable, Equatable {
        public var key: String
        /// Of the value.
        public var bytes: Int
        /// The record that set it.
        public var lsn: LSN
    }

    public struct Page<Element: Sendable>: Sendable {
        public var elements: [Element] = []
        /// There are more behind the last one.
        public var hasMore = false
    }

    private let reader: StoreReader
    private let kind: ContentKind
    private let layout: ContentLayout

    public init(_ reader: StoreReader, _ kind: ContentKind) {
        self.reader = reader
        self.kind = kind
        layout = kind.layout
    }

    /// The groups below a path, which is empty for scopes and streams; nil: there is no such path.
    ///
    /// - Parameter after: the name behind which the page begins.
    public func groups(below path: [String], after: String?, limit: Int) throws -> Page<Group>? {
        guard let parent = try owner(path) else { return nil }
        let tables = layout.names[path.count]
        return try page(tables.ids, parent, after, limit) { id in
            guard id.count == ContentLayout.idBytes else { throw notOurs(tables.ids) }
            return try group(parent + id, tables)
        }
    }

    /// The entries of a scope or group; nil: there is none.
    public func entries(of path: [String], after: String?, limit: Int) throws -> Page<Entry>? {
        guard let owner = try owner(path) else { return nil }
        return try page(layout.entries.keys, owner, after, limit) { id in
            guard id.count == MemoryLayout<UInt64>.size else { throw notOurs(layout.entries.keys) }
            let key = layout.entries.entryKey(id.integer(), owner: owner)
            // Beside a running engine it may be gone since then.
            guard let row = try reader.row(layout.entries.entries, key: key) else { return nil }
            guard let parts = EntryRow.parts(row.value) else { throw notOurs(layout.entries.entries) }
            return Entry(key: String(decoding: parts.key, as: UTF8.self), bytes: parts.json.count, lsn: row.lsn)
        }
    }

    private func owner(_ path: [String]) throws -> Bytes? {
        try EntryAddress.owner(path, kind) { try reader.get($0, key: $1) }
    }

    /// What `make` returns for the rows of a table under an owner, whose keys are in order of names.
    private func page<Element>(
        _ table: TableID,
        _ owner: Bytes,
        _ after: String?,
        _ limit: Int,
        _ make: (Bytes) throws -> Element?
    ) throws -> Page<Element> {
        let start = after.map { owner + Bytes(name: $0) + [0] } ?? owner
        let cursor = reader.cursor(table, from: start, upTo: owner.endOfPrefix)
        var page = Page<Element>()
        while let row = try cursor.next() {
            guard page.elements.count < limit else {
                page.hasMore = true
                break
            }
            if let element = try make(row.value) { page.elements.append(element) }
        }
        return page
    }

    /// nil: it has lost its name since then.
    private func group(_ owner: Bytes, _ tables: NameTables) throws -> Group? {
        guard let name = try reader.get(tables.names, key: owner) else { return nil }
        var group = Group(name: String(decoding: name, as: UTF8.self))
        var last: Bytes?
        let cursor = reader.cursor(layout.entries.entries, from: owner, upTo: owner.endOfPrefix)
        while let row = try cursor.next() {
            guard let parts = EntryRow.parts(row.value) else { throw notOurs(layout.entries.entries) }
            group.entries += 1
            group.bytes += UInt64(parts.json.count)
            let inner = Bytes(row.key.prefix(layout.ownerBytes))
            if owner.count < layout.ownerBytes, inner != last { group.groups += 1 }
            last = inner
        }
        return group
    }

    private func notOurs(_ table: TableID) -> StorageError {
        StorageError(
            .writerBug,
            "a row of table \(table.rawValue) is not one of \(kind.rawValue)'s. Keep the files and report it",
            path: reader.path
        )
    }
}
