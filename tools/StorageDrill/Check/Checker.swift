import Glibc
import Storage

/// Judges a store that a workload was written to, after whatever happened to it.
///
/// I1: every acknowledged transaction is there. I2 and I3: the content is exactly that of the first k. Opening it again
/// finds the same k, and a further transaction can be committed and survives. Not thread-safe: it keeps models.
public final class Checker {
    private let workload: Workload
    private let shape: StoreShape
    private let models: ModelSeries

    public init(workload: Workload, shape: StoreShape = StoreShape()) {
        self.workload = workload
        self.shape = shape
        models = ModelSeries(workload)
    }

    /// Opens the store three times and adds one transaction to a sound one.
    ///
    /// - Parameter acknowledged: the highest number that was promised.
    /// - Parameter begun: the highest number that anybody tried to commit.
    public func check(path: String, acknowledged: UInt64, begun: UInt64 = .max) -> Verdict {
        var verdict = Verdict()
        do {
            try examine(path, acknowledged: acknowledged, begun: begun, &verdict)
            guard let found = verdict.found, verdict.isSound else { return verdict }
            try goOn(path, after: found, &verdict)
        } catch {
            verdict.problem = "refused: \(error)"
        }
        return verdict
    }

    private func examine(_ path: String, acknowledged: UInt64, begun: UInt64, _ verdict: inout Verdict) throws {
        let store = try Store.open(path: path, options: shape.options)
        let content = StoreContent(store: store)
        let found = try content.count()
        verdict.found = found
        if found < acknowledged {
            verdict.lost = acknowledged - found
            verdict.problem = "lost \(acknowledged - found) of \(acknowledged) acknowledged transactions (I1)"
        } else if found > begun {
            verdict.problem = "\(found) transactions, but only \(begun) were begun"
        } else if found > ModelSeries.maximumCount {
            verdict.problem = "\(found) transactions are more than any drill makes"
        } else if let difference = try difference(content, from: models.model(after: found)) {
            verdict.problem = "not the content after \(found) transactions (I2, I3): \(difference)"
        }
        try store.close()
    }

    private func goOn(_ path: String, after found: UInt64, _ verdict: inout Verdict) throws {
        let store = try Store.open(path: path, options: shape.options)
        let again = try StoreContent(store: store).count()
        guard again == found else {
            verdict.problem = "\(found) transactions became \(again) by recovering again"
            return try store.close()
        }
        let next = try waitUntilDurable(workload.commitNext(store))
        try store.close()
        let reopened = try Store.open(path: path, options: shape.options)
        let content = StoreContent(store: reopened)
        let count = try content.count()
        if next != found + 1 || count != next {
            verdict.problem = "transaction \(next), committed after recovering \(found), left \(count)"
        } else if let difference = try difference(content, from: models.model(after: next)) {
            verdict.problem = "wrong after one more transaction: \(difference)"
        }
        try reopened.close()
    }

    /// nil: the store holds exactly the model's rows, in order.
    private func difference(_ content: StoreContent, from model: WorkloadModel) throws -> String? {
        if try content.sum() != model.sum { return "the sum is wrong" }
        for table in 0..<Workload.tables {
            if let problem = try difference(content, table: table, model.rows[table]) { return problem }
        }
        let beyond = Workload.table(Workload.tables)
        var problem: String?
        try content.scan(beyond) { _, _ in
            problem = "table \(beyond.rawValue) has rows"
            return false
        }
        return problem
    }

    private func difference(_ content: StoreContent, table: Int, _ rows: [ValueSeed?]) throws -> String? {
        var comparison = RowComparison(rows)
        var problem: String?
        try content.scan(Workload.table(table)) { key, value in
            problem = comparison.difference(key, value)
            return problem == nil
        }
        return (problem ?? comparison.missingRow).map { "table \(Workload.table(table).rawValue): \($0)" }
    }
}

/// Compares rows, as they come in key order, with those of a model.
private struct RowComparison {
    private let rows: [ValueSeed?]
    private var next = 0
    private var expected: [UInt8] = []

    init(_ rows: [ValueSeed?]) {
        self.rows = rows
    }

    /// Of the row that should have come now, if one should.
    var missingRow: String? {
        rows[next...].firstIndex { $0 != nil }.map { "key \($0) is missing" }
    }

    mutating func difference(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> String? {
        guard let number = rows[next...].firstIndex(where: { $0 != nil }), let row = rows[number] else {
            return "a row too many"
        }
        guard key.elementsEqual(Workload.key(number)) else { return "another key where key \(number) belongs" }
        next = number + 1
        guard value.count == row.byteCount else {
            return "the value of key \(number) has \(value.count) bytes instead of \(row.byteCount)"
        }
        if expected.count < row.byteCount { expected = [UInt8](repeating: 0, count: row.byteCount) }
        let isEqual = expected.withUnsafeMutableBytes { place in
            row.fill(UnsafeMutableRawBufferPointer(rebasing: place[..<row.byteCount]))
            guard let mine = place.baseAddress, let found = value.baseAddress else { return value.isEmpty }
            return memcmp(mine, found, row.byteCount) == 0
        }
        return isEqual ? nil : "the value of key \(number) has other bytes"
    }
}
