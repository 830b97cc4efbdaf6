import Engine
import Storage
import Workers

/// Rows that only limits need: made when a limit is set for the first time, removed when it is lifted.
enum StreamRetentionRows {
    /// Items looked at in one transaction.
    private static let pageItems = 1000
    private static let everyKey = Bytes(repeating: .max, count: 24)

    /// Prepares a store that was just opened. Blocks for the disk.
    ///
    /// Items that were there before the limit of age are taken to be created now.
    static func prepare(_ store: Store, _ retention: StreamRetention, now: Int64) throws {
        try clear(store, retention)
        guard retention.ageMilliseconds != nil, try !isPrepared(store) else { return }
        var next: Bytes? = []
        while let from = next {
            next = try store.commit { $0.noteCreations(from: from, now: now, limit: pageItems) }.wait()
        }
        try store.commit { $0.put(StreamRows.facts, key: StreamRows.creationsKnown, value: []) }.wait()
    }

    private static func isPrepared(_ store: Store) throws -> Bool {
        try store.read { view in
            // Items without any creation were adopted after the limit had been set.
            view.contains(StreamRows.facts, key: StreamRows.creationsKnown)
                && (view.edgeKey(StreamRows.items.entries, prefix: [], last: false) == nil
                    || view.edgeKey(StreamRows.created, prefix: [], last: false) != nil)
        }.wait()
    }

    private static func clear(_ store: Store, _ retention: StreamRetention) throws {
        let (sizes, ages) = try store.read { view in
            (
                view.edgeKey(StreamRows.sizes, prefix: [], last: false) != nil,
                view.contains(StreamRows.facts, key: StreamRows.creationsKnown)
            )
        }.wait()
        let isClearing = (sizes: sizes && !retention.limitsSize, ages: ages && retention.ageMilliseconds == nil)
        guard isClearing.sizes || isClearing.ages else { return }
        try store.commit { transaction in
            if isClearing.sizes { transaction.trim(StreamRows.sizes, from: [], upTo: everyKey) }
            if isClearing.ages {
                transaction.trim(StreamRows.created, from: [], upTo: everyKey)
                _ = transaction.delete(StreamRows.facts, key: StreamRows.creationsKnown)
            }
        }.wait()
    }
}

extension Transaction {
    /// Where to go on; nil: all items have been seen.
    fileprivate mutating func noteCreations(from: Bytes, now: Int64, limit: Int) -> Bytes? {
        var keys: [Bytes] = []
        scan(StreamRows.items.entries, from: from, upTo: nil) { key, _ in
            keys.append(Bytes(key))
            return keys.count < limit
        }
        for key in keys { put(StreamRows.created, key: key, value: Bytes(bigEndian: UInt64(now))) }
        // The next key, by one byte.
        return keys.count < limit ? nil : keys.last.map { $0 + [0] }
    }
}
