import Storage

/// A series of checkpoints of one kind. What each writes is a function of kind, seed and its number, so what a snapshot
/// must hold after any of them can be computed.
struct SnapshotScenario: Sendable, Equatable {
    enum Kind: String, CaseIterable, Sendable {
        /// Rows behind the last one.
        case growing
        /// Long keys: a tree of three levels and more.
        case deep
        /// Values larger than a page.
        case overflow
        /// Rows written again, into pages that earlier commits freed.
        case reusing
        /// Each commit under a new key.
        case resealing
        /// Deletes, trims and tables that get empty.
        case shrinking
    }

    let kind: Kind
    let seed: UInt64

    /// Commits that make what the recorded ones change.
    static let built: UInt64 = 6
    /// Commits that are taken apart; every third is a large one.
    static let recorded: UInt64 = 6
    /// Commits on top of an image.
    static let added: UInt64 = 2

    static var recordedGenerations: ClosedRange<UInt64> { built + 1...built + recorded }

    /// Too many pages for all subsets.
    static func isLarge(_ generation: UInt64) -> Bool { generation % 3 == 0 }

    private func random(_ generation: UInt64) -> SeededGenerator {
        let kindNumber = UInt64(Kind.allCases.firstIndex(of: kind) ?? 0)
        return SeededGenerator(seed: seed &+ kindNumber << 32, generation)
    }

    func changes(of generation: UInt64) -> [SnapshotTrial.Change] {
        var random = random(generation)
        let isRecorded = generation > Self.built
        let isLarge = isRecorded && Self.isLarge(generation)
        switch kind {
        case .growing:
            return growth(generation, rows: isRecorded ? (isLarge ? 120 : 1 + Int(generation % 4)) : 60, &random)
        case .deep:
            if generation == 1 { return (0..<420).map { put(longKey($0), 40...90, &random) } }
            return (0..<(isLarge ? 8 : 1)).map { _ in
                put(longKey(.random(in: 0..<500, using: &random)), 40...90, &random)
            }
        case .overflow:
            if !isRecorded { return (0..<3).map { put(key(Int(generation) * 3 + $0), 5_000...40_000, &random) } }
            let number = Int.random(in: 3..<21, using: &random)
            return [put(key(number), isLarge ? 50_000...90_000 : 4_200...9_000, &random)]
        case .reusing:
            return rewriting(
                generation,
                rows: isRecorded ? (isLarge ? 40 : 1 + Int(generation % 3)) : 25,
                of: 250,
                &random
            )
        case .resealing: return rewriting(generation, rows: isRecorded ? 1 : 20, of: seed % 2 == 0 ? 60 : 250, &random)
        case .shrinking: return shrinking(generation, &random)
        }
    }

    /// Keys in force while a generation is committed; all that any row needs are among them.
    func keys(of generation: UInt64) throws(StorageError) -> EncryptionKeys {
        guard kind == .resealing else { return EncryptionKeys() }
        let last = Self.built + Self.recorded
        var keys: [EncryptionKey] = []
        for number in Self.built...last { keys.append(try Self.key(number, seed)) }
        let current = Int(min(max(generation, Self.built), last) - Self.built)
        return EncryptionKeys(current: keys[current], previous: keys)
    }

    private static func key(_ number: UInt64, _ seed: UInt64) throws(StorageError) -> EncryptionKey {
        var random = SeededGenerator(seed: seed, number)
        return try EncryptionKey(
            bytes: (0..<EncryptionKey.bytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        )
    }
}

extension SnapshotScenario {
    private static let table = TableID(rawValue: 2)
    private static let shrinkingTables = 3

    private func growth(_ generation: UInt64, rows: Int, _ random: inout SeededGenerator) -> [SnapshotTrial.Change] {
        (0..<rows).map { put(key(Int(generation) * 200 + $0), 60...300, &random) }
    }

    private func rewriting(_ generation: UInt64, rows: Int, of all: Int, _ random: inout SeededGenerator)
        -> [SnapshotTrial.Change]
    {
        if generation == 1 { return (0..<all).map { put(key($0), 60...200, &random) } }
        return (0..<rows).map { _ in put(key(.random(in: 0..<all, using: &random)), 60...200, &random) }
    }

    private func shrinking(_ generation: UInt64, _ random: inout SeededGenerator) -> [SnapshotTrial.Change] {
        let table = TableID(rawValue: UInt16(2 + generation % UInt64(Self.shrinkingTables)))
        guard generation > Self.built else {
            return (0..<150).map { put(key($0 + Int(generation) * 150), 60...200, &random, table) }
        }
        if Self.isLarge(generation), generation % 2 == 0 { return [.trim(table, from: key(0), upTo: key(9_999))] }
        if Self.isLarge(generation) { return stride(from: 0, to: 1_200, by: 5).map { .delete(table, key: key($0)) } }
        let start = Int.random(in: 150..<1_000, using: &random)
        if generation % 2 == 0 { return [.trim(table, from: key(start), upTo: key(start + 30))] }
        return (0..<6).map { .delete(table, key: key(start + $0)) }
    }

    private func put(
        _ key: [UInt8],
        _ bytes: ClosedRange<Int>,
        _ random: inout SeededGenerator,
        _ table: TableID = table
    )
        -> SnapshotTrial.Change
    {
        let count = Int.random(in: bytes, using: &random)
        // Odd: does not compress.
        return .put(table, key: key, value: ValueSeed(seed: random.next() | 1, byteCount: count).bytes)
    }

    /// Sort by number.
    private func key(_ number: Int) -> [UInt8] {
        Array("row".utf8) + [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)]
    }

    private func longKey(_ number: Int) -> [UInt8] {
        key(number) + [UInt8](repeating: 0x2E, count: 470)
    }
}
