extension OrderedTable {
    /// Visits the entries of a half-open key range in order until `visit` returns false.
    ///
    /// The table must not change during the scan. Complexity: O(log count + visited).
    func scan(from: Bytes?, upTo: Bytes?, reversed: Bool, _ visit: (TableEntry) -> Bool) {
        let start = Self.bound(from, in: self) ?? (leaf: 0, index: 0)
        let end = Self.bound(upTo, in: self) ?? (leaf: leaves.count, index: 0)
        if reversed { scanBackward(start, end, visit) } else { scanForward(start, end, visit) }
    }

    private typealias Bound = (leaf: Int, index: Int)

    private static func bound(_ key: Bytes?, in table: OrderedTable) -> Bound? {
        key.map { key in
            let place = key.withUnsafeBytes { table.place(of: $0) }
            return (place.leaf, place.index)
        }
    }

    private func scanForward(_ start: Bound, _ end: Bound, _ visit: (TableEntry) -> Bool) {
        var (leaf, index) = start
        while leaf < leaves.count && leaf <= end.leaf {
            let entries = leaves[leaf].entries
            let limit = leaf == end.leaf ? end.index : entries.count
            while index < limit {
                if !visit(entries[index]) { return }
                index += 1
            }
            leaf += 1
            index = 0
        }
    }

    private func scanBackward(_ start: Bound, _ end: Bound, _ visit: (TableEntry) -> Bool) {
        var leaf = min(end.leaf, leaves.count - 1)
        while leaf >= start.leaf && leaf >= 0 {
            let entries = leaves[leaf].entries
            var index = leaf == end.leaf ? end.index : entries.count
            let limit = leaf == start.leaf ? start.index : 0
            while index > limit {
                index -= 1
                if !visit(entries[index]) { return }
            }
            leaf -= 1
        }
    }

    /// Removes a half-open key range and hands out what was there, in order.
    func removeRange(from: Bytes, upTo: Bytes, _ removed: (TableEntry) -> Void) {
        var keys: [Bytes] = []
        scan(from: from, upTo: upTo, reversed: false) { entry in
            keys.append(entry.key)
            return true
        }
        for key in keys {
            if let entry = remove(key) { removed(entry) }
        }
    }
}
