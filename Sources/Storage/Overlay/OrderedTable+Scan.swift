extension OrderedTable {
    /// Walks a half-open key range, forwards or backwards. The table must not change meanwhile.
    ///
    /// Complexity: O(log count) to make, O(1) a step.
    struct Cursor {
        private let table: OrderedTable?
        private let isReversed: Bool
        /// Forwards: the next entry. Backwards: one past the next entry.
        private var leaf = 0
        private var index = 0
        private var lastLeaf = 0
        private var lastIndex = 0

        /// nil for `table`: an empty range. nil for a key: no bound.
        init(_ table: OrderedTable?, from: Bytes?, upTo: Bytes?, reversed: Bool) {
            self.table = table
            isReversed = reversed
            guard let table else { return }
            let start = table.bound(from) ?? (leaf: 0, index: 0)
            let end = table.bound(upTo) ?? (leaf: table.leaves.count, index: 0)
            (leaf, index) = reversed ? end : start
            (lastLeaf, lastIndex) = reversed ? start : end
            settle()
        }

        /// The entry that stands next, nil at the end.
        var current: TableEntry? {
            guard let table, !isAtEnd else { return nil }
            return table.leaves[leaf].entries[isReversed ? index - 1 : index]
        }

        mutating func advance() {
            index += isReversed ? -1 : 1
            settle()
        }

        private var isAtEnd: Bool {
            isReversed
                ? (leaf, index) <= (lastLeaf, lastIndex)
                : (leaf, index) >= (lastLeaf, lastIndex)
        }

        /// Moves over the edge of a leaf.
        private mutating func settle() {
            guard let table else { return }
            if isReversed {
                while index == 0 && leaf > lastLeaf {
                    leaf -= 1
                    index = table.leaves[leaf].entries.count
                }
            } else {
                while leaf < table.leaves.count && index >= table.leaves[leaf].entries.count {
                    leaf += 1
                    index = 0
                }
            }
        }
    }

    private func bound(_ key: Bytes?) -> (leaf: Int, index: Int)? {
        key.map { key in
            let place = key.withUnsafeBytes { self.place(of: $0) }
            return (place.leaf, place.index)
        }
    }

    /// Visits all entries in order.
    func forEach(_ visit: (TableEntry) throws -> Void) rethrows {
        for leaf in leaves {
            for entry in leaf.entries { try visit(entry) }
        }
    }

    /// Removes a half-open key range and hands out what was there, in order.
    func removeRange(from: Bytes, upTo: Bytes, _ removed: (TableEntry) -> Void) {
        var cursor = Cursor(self, from: from, upTo: upTo, reversed: false)
        var keys: [Bytes] = []
        while let entry = cursor.current {
            keys.append(entry.key)
            cursor.advance()
        }
        for key in keys {
            if let entry = remove(key) { removed(entry) }
        }
    }
}
