import BenchKit
import Storage

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
        tellMetrics(store.store.metrics)
        for (thread, bytes) in try ProcessFacts.writtenBytesByThread() { tell("written-by-\(thread)", bytes) }
        try store.close()
    }

    private static func tellMetrics(_ metrics: StoreMetrics) {
        tell("per-sync", Double(metrics.transactions) / Double(max(1, metrics.syncs)))
        tell("log-bytes", Double(metrics.bytes))
        tell("segments", Double(metrics.segments))
        tell("checkpoints", Double(metrics.checkpoints))
        tell("checkpoint-milliseconds", Double(metrics.checkpointNanoseconds) / 1e6)
        tell("snapshot-bytes", metrics.snapshotBytes)
        tell("snapshot-free-bytes", metrics.snapshotFreeBytes)
    }
}
