/// Chooses the entries at which the power fails.
struct PositionPicker {
    private let journal: Journal
    private var random: SeededGenerator

    init(_ journal: Journal, seed: UInt64) {
        self.journal = journal
        random = SeededGenerator(seed: seed)
    }

    /// At most `count` positions, rising. Where names change or directories are synced first, then where files are synced,
    /// then the ends of durable writes, then anywhere.
    mutating func pick(_ count: Int) -> [Int] {
        var picked: Set<Int> = []
        for level in 0..<Self.levels {
            // The rarer kinds get half of what is left: the others matter too.
            let share = level == Self.levels - 1 ? count : picked.count + (count - picked.count + 1) / 2
            for position in candidates(level).shuffled(using: &random) where picked.count < share {
                picked.insert(position)
            }
        }
        return picked.sorted()
    }

    private static let levels = 4

    private func candidates(_ level: Int) -> [Int] {
        guard level < Self.levels - 1 else { return Array(0...journal.entries.count) }
        var found: Set<Int> = []
        for (index, entry) in journal.entries.enumerated() where self.level(of: entry, index) == level {
            found.formUnion([index - 1, index, index + 1].filter { $0 >= 0 && $0 <= journal.entries.count })
        }
        return found.sorted()
    }

    private func level(of entry: JournalEntry, _ index: Int) -> Int {
        switch entry.kind {
        case .rename, .unlink, .link, .makeDirectory, .removeDirectory, .truncate: 0
        case .open where entry.flags.contains(.created) || entry.flags.contains(.truncated): 0
        case .syncBegin, .syncEnd: 1
        case .writeEnd, .mark: 2
        default: 3
        }
    }
}
