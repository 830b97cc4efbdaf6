import BenchKit
import Glibc
import Storage

/// Resident memory under random updates of a large store: 64 writers, 256 B, ten minutes, a sample every 100 ms.
extension StorageBench {
    func memory() throws -> [Row] {
        let folder = try largeStore(mebibytes: options.storeMebibytes)
        let rows = Self.rows(mebibytes: options.storeMebibytes)
        let values = try child(.soak, [folder, "\(rows)", "\(Int(options.soakSeconds))"])
        // The updates have made it another store than the one built.
        try Folder.remove(folder + ".complete")
        func mebibytes(_ name: String) throws -> Double { try told(values, name) / 1024 }
        let parts = "anonymous \(formatted(try mebibytes("anonymous-median"))), file "
            + "\(formatted(try mebibytes("file-median"))) MiB; before opening \(formatted(try mebibytes("before"))) MiB"
        let rate = formatted(try told(values, "operations") / options.soakSeconds)
        let name = "resident memory, \(options.storeMebibytes) MiB store, random updates for "
            + "\(Int(options.soakSeconds)) s"
        let limit = Threshold.atMost(bar: 256, goal: 160, unit: " MiB")
        return [
            .value("\(name), median", try mebibytes("resident-median"), unit: "MiB", threshold: limit, limit: parts),
            .value(
                "\(name), maximum",
                try mebibytes("resident-maximum"),
                unit: "MiB",
                threshold: limit,
                limit: "anonymous \(formatted(try mebibytes("anonymous-maximum"))), file "
                    + "\(formatted(try mebibytes("file-maximum"))) MiB at most; \(rate) commits/s"
            ),
            .value(
                "\(name), growth from the first minute to the last",
                try mebibytes("resident-last") - mebibytes("resident-first"),
                unit: "MiB",
                threshold: .atMost(bar: 16, goal: 8, unit: " MiB"),
                limit: "anonymous \(formatted(try mebibytes("anonymous-last") - mebibytes("anonymous-first"))), file "
                    + "\(formatted(try mebibytes("file-last") - mebibytes("file-first"))) MiB"
            ),
        ]
    }
}

extension Child {
    private static let sampleMilliseconds = 100

    static func soak(_ arguments: [String]) throws {
        let before = try ProcessFacts.memory()
        let store = try StoreUnderTest(try argument(arguments, 0))
        let rows = try number(arguments, 1)
        let samples = try number(arguments, 2) * 1000 / sampleMilliseconds
        let loop = ClosedLoop([.puts(store, lanes: 64, keySpace: rows)])
        var seen: [ProcessFacts.Memory] = []
        seen.reserveCapacity(samples)
        let first = store.store.metrics.transactions
        try loop.start()
        for _ in 0..<samples {
            sleep(milliseconds: sampleMilliseconds)
            seen.append(try ProcessFacts.memory())
        }
        try loop.stop()
        tell("operations", Double(store.store.metrics.transactions - first))
        tell("before", before.residentKiB)
        tell("resident", seen.map(\.residentKiB))
        tell("anonymous", seen.map(\.anonymousKiB))
        tell("file", seen.map(\.fileKiB))
        try store.close()
    }

    /// Median, maximum, and the medians of the first and the last minute (or tenth, of a shorter run).
    private static func tell(_ name: String, _ samples: [Int]) {
        let values = samples.map { Double($0) }
        let part = max(1, min(60_000 / sampleMilliseconds, values.count / 10))
        tell("\(name)-median", median(values))
        tell("\(name)-maximum", values.max() ?? 0)
        tell("\(name)-first", median(Array(values.prefix(part))))
        tell("\(name)-last", median(Array(values.suffix(part))))
    }
}
