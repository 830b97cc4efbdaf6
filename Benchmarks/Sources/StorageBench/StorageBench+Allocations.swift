import BenchKit
import CBench
import Glibc
import Storage

/// Heap allocations per durable put in steady state, counted by a preloaded library in a process of its own.
///
/// Two kinds of put: with keys and values that exist already (what the store itself allocates), and with a key and a
/// value made for each put from the caller's memory (two arrays more, the caller's).
extension StorageBench {
    func allocations() throws -> [Row] {
        try withFolder("allocations") { folder in
            var rows: [Row] = []
            for lanes in [64, 1] {
                let name = "allocations per durable put, \(lanes == 1 ? "one writer" : "\(lanes) writers")"
                let counted = try countAllocations(folder, lanes: lanes)
                rows.append(
                    .value(
                        "\(name), the store's own",
                        try told(counted, "own"),
                        unit: "each",
                        threshold: lanes == 64 ? .atMost(bar: 6, goal: 3, unit: "") : .reported,
                        limit: "\(formatted(try told(counted, "own-bytes"))) bytes asked for"
                    )
                )
                rows.append(
                    .value(
                        "\(name), with the caller's key and value",
                        try told(counted, "all"),
                        unit: "each",
                        threshold: .reported,
                        limit: "\(formatted(try told(counted, "all-bytes"))) bytes asked for"
                    )
                )
            }
            return rows
        }
    }

    private func countAllocations(_ folder: String, lanes: Int) throws -> [String: Double] {
        let library = Self.programPath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
        let counterFile = "\(folder)/malloc-\(lanes)"
        return try child(
            .allocations,
            ["\(folder)/store-\(lanes)", "\(lanes)", options.isQuick ? "2000" : lanes == 1 ? "10000" : "200000"],
            environment: [
                "LD_PRELOAD": "\(library)/libmalloc-counter.so", "III_BENCH_MALLOC_FILE": counterFile,
            ]
        )
    }
}

extension Child {
    private static let preparedRows = 4096

    static func allocations(_ arguments: [String]) throws {
        guard let path = getenv("III_BENCH_MALLOC_FILE").map({ String(cString: $0) }) else {
            throw BenchError("the allocation counter isn't loaded")
        }
        let store = try StoreUnderTest(try argument(arguments, 0))
        let lanes = try number(arguments, 1)
        let operations = try number(arguments, 2)
        try store.fill(count: UInt64(StorageBench.keySpace), valueBytes: StorageBench.valueBytes)
        for (name, group) in [("own", prepared(store, lanes)), ("all", .puts(store, lanes: lanes))] {
            let counts = try count(store, group, operations, path)
            tell(name, counts.allocations)
            tell("\(name)-bytes", counts.bytes)
        }
        try store.close()
    }

    /// Counts in the middle of a running load, so that starting and ending it costs nothing.
    private static func count(_ store: StoreUnderTest, _ group: LaneGroup, _ operations: Int, _ path: String) throws
        -> (allocations: Double, bytes: Double)
    {
        let descriptor = Glibc.open(path, O_RDONLY)
        guard descriptor >= 0 else { throw BenchError("\(path) isn't there: the allocation counter wasn't loaded") }
        defer { close(descriptor) }
        let loop = ClosedLoop([group])
        try loop.start()
        let counters = UnsafeMutablePointer<UInt64>.allocate(capacity: 4)
        defer { counters.deallocate() }
        let start = waitForTransactions(store, after: store.store.metrics.transactions, UInt64(operations / 10))
        pread(descriptor, counters, 16, 0)
        let end = waitForTransactions(store, after: start, UInt64(operations))
        pread(descriptor, counters + 2, 16, 0)
        try loop.stop()
        let each = Double(end - start)
        return (Double(counters[2] - counters[0]) / each, Double(counters[3] - counters[1]) / each)
    }

    /// Asking the store costs an allocation itself: rarely enough not to count.
    private static func waitForTransactions(_ store: StoreUnderTest, after start: UInt64, _ count: UInt64) -> UInt64 {
        while true {
            let now = store.store.metrics.transactions
            if now >= start + count { return now }
            sleep(milliseconds: 20)
        }
    }

    private static func prepared(_ store: StoreUnderTest, _ lanes: Int) -> LaneGroup {
        let rows = (0..<UInt64(preparedRows)).map { number in
            (makeKey(number), Bytes(makeValue(cbench_text(), number, StorageBench.valueBytes)))
        }
        return LaneGroup(store: store.store, lanes: lanes) { random in
            let (key, value) = rows[Int(cbench_random(&random) % UInt64(preparedRows))]
            return try store.put(key, shared: value)
        }
    }
}
