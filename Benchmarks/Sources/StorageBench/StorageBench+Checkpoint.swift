import BenchKit
import Glibc
import Storage
import Synchronization

/// p99 of a commit while a checkpoint runs, against the same load without one.
///
/// One load runs through all repeats. Each repeat first measures a window in which no checkpoint comes, which also makes
/// the changes for it, then asks for one and measures until it has been published.
extension StorageBench {
    func checkpoint() throws -> [Row] {
        try [64, 1].map { lanes in try checkpointRow(lanes: lanes) }
    }

    /// Rows before the load begins: the snapshot isn't empty.
    private var preparedRows: Int { options.isQuick ? 20_000 : 1_000_000 }

    private func checkpointRow(lanes: Int) throws -> Row {
        try withFolder("checkpoint") { folder in
            var settings = StoreUnderTest.Settings()
            settings.checkpointsByItself = false
            let store = try StoreUnderTest("\(folder)/store", settings)
            try store.fill(count: UInt64(preparedRows), valueBytes: Self.valueBytes)
            try store.checkpoint()
            let limit = try compare([]).limitText
            let loop = ClosedLoop([.puts(store, lanes: lanes, keySpace: preparedRows)], phases: 2 * options.repeats)
            try loop.start()
            var milliseconds: [Double] = []
            for round in 0..<options.repeats { milliseconds.append(try oneCheckpoint(store, loop, round)) }
            try loop.stop()
            try store.close()
            return row(lanes, loop, milliseconds, limit)
        }
    }

    /// Milliseconds that it took.
    private func oneCheckpoint(_ store: StoreUnderTest, _ loop: ClosedLoop, _ round: Int) throws -> Double {
        sleep(milliseconds: warmUpNanoseconds / 1_000_000)
        loop.enter(phase: 2 * round)
        sleep(milliseconds: windowNanoseconds / 1_000_000)
        loop.enter(phase: 2 * round + 1)
        let start = monotonicNanoseconds()
        try store.checkpoint()
        loop.enter(phase: LoopControl.warmUp)
        return Double(monotonicNanoseconds() - start) / 1e6
    }

    private func row(_ lanes: Int, _ loop: ClosedLoop, _ milliseconds: [Double], _ limit: String) -> Row {
        var pairs = Pairs()
        var rates: [Double] = []
        for round in 0..<options.repeats {
            let during = loop.latencies(phase: 2 * round + 1)
            pairs.append(
                ours: during.microseconds(percentile: 0.99),
                peer: loop.latencies(phase: 2 * round).microseconds(percentile: 0.99)
            )
            rates.append(Double(during.count) / milliseconds[round] * 1000)
        }
        return .ratio(
            "commit p99 of \(lanes) writers while a checkpoint runs, against without",
            pairs,
            unit: "µs",
            threshold: lanes == 64 ? .atMost(bar: 6, goal: 4) : .reported,
            limit: "a checkpoint takes \(formatted(median(milliseconds))) ms, \(formatted(median(rates))) commits/s "
                + "meanwhile; \(limit)"
        )
    }
}
