import Testing

@testable import Storage
@testable import StorageTesting

/// The ordered table against a sorted array.
@Suite struct OrderedTableTests {
    struct Model {
        var entries: [TableEntry] = []

        mutating func put(_ entry: TableEntry) {
            if let index = entries.firstIndex(where: { $0.key == entry.key }) {
                entries[index] = entry
            } else {
                let index = entries.firstIndex { entry.key.lexicographicallyPrecedes($0.key) } ?? entries.count
                entries.insert(entry, at: index)
            }
        }

        mutating func remove(_ key: Bytes) -> Bool {
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return false }
            entries.remove(at: index)
            return true
        }

        func range(_ from: Bytes?, _ upTo: Bytes?) -> [Bytes] {
            entries.map(\.key).filter { key in
                (from.map { !key.lexicographicallyPrecedes($0) } ?? true)
                    && (upTo.map { key.lexicographicallyPrecedes($0) } ?? true)
            }
        }
    }

    private func keys(_ table: OrderedTable, _ from: Bytes?, _ upTo: Bytes?, reversed: Bool) -> [Bytes] {
        var keys: [Bytes] = []
        var cursor = OrderedTable.Cursor(table, from: from, upTo: upTo, reversed: reversed)
        while let entry = cursor.current {
            keys.append(entry.key)
            cursor.advance()
        }
        return keys
    }

    private func requireSound(_ table: OrderedTable, like model: Model) {
        #expect(table.count == model.entries.count)
        #expect(table.leaves.allSatisfy { !$0.entries.isEmpty && $0.entries.count <= OrderedTable.leafCapacity })
        #expect(keys(table, nil, nil, reversed: false) == model.entries.map(\.key))
        #expect(keys(table, nil, nil, reversed: true) == model.entries.map(\.key).reversed())
    }

    /// All sequences of four puts and removes over keys that are prefixes of each other, with all ranges.
    @Test func allShortSequences() {
        let keys: [Bytes] = [[], [0], [0, 0], [1], [255]]
        let bounds: [Bytes?] = [nil] + keys
        let operations = keys.count * 2
        for sequence in 0..<(operations * operations * operations * operations) {
            let table = OrderedTable()
            var model = Model()
            var rest = sequence
            for step in 0..<4 {
                let key = keys[rest % operations / 2]
                if rest % 2 == 0 {
                    let entry = TableEntry(key: key, value: [UInt8(step)], lsn: UInt64(step))
                    table.put(entry)
                    model.put(entry)
                } else {
                    #expect((table.remove(key) != nil) == model.remove(key))
                }
                rest /= operations
            }
            guard sequence % 7 == 0 else {
                #expect(self.keys(table, nil, nil, reversed: false) == model.entries.map(\.key))
                continue
            }
            requireSound(table, like: model)
            for from in bounds {
                for upTo in bounds {
                    let expected = model.range(from, upTo)
                    #expect(self.keys(table, from, upTo, reversed: false) == expected)
                    #expect(self.keys(table, from, upTo, reversed: true) == expected.reversed())
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func randomLongSequences(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let table = OrderedTable()
        var model: [Bytes: UInt64] = [:]
        // Grows for a while, then shrinks: splits, merges, empty leaves.
        for step in 0..<20_000 {
            let number = UInt16.random(in: 0..<3000, using: &generator)
            let key: Bytes = [UInt8(number >> 8), UInt8(number & 255)]
            let putChance = step < 10_000 ? 70 : 25
            if Int.random(in: 0..<100, using: &generator) < putChance {
                table.put(TableEntry(key: key, value: key, lsn: UInt64(step)))
                model[key] = UInt64(step)
            } else {
                #expect((table.remove(key) != nil) == (model.removeValue(forKey: key) != nil), "seed \(seed)")
            }
            if step % 2000 == 0 { requireSound(table, like: sorted(model)) }
        }
        requireSound(table, like: sorted(model))
        for (key, lsn) in model { #expect(table.entry(key)?.lsn == lsn, "seed \(seed)") }
    }

    private func sorted(_ model: [Bytes: UInt64]) -> Model {
        Model(
            entries: model.map { TableEntry(key: $0.key, value: [], lsn: $0.value) }
                .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        )
    }

    @Test func ascendingKeysFillLeaves() {
        let table = OrderedTable()
        for number in 0..<(OrderedTable.leafCapacity * 10) {
            table.put(TableEntry(key: [UInt8(number >> 8), UInt8(number & 255)], value: [], lsn: 0))
        }
        #expect(table.leaves.count == 10)
    }

    @Test func removeRangeHandsOutWhatItRemoves() {
        for from in 0...10 {
            for upTo in 0...10 {
                let table = OrderedTable()
                for number in 0..<10 { table.put(TableEntry(key: [UInt8(number)], value: [], lsn: 0)) }
                var removed: [UInt8] = []
                table.removeRange(from: [UInt8(from)], upTo: [UInt8(upTo)]) { removed.append($0.key[0]) }
                #expect(removed == (0..<10).filter { $0 >= from && $0 < upTo }.map { UInt8($0) })
                #expect(table.count == 10 - removed.count)
            }
        }
    }
}
