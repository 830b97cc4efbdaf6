@testable import Storage

/// What a store must hold: every transaction by its last LSN, so that a recovered LSN names one state (I2, I3).
struct SimulationModel {
    /// By table and key; one digit and a space, then the key.
    private typealias Rows = [String: String]

    private struct Point {
        var lsn: UInt64
        var rows: Rows
    }

    private var points = [Point(lsn: 0, rows: [:])]
    /// Never the same twice, so that an undone transaction can't be taken for a later one.
    private var attempt = 0

    /// One random transaction. nil: the store refused it, or it changed nothing.
    mutating func commit(_ store: SimulatedStore, _ generator: inout SeededGenerator) -> Pending<Void>? {
        attempt += 1
        let attempt = attempt
        var local = generator
        var rows = points[points.count - 1].rows
        defer { generator = local }
        let committed = try? store.log.commit { transaction in
            transaction.setOrigin("attempt \(attempt)")
            for part in 0..<Int.random(in: 1...4, using: &local) {
                Self.change(&transaction, &rows, "\(attempt).\(part)", &local)
            }
        }.pending
        guard let committed, committed.lsn.rawValue > lastLSN else { return nil }
        points.append(Point(lsn: committed.lsn.rawValue, rows: rows))
        return committed
    }

    var lastLSN: UInt64 { points[points.count - 1].lsn }

    private static func change(
        _ transaction: inout Transaction,
        _ rows: inout Rows,
        _ mark: String,
        _ generator: inout SeededGenerator
    ) {
        let table = Bool.random(using: &generator) ? SimulatedStore.rows : SimulatedStore.other
        let key = "k\(Int.random(in: 0..<12, using: &generator))"
        let name = "\(table.rawValue) \(key)"
        switch Int.random(in: 0..<12, using: &generator) {
        case 0:
            transaction.trim(table, from: Bytes(key.utf8), upTo: Bytes("k7".utf8))
            rows = rows.filter { $0.key < name || $0.key >= "\(table.rawValue) k7" }
        case 1, 2:
            transaction.delete(table, key: Bytes(key.utf8))
            rows[name] = nil
        case 3:
            transaction.note(Bytes(mark.utf8))
        case 4, 5:
            let value = mark + filler(&generator)
            transaction.put(table, key: Bytes(key.utf8), value: Bytes(value.utf8))
            rows[name] = value
        default:
            transaction.put(table, key: Bytes(key.utf8), value: Bytes(mark.utf8))
            rows[name] = mark
        }
    }

    /// Up to two blocks, that LZ4 packs well or not at all.
    private static func filler(_ generator: inout SeededGenerator) -> String {
        let count = Int.random(in: 0..<9000, using: &generator)
        guard Bool.random(using: &generator) else { return String(repeating: "z", count: count) }
        var noise = generator.next() | 1
        return String(
            unsafeUninitializedCapacity: count
        ) { place in
            for index in 0..<count {
                noise = noise &* 6_364_136_223_846_793_005 &+ 1
                place[index] = 0x20 + UInt8((noise >> 33) % 90)
            }
            return count
        }
    }

    /// The state at a recovered position; what came after it is forgotten. nil: no transaction ends there.
    mutating func recover(_ lsn: UInt64) -> [String]? {
        guard let index = points.lastIndex(where: { $0.lsn == lsn }) else { return nil }
        points.removeSubrange((index + 1)...)
        return points[index].rows.map { "\($0.key) \($0.value)" }.sorted()
    }
}
