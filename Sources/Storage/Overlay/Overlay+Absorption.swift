/// How far an older generation has been taken in by the one above it. The older one doesn't change; the other may.
struct Absorption {
    /// Not finished, the one in progress last.
    fileprivate var tables: [UInt16]
    /// Entries of that table up to here are done; nil: none.
    fileprivate var doneKey: Bytes?
    /// Its trims that are done.
    fileprivate var doneTrims = 0

    init(of older: Overlay) {
        tables = older.tables.keys.sorted(by: >)
    }
}

extension Overlay {
    /// Takes in at most `limit` more entries and trims of an older generation, below what this one says. True: that was all.
    ///
    /// In between a key's newest word is found as before, here or in the older generation: its trims come after all
    /// entries of their table, or they would hide those that are newer than they and not yet here.
    func absorb(_ older: Overlay, _ progress: inout Absorption, limit: Int) -> Bool {
        var left = limit
        while let number = progress.tables.last, let from = older.tables[number] {
            let table = table(TableID(rawValue: number))
            table.lastChangeLSN = max(table.lastChangeLSN, from.lastChangeLSN)
            guard absorbEntries(of: from, into: table, &progress, &left),
                absorbTrims(of: from, into: table, &progress, &left)
            else { return false }
            progress.tables.removeLast()
            progress.doneKey = nil
            progress.doneTrims = 0
        }
        return true
    }

    private func absorbEntries(of from: Table, into table: Table, _ progress: inout Absorption, _ left: inout Int) -> Bool {
        // The first key behind the last one that is done.
        let start = progress.doneKey.map { $0 + [0] }
        var cursor = OrderedTable.Cursor(from.entries, from: start, upTo: nil, reversed: false)
        while let entry = cursor.current {
            guard left > 0 else { return false }
            left -= 1
            progress.doneKey = entry.key
            cursor.advance()
            guard table.trims.covering(entry.key) == nil, table.entries.entry(entry.key) == nil else { continue }
            set(entry, in: table)
        }
        return true
    }

    private func absorbTrims(of from: Table, into table: Table, _ progress: inout Absorption, _ left: inout Int) -> Bool {
        let ranges = from.trims.ranges.dropFirst(progress.doneTrims).prefix(left)
        guard !ranges.isEmpty || progress.doneTrims == from.trims.ranges.count else { return false }
        var trims = table.trims
        for range in ranges where !isMutant(.thawForgetsTrims) { trims.insert(from: range.from, upTo: range.upTo, lsn: range.lsn) }
        setTrims(trims, in: table)
        progress.doneTrims += ranges.count
        left -= ranges.count
        return progress.doneTrims == from.trims.ranges.count
    }
}
