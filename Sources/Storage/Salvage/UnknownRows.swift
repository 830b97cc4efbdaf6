/// Rows of which a damaged snapshot tells nothing: only the log can.
struct UnknownRows {
    /// There is no snapshot.
    var isEverything = false
    /// Row keys, both excluded, between which something could not be read. A nil end: none.
    var ranges: [(after: Bytes?, before: Bytes?)] = []
    /// Damaged rows by row key, with the LSN of the change in the log that says what they are.
    private(set) var damaged: [Bytes: LSN?] = [:]
    /// Those of them that no holder of the store's key wrote.
    private(set) var unproven: Set<Bytes> = []
    private(set) var omitted: UInt64 = 0

    mutating func add(_ table: TableID, _ key: Bytes, isUnproven: Bool = false) {
        guard damaged.count < InspectionLimits.damagedRows else {
            omitted += 1
            return
        }
        damaged.updateValue(nil, forKey: SnapshotKey.make(table, key))
        if isUnproven { unproven.insert(SnapshotKey.make(table, key)) }
    }

    func contains(_ rowKey: Bytes) -> Bool {
        if isEverything || damaged[rowKey] != nil { return true }
        return ranges.contains { range in
            range.after.map { compareKeys(rowKey, $0) > 0 } ?? true
                && range.before.map { compareKeys(rowKey, $0) < 0 } ?? true
        }
    }

    /// A change says what a row is from now on.
    mutating func settle(_ rowKey: Bytes, _ lsn: LSN) {
        guard damaged[rowKey] != nil else { return }
        damaged.updateValue(lsn, forKey: rowKey)
    }

    /// Damaged rows in a trimmed range.
    func damaged(_ table: TableID, from: Bytes, upTo: Bytes) -> [Bytes] {
        let first = SnapshotKey.make(table, from)
        let last = SnapshotKey.make(table, upTo)
        return damaged.keys.filter { compareKeys($0, first) >= 0 && compareKeys($0, last) < 0 }
    }

    /// The parts of a trimmed range that nothing is known of, as keys of its table.
    func parts(_ table: TableID, from: Bytes, upTo: Bytes) -> [(from: Bytes, upTo: Bytes)] {
        let first = SnapshotKey.make(table, from)
        let last = SnapshotKey.make(table, upTo)
        let ranges = isEverything ? [(after: nil, before: nil)] : ranges
        return ranges.compactMap { range in
            var (low, high) = (first, last)
            // The first possible key behind one is that key and a zero byte.
            if let after = range.after, compareKeys(after + [0], low) > 0 { low = after + [0] }
            if let before = range.before, compareKeys(before, high) < 0 { high = before }
            guard compareKeys(low, high) < 0 else { return nil }
            return (Bytes(low.dropFirst(SnapshotKey.tableBytes)), Bytes(high.dropFirst(SnapshotKey.tableBytes)))
        }
    }
}
