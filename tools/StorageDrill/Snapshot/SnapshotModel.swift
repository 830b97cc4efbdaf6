import Storage

/// What a scenario's snapshot must hold after each commit, as one number: a hash of its own over all rows in key order.
struct SnapshotModel {
    /// By generation, from 0.
    let hashes: [UInt64]

    init(_ scenario: SnapshotScenario) {
        var rows: [RowKey: [UInt8]] = [:]
        var hashes = [ContentHash().value]
        for generation in 1...SnapshotScenario.recordedGenerations.upperBound + SnapshotScenario.added {
            for change in scenario.changes(of: generation) { Self.apply(change, &rows) }
            hashes.append(Self.hash(rows))
        }
        self.hashes = hashes
    }

    private struct RowKey: Hashable, Comparable {
        var table: UInt16
        var key: [UInt8]

        static func < (left: RowKey, right: RowKey) -> Bool {
            left.table != right.table ? left.table < right.table : left.key.lexicographicallyPrecedes(right.key)
        }
    }

    private static func apply(_ change: SnapshotTrial.Change, _ rows: inout [RowKey: [UInt8]]) {
        switch change {
        case .put(let table, let key, let value): rows[RowKey(table: table.rawValue, key: key)] = value
        case .delete(let table, let key): rows[RowKey(table: table.rawValue, key: key)] = nil
        case .trim(let table, let from, let upTo):
            let first = RowKey(table: table.rawValue, key: from)
            let end = RowKey(table: table.rawValue, key: upTo)
            rows = rows.filter { !(first <= $0.key && $0.key < end) }
        }
    }

    private static func hash(_ rows: [RowKey: [UInt8]]) -> UInt64 {
        var hash = ContentHash()
        for (row, value) in rows.sorted(by: { $0.key < $1.key }) {
            row.key.withUnsafeBytes { key in value.withUnsafeBytes { hash.add(row.table, key, $0) } }
        }
        return hash.value
    }
}

/// Depends on every byte and on the order of rows; has nothing in common with the engine's own checksums.
struct ContentHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ table: UInt16, _ key: UnsafeRawBufferPointer, _ content: UnsafeRawBufferPointer) {
        add(UInt64(table) << 48 | UInt64(key.count) << 32 | UInt64(content.count))
        add(key)
        add(content)
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset + 8 <= bytes.count {
            add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        for byte in bytes[offset...] { add(UInt64(byte)) }
    }

    private mutating func add(_ word: UInt64) {
        value = SeededGenerator.mixed(value ^ word)
    }
}
