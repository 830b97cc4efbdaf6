import Storage

#if canImport(Glibc)
    import Glibc
#endif

/// Writes whole groups into a store that holds nothing of their kind yet: the rows that the adapter would have written
/// for the same entries in the same order. Blocks for the disk. Not thread-safe.
public struct ContentImport {
    /// Rows and bytes of one transaction; a single larger entry makes one by itself.
    static let transactionRows = 2000
    static let transactionBytes = 1 << 20
    /// Of a transaction on a full disk, and between them: the store looks for room by itself.
    private static let attempts = 10
    private static let pauseMicroseconds: UInt32 = 50_000

    private let store: Store
    private let layout: ContentLayout
    private let onCommit: () throws -> Void
    private var path: [String] = []
    /// Of the names in `path`.
    private var ids: [UInt32] = []
    private var rows: [(table: TableID, key: Bytes, value: Bytes)] = []
    private var bytes = 0
    private var lastCommit: Pending<Void>?

    /// - Parameter onCommit: called before each transaction; what it throws ends the import.
    /// - Throws: `.unusableDirectory` if the store has content of the kind already.
    public init(store: Store, _ kind: ContentKind, onCommit: @escaping () throws -> Void = {}) throws {
        self.store = store
        self.onCommit = onCommit
        let layout = kind.layout
        self.layout = layout
        guard try store.read({ $0.isEmpty(layout) }).wait() else {
            throw StorageError(
                .unusableDirectory,
                "the store holds content of \(kind.rawValue) already; name a path that does not exist yet",
                path: store.recovery.path
            )
        }
    }

    /// Adds a group that was not added before; one without entries leaves no rows. Keys must differ, and groups that share
    /// a stream must follow each other.
    public mutating func add(
        _ path: [String],
        _ entries: some Sequence<(key: String, value: some Collection<UInt8>)>
    ) throws {
        var owner: Bytes?
        var next: UInt64 = 1
        for entry in entries {
            let group = owner ?? begin(path)
            owner = group
            addEntry(next, of: group, entry.key, entry.value)
            next += 1
            if rows.count >= Self.transactionRows || bytes >= Self.transactionBytes { try commit() }
        }
    }

    /// Returns when everything added is on disk.
    public mutating func finish() throws {
        if !rows.isEmpty { try commit() }
        try lastCommit?.wait()
        lastCommit = nil
    }

    /// The names that are new, and the owner of what follows.
    private mutating func begin(_ new: [String]) -> Bytes {
        let known = zip(path, new).prefix { $0.utf8.elementsEqual($1.utf8) }.count
        precondition(known < new.count, "a group is added once")
        var owner: Bytes = []
        for (level, name) in new.enumerated() {
            if level == known { ids = ids.prefix(level) + [ids.count > level ? ids[level] + 1 : 1] }
            if level > known { ids.append(1) }
            if level >= known { addName(name, ids[level], in: layout.names[level], parent: owner) }
            owner.append(bigEndian: ids[level])
        }
        path = new
        return owner
    }

    private mutating func addName(_ name: String, _ id: UInt32, in tables: NameTables, parent: Bytes) {
        put(tables.ids, tables.idKey(name, parent: parent), Bytes(bigEndian: id))
        put(tables.names, tables.nameKey(id, parent: parent), Bytes(name.utf8))
    }

    private mutating func addEntry(_ id: UInt64, of owner: Bytes, _ key: String, _ value: some Collection<UInt8>) {
        let row = Bytes(value).withUnsafeBytes { EntryRow.make(json: $0, key: key) }
        put(layout.entries.keys, layout.entries.keyKey(key, owner: owner), Bytes(bigEndian: id))
        put(layout.entries.entries, layout.entries.entryKey(id, owner: owner), row)
    }

    private mutating func put(_ table: TableID, _ key: Bytes, _ value: Bytes) {
        rows.append((table, key, value))
        bytes += key.count + value.count
    }

    /// One transaction on its way to the disk while the next is made.
    private mutating func commit() throws {
        try onCommit()
        try lastCommit?.wait()
        lastCommit = try commit(rows)
        rows = []
        bytes = 0
    }

    /// On a disk that is nearly full, log that a checkpoint has taken is the room for the next.
    private func commit(_ batch: [(table: TableID, key: Bytes, value: Bytes)]) throws -> Pending<Void> {
        for _ in 0..<Self.attempts {
            if store.isSaturated { store.waitUntilUnsaturated() }
            do {
                return try store.commit { transaction in
                    for row in batch { transaction.put(row.table, key: row.key, value: row.value) }
                }
            } catch let error as StorageError where error.code == .lowSpace {
                try store.checkpoint()
                usleep(Self.pauseMicroseconds)
            }
        }
        throw StorageError(.lowSpace, "the disk is full; free some space and try again", path: store.recovery.path)
    }
}
