/// What a store must hold after the first `count` transactions of a workload.
struct WorkloadModel: Equatable, Sendable {
    private(set) var count: UInt64 = 0
    private(set) var sum: UInt64 = 0
    /// Per table and key number.
    private(set) var rows = [[ValueSeed?]](
        repeating: [ValueSeed?](repeating: nil, count: Workload.keysPerTable),
        count: Workload.tables
    )

    mutating func applyNext(_ workload: Workload) {
        count += 1
        sum &+= workload.addend(count)
        for operation in workload.operations(of: count) {
            switch operation {
            case .put(let table, let key, let value): rows[table][key] = value
            case .delete(let table, let key): rows[table][key] = nil
            case .trim(let table, let from, let upTo):
                for key in from..<min(max(from, upTo), Workload.keysPerTable) { rows[table][key] = nil }
            case .note: break
            }
        }
    }
}

/// Models of one workload by number, computed from the nearest one kept.
final class ModelSeries {
    private static let distance: UInt64 = 256
    /// A workload that is checked has at most this many transactions.
    static let maximumCount: UInt64 = 4_000_000

    private let workload: Workload
    private var kept = [WorkloadModel()]
    private var last = WorkloadModel()

    init(_ workload: Workload) {
        self.workload = workload
    }

    func model(after count: UInt64) -> WorkloadModel {
        precondition(count <= Self.maximumCount, "more transactions than a drill makes")
        if count < last.count { last = kept[min(Int(count / Self.distance), kept.count - 1)] }
        while last.count < count {
            last.applyNext(workload)
            if last.count == UInt64(kept.count) * Self.distance { kept.append(last) }
        }
        return last
    }
}
