/// All tables of a store in memory. Until checkpoints exist this is the whole content (storage.md §2 is the next step).
struct Tables {
    private var tables: [UInt16: OrderedTable] = [:]

    /// nil: nothing was ever written to it.
    func existing(_ id: TableID) -> OrderedTable? {
        tables[id.rawValue]
    }

    mutating func table(_ id: TableID) -> OrderedTable {
        if let table = tables[id.rawValue] { return table }
        let table = OrderedTable()
        tables[id.rawValue] = table
        return table
    }

    /// Applies one recovered record. Idempotent: records carry results (I8).
    mutating func apply(_ record: Record, lsn: LSN) {
        switch record {
        case .put(let id, let key, let value):
            let table = table(id)
            table.put(TableEntry(key: Bytes(key), value: Bytes(value), lsn: lsn.rawValue))
            table.lastChangeLSN = lsn.rawValue
        case .delete(let id, let key):
            let table = table(id)
            table.remove(key)
            table.lastChangeLSN = lsn.rawValue
            table.lastDeleteLSN = lsn.rawValue
        case .trim(let id, let from, let upTo):
            let table = table(id)
            table.removeRange(from: Bytes(from), upTo: Bytes(upTo)) { _ in }
            table.lastChangeLSN = lsn.rawValue
            table.lastDeleteLSN = lsn.rawValue
        case .ignored:
            break
        }
    }

    /// Every entry, by table number, then key. For tests and inspection.
    func forEach(_ visit: (TableID, TableEntry) -> Void) {
        for id in tables.keys.sorted() {
            tables[id]?.scan(from: nil, upTo: nil, reversed: false) { entry in
                visit(TableID(rawValue: id), entry)
                return true
            }
        }
    }
}
