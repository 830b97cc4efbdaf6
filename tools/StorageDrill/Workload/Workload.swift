import Storage

/// A sequence of transactions, each a function of the seed and its number, so that what a store must hold after the first k
/// of them can be computed.
///
/// Whoever commits, the n-th transaction in commit order is number n: it finds its number in the store, under the store's
/// lock. So several committers may run at once.
public struct Workload: Sendable {
    public let seed: UInt64

    public init(seed: UInt64) {
        self.seed = seed
    }

    static let tables = 4
    static let keysPerTable = 300
    static let maximumOperations = 24
    static let largestValueBytes = 4 << 20
    /// Few keys take the large values, which bounds what a store holds.
    static let keysWithLargeValues = 2

    /// Row "count": the number of transactions. Row "sum": read, changed and written by each.
    static let counterTable = TableID(rawValue: 1)
    static let countKey = Array("count".utf8)
    static let sumKey = Array("sum".utf8)

    static func table(_ index: Int) -> TableID {
        TableID(rawValue: UInt16(index + 2))
    }

    /// Keys sort by number; their lengths differ.
    static func key(_ number: Int) -> [UInt8] {
        [0x6B, UInt8(number >> 8), UInt8(number & 0xFF)] + [UInt8](repeating: 0x2E, count: number * 7 % 41)
    }

    /// What transaction `number` adds to the sum.
    func addend(_ number: UInt64) -> UInt64 {
        SeededGenerator.mixed(seed ^ number)
    }

    /// The n-th transaction, from 1. May be empty: the two counter rows change anyway.
    func operations(of number: UInt64) -> [Operation] {
        var random = SeededGenerator(seed: seed, number)
        switch Int.random(in: 0..<200, using: &random) {
        case 0: return [largeValue(&random)]
        case 1..<10: return []
        case 10..<20: return trims(&random)
        case 20..<40: return (0..<Int.random(in: 1...3, using: &random)).map { _ in deletion(&random) }
        case 40..<60:
            return (0..<Int.random(in: 8...Self.maximumOperations, using: &random)).map { _ in
                random.chance(1, in: 4) ? deletion(&random) : insertion(&random, byteCounts: 10...300)
            }
        case 60..<65: return [.note(byteCount: Int.random(in: 1...500, using: &random)), insertion(&random)]
        default: return (0..<Int.random(in: 1...4, using: &random)).map { _ in insertion(&random) }
        }
    }

    private func insertion(_ random: inout SeededGenerator, byteCounts: ClosedRange<Int>? = nil) -> Operation {
        var range = 10...300
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<2: range = 4_000...65_536
        case 2..<6: range = 300...4_100
        default: break
        }
        return put(&random, key: Int.random(in: 0..<Self.keysPerTable, using: &random), byteCounts ?? range)
    }

    private func largeValue(_ random: inout SeededGenerator) -> Operation {
        let key = Int.random(in: 0..<Self.keysWithLargeValues, using: &random)
        return put(&random, table: 0, key: key, (1 << 20)...Self.largestValueBytes)
    }

    private func put(
        _ random: inout SeededGenerator,
        table: Int? = nil,
        key: Int,
        _ byteCounts: ClosedRange<Int>
    ) -> Operation {
        .put(
            table: table ?? Int.random(in: 0..<Self.tables, using: &random),
            key: key,
            value: ValueSeed(seed: random.next(), byteCount: Int.random(in: byteCounts, using: &random))
        )
    }

    private func deletion(_ random: inout SeededGenerator) -> Operation {
        .delete(
            table: Int.random(in: 0..<Self.tables, using: &random),
            key: Int.random(in: 0..<Self.keysPerTable, using: &random)
        )
    }

    private func trims(_ random: inout SeededGenerator) -> [Operation] {
        let from = Int.random(in: 0..<Self.keysPerTable, using: &random)
        let table = Int.random(in: 0..<Self.tables, using: &random)
        return [
            .trim(table: table, from: from, upTo: from + Int.random(in: 0...16, using: &random)), insertion(&random),
        ]
    }
}

extension Workload {
    /// A store that says so for longer has a checkpoint that does not end.
    private static let maximumWaits = 10_000

    /// Commits the next transaction, waiting while the store is saturated. `willCommit` is told its number before anything
    /// of it can be durable. Blocks the calling thread.
    func commitNext(_ store: Store, willCommit: (UInt64) -> Void = { _ in }) throws -> Pending<UInt64> {
        for _ in 0..<Self.maximumWaits {
            do {
                return try tryToCommitNext(store, willCommit)
            } catch let error as StorageError where error.code == .overloaded {
                let room = Arrival<Void>()
                store.whenUnsaturated { room.put(()) }
                room.wait()
            }
        }
        return try tryToCommitNext(store, willCommit)
    }

    private func tryToCommitNext(_ store: Store, _ willCommit: (UInt64) -> Void) throws -> Pending<UInt64> {
        try store.commit { transaction in
            let number = Self.number(transaction.get(Self.counterTable, key: Self.countKey)) + 1
            let sum = Self.number(transaction.get(Self.counterTable, key: Self.sumKey)) &+ addend(number)
            willCommit(number)
            for operation in operations(of: number) { Self.apply(operation, &transaction) }
            transaction.put(Self.counterTable, key: Self.countKey, value: Self.bytes(number))
            transaction.put(Self.counterTable, key: Self.sumKey, value: Self.bytes(sum))
            return number
        }
    }

    private static func apply(_ operation: Operation, _ transaction: inout Transaction) {
        switch operation {
        case .put(let index, let number, let value):
            transaction.put(table(index), key: key(number), value: value.bytes)
        case .delete(let index, let number): transaction.delete(table(index), key: key(number))
        case .trim(let index, let from, let upTo):
            transaction.trim(table(index), from: key(from), upTo: key(upTo))
        case .note(let byteCount): transaction.note([UInt8](repeating: 0x6E, count: byteCount))
        }
    }

    static func bytes(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    static func number(_ bytes: [UInt8]?) -> UInt64 {
        bytes?.reduce(0) { $0 << 8 | UInt64($1) } ?? 0
    }
}
