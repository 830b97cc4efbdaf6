import Storage

/// Writes whole scopes into a store that holds no state yet: the rows that `DurableStateAdapter` would have written for
/// the same entries in the same order. Not thread-safe.
public struct StateImport {
    /// Entries and bytes of one transaction; a single larger entry makes one by itself.
    static let transactionEntries = 1000
    static let transactionBytes = 1 << 20

    private let store: Store
    private var scopes: UInt32 = 0
    private var lastCommit: Pending<Void>?

    /// - Throws: `.unusableDirectory` if the store has scopes already.
    public init(store: Store) throws {
        self.store = store
        let isEmpty = store.read { view in
            var isEmpty = true
            view.scan(StateRows.scopes.names, from: nil, upTo: nil) { _, _ in
                isEmpty = false
                return false
            }
            return isEmpty
        }
        guard try isEmpty.wait() else {
            throw StorageError(
                .unusableDirectory,
                "the store holds state already; name a path that does not exist yet"
            )
        }
    }

    /// Adds a scope that was not added before; one without entries leaves no rows. Keys must differ.
    public mutating func add(
        scope: String,
        _ entries: some Sequence<(key: String, value: some Collection<UInt8>)>
    ) throws {
        var batch = Batch()
        var hasScope = false
        for entry in entries {
            if !hasScope {
                hasScope = true
                scopes += 1
                batch.addScope(scopes, name: scope)
            }
            batch.addEntry(scope: scopes, key: entry.key, value: entry.value)
            if batch.isFull { try commit(&batch) }
        }
        try commit(&batch)
    }

    /// Returns when everything added is on disk.
    public mutating func finish() throws {
        try lastCommit?.wait()
        lastCommit = nil
    }

    /// One transaction on its way to the disk while the next is made.
    private mutating func commit(_ batch: inout Batch) throws {
        guard !batch.rows.isEmpty else { return }
        let rows = batch.rows
        try lastCommit?.wait()
        lastCommit = try store.commit { transaction in
            for row in rows { transaction.put(row.table, key: row.key, value: row.value) }
        }
        batch.clear()
    }

    private struct Batch {
        var rows: [(table: TableID, key: Bytes, value: Bytes)] = []
        private var entries = 0
        private var bytes = 0
        private var nextEntry: UInt64 = 1

        var isFull: Bool {
            entries >= StateImport.transactionEntries || bytes >= StateImport.transactionBytes
        }

        mutating func addScope(_ id: UInt32, name: String) {
            let scopes = StateRows.scopes
            rows.append((scopes.ids, scopes.idKey(name), Bytes(bigEndian: id)))
            rows.append((scopes.names, scopes.nameKey(id), Bytes(name.utf8)))
        }

        mutating func addEntry(scope: UInt32, key: String, value: some Collection<UInt8>) {
            let json = Bytes(value)
            let row = json.withUnsafeBytes { EntryRow.make(json: $0, key: key) }
            let (tables, owner) = (StateRows.entries, Bytes(bigEndian: scope))
            rows.append((tables.keys, tables.keyKey(key, owner: owner), Bytes(bigEndian: nextEntry)))
            rows.append((tables.entries, tables.entryKey(nextEntry, owner: owner), row))
            nextEntry += 1
            entries += 1
            bytes += row.count + key.utf8.count
        }

        mutating func clear() {
            rows = []
            entries = 0
            bytes = 0
        }
    }
}
