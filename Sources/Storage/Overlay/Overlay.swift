/// One generation of changes since a checkpoint began: what is newer than the generations and the snapshot below it
/// (storage.md §2). The live one is changed under the core's lock; a frozen one never changes again.
final class Overlay {
    /// The changes of one table.
    final class Table {
        let entries = OrderedTable()
        var trims = RangeTombstones()
        /// The latest change of any kind, for range scans (I4).
        var lastChangeLSN: UInt64 = 0
    }

    private(set) var tables: [UInt16: Table] = [:]
    /// Memory of entries and trims, as `TableEntry.memoryBytes` counts it.
    private(set) var bytes = 0
    /// What the entries take in the snapshot at most.
    private(set) var snapshotBytes = 0
    private(set) var largestValuePages = 1
    private(set) var entryCount = 0
    private(set) var trimCount = 0

    /// How much of the snapshot writing the changes may touch: a page per change, or every leaf.
    ///
    /// LMDB holds these pages in memory until it commits. New content comes on top of that, but no more than the changes
    /// take in memory before, which is bounded as well.
    func touchedBytes(_ snapshot: SnapshotSize) -> Int {
        min(entryCount, snapshot.leafPages) * snapshot.pageBytes
    }

    /// What writing them may take on the disk.
    func writtenBytes(_ snapshot: SnapshotSize) -> Int {
        touchedBytes(snapshot) + snapshotBytes
    }

    var isEmpty: Bool { entryCount == 0 && trimCount == 0 }

    /// nil: this generation didn't touch it.
    func existing(_ id: TableID) -> Table? {
        tables[id.rawValue]
    }

    func table(_ id: TableID) -> Table {
        if let table = tables[id.rawValue] { return table }
        let table = Table()
        tables[id.rawValue] = table
        return table
    }

    /// Sets what this generation says of a key; returns what it said before.
    @discardableResult
    func set(_ entry: TableEntry, in table: Table) -> TableEntry? {
        let old = table.entries.put(entry)
        bytes += entry.memoryBytes
        snapshotBytes += entry.snapshotBytes
        largestValuePages = max(largestValuePages, entry.valuePages)
        entryCount += 1
        if let old { discount(old) }
        return old
    }

    /// This generation says nothing of the key any more.
    func forget(_ key: Bytes, in table: Table) {
        if let old = table.entries.remove(key) { discount(old) }
    }

    private func discount(_ gone: TableEntry) {
        bytes -= gone.memoryBytes
        snapshotBytes -= gone.snapshotBytes
        entryCount -= 1
    }

    /// Hides a key range of everything older, and drops this generation's own entries there, which are handed out.
    func trim(from: Bytes, upTo: Bytes, lsn: UInt64, in table: Table, _ removed: (TableEntry) -> Void) {
        table.entries.removeRange(from: from, upTo: upTo) { entry in
            discount(entry)
            removed(entry)
        }
        var trims = table.trims
        trims.insert(from: from, upTo: upTo, lsn: lsn)
        setTrims(trims, in: table)
    }

    func setTrims(_ trims: RangeTombstones, in table: Table) {
        bytes += trims.bytes - table.trims.bytes
        trimCount += trims.ranges.count - table.trims.ranges.count
        table.trims = trims
    }

    /// Only a mutant does that.
    func forgetTrims() {
        for table in tables.values { setTrims(RangeTombstones(), in: table) }
    }

    /// Applies one recovered record. Idempotent: records carry results (I8).
    func apply(_ record: Record, lsn: LSN) {
        switch record {
        case .put(let id, let key, let value):
            let table = table(id)
            set(TableEntry(key: Bytes(key), value: Bytes(value), lsn: lsn.rawValue), in: table)
            table.lastChangeLSN = lsn.rawValue
        case .delete(let id, let key):
            let table = table(id)
            set(TableEntry(key: Bytes(key), value: nil, lsn: lsn.rawValue), in: table)
            table.lastChangeLSN = lsn.rawValue
        case .trim(let id, let from, let upTo):
            let table = table(id)
            trim(from: Bytes(from), upTo: Bytes(upTo), lsn: lsn.rawValue, in: table) { _ in }
            table.lastChangeLSN = lsn.rawValue
        case .ignored:
            break
        }
    }
}
