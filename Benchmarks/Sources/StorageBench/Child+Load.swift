import BenchKit

/// One load alone, so that a profile shows nothing else:
///
///     perf record -e cpu-clock -g storage-bench --child load FOLDER 64 callbacks 10
extension Child {
    static func load(_ arguments: [String]) throws {
        _ = Realtime.begin()
        guard let drive = Drive(rawValue: try argument(arguments, 2)) else {
            throw BenchError("a drive is callbacks, tasks or threads")
        }
        let store = try StoreUnderTest(try argument(arguments, 0))
        try store.fill(count: UInt64(StorageBench.keySpace), valueBytes: StorageBench.valueBytes)
        let loop = ClosedLoop([.puts(store, lanes: try number(arguments, 1))], drive: drive)
        try loop.start()
        let start = monotonicNanoseconds()
        loop.enter(phase: 0)
        sleep(milliseconds: try number(arguments, 3) * 1000)
        loop.enter(phase: LoopControl.warmUp)
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        try loop.stop()
        let latencies = loop.latencies()
        tell("per-second", Double(latencies.count) / seconds)
        tell("p50-microseconds", latencies.microseconds(percentile: 0.5))
        tell("p99-microseconds", latencies.microseconds(percentile: 0.99))
        tell("per-sync", Double(latencies.count) / Double(store.store.metrics.syncs))
        try store.close()
    }
}
