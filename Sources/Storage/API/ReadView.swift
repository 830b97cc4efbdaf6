/// A consistent view of all committed transactions, valid inside its closure only.
///
/// It may see what is not durable yet; the result of the read is released when it is (I4). The closure runs under the
/// store's lock: keep it to one page of work.
public struct ReadView: ~Copyable {
    private let core: CommitCore

    init(core: CommitCore) {
        self.core = core
        core.seenLSN = 0
    }

    /// nil: not there. The array is shared with the table, not copied.
    public func get(_ table: TableID, key: Bytes) -> Bytes? {
        guard let table = core.tables.existing(table) else { return nil }
        guard let entry = table.entry(key) else {
            saw(table.lastDeleteLSN)
            return nil
        }
        saw(entry.lsn)
        return entry.value
    }

    /// Visits the half-open key range in key order, or backwards, until `visit` returns false. nil: no bound.
    /// Waits for the table's latest change, the simplest bound for what could have changed the range.
    public func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool = false,
        _ visit: (Bytes, Bytes) -> Bool
    ) {
        guard let table = core.tables.existing(table) else { return }
        saw(table.lastChangeLSN)
        table.scan(from: from, upTo: upTo, reversed: reversed) { visit($0.key, $0.value) }
    }

    /// Keys in a table.
    public func count(_ table: TableID) -> Int {
        guard let table = core.tables.existing(table) else { return 0 }
        saw(table.lastChangeLSN)
        return table.count
    }

    private func saw(_ lsn: UInt64) {
        if lsn > core.seenLSN { core.seenLSN = lsn }
    }
}
