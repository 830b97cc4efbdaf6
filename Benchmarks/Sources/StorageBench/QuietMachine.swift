import BenchKit

/// Measures while the machine is this run's alone, as far as patience lasts.
///
/// Disturbed means: other processes had a share of the CPUs, or the bare disk, probed before and after, is slower than half
/// of the best seen. Selecting by F can only make F look better, never us.
final class QuietMachine {
    private static let probeNanoseconds = 30_000_000
    private static let pauseMilliseconds = 200

    private let limit: SyncLimit
    private let deadline: Int
    private var bestRate = 0.0
    /// Measurements that were accepted as they were when patience had ended.
    private(set) var disturbed = 0

    init(directory: String, patienceSeconds: Double) throws {
        limit = try SyncLimit(.direct, directory: directory)
        deadline = monotonicNanoseconds() + Int(patienceSeconds * 1e9)
    }

    func measure<Result>(_ body: () throws -> Result) throws -> Result {
        while true {
            try awaitFastDisk()
            let before = try MachineLoad()
            let result = try body()
            let others = try MachineLoad().othersShare(since: before)
            if others <= MachineLoad.quietShare, try isDiskFast() { return result }
            if monotonicNanoseconds() >= deadline {
                disturbed += 1
                return result
            }
        }
    }

    private func awaitFastDisk() throws {
        while try !isDiskFast(), monotonicNanoseconds() < deadline { sleep(milliseconds: Self.pauseMilliseconds) }
    }

    private func isDiskFast() throws -> Bool {
        let latencies = Histogram()
        let spent = try limit.run(nanoseconds: Self.probeNanoseconds, latencies)
        let rate = Double(latencies.count) * 1e9 / Double(spent)
        bestRate = max(bestRate, rate)
        return rate >= bestRate / 2
    }
}
