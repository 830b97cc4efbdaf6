import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// L2 (storage.md §6): seeded lives of a store under faults. `III_SEEDS=N` for more of them, `III_SEED=n` for one.
@Suite struct SimulationTests {
    private static let defaultSeeds: UInt64 = 2000
    private static let chunk: UInt64 = 100

    private static func environment(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    /// First seeds of the pieces that run side by side.
    static let chunks: [ClosedRange<UInt64>] = {
        if let seed = environment("III_SEED") { return [seed...seed] }
        let count = max(1, environment("III_SEEDS") ?? defaultSeeds)
        return stride(from: 1, through: count, by: Int(chunk)).map { $0...min($0 + chunk - 1, count) }
    }()

    private static let total = Mutex(Simulation.Tally())

    @Test(arguments: chunks)
    func nothingPromisedIsLost(seeds: ClosedRange<UInt64>) {
        var tally = Simulation.Tally()
        for seed in seeds {
            var simulation = Simulation(seed: seed)
            do {
                try simulation.run()
            } catch {
                Issue.record("seed \(seed): \(error)\n  III_SEED=\(seed) swift test --filter SimulationTests")
            }
            tally.add(simulation.tally)
        }
        let sum = Self.total.withLock { total in
            total.add(tally)
            return total
        }
        guard sum.runs == Self.chunks.reduce(0, { $0 + $1.count }) else { return }
        print(
            "L2: \(sum.runs) seeds, \(sum.sessions) sessions, \(sum.transactions) transactions, \(sum.crashes) ends, "
                + "\(sum.failedOpenings) failed openings, \(sum.checkpoints) checkpoints, \(sum.slowSyncs) slow syncs, "
                + "\(sum.lowSpace) steps with a full disk, \(sum.fullOpenings) openings of one, "
                + "\(sum.readOnlyOpenings) of them without a segment, \(sum.keyChanges) changes of keys, "
                + "tampering: \(sum.refused) refused, \(sum.harmless) harmless, \(sum.stale) stale rows scrubbed, "
                + "\(sum.lostPages) lost pages"
        )
        guard sum.runs >= 1000 else { return }
        #expect(sum.refused > 100 && sum.harmless > 20 && sum.slowSyncs > 20 && sum.lowSpace > 100)
        #expect(sum.fullOpenings > 100 && sum.readOnlyOpenings > 20 && sum.keyChanges > 500)
        #expect(sum.stale > 5 && sum.lostPages > 20)
    }
}
