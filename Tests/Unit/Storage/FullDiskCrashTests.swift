import Testing

@testable import Storage
@testable import StorageTesting

/// L1 on a full disk: "a full store can always be opened". The workload of the crash tests, crashed at every call; then others
/// take the room that is left, and the store is opened without any.
@Suite struct FullDiskCrashTests {
    /// Kinds that differ in which files there are when the disk is full.
    static let scenarios: [CrashScenario] = [
        .init(kind: .plain, isDirect: false), .init(kind: .recycling, isDirect: true, namesAreIndependent: true),
        .init(kind: .reopened, isDirect: true, namesAreIndependent: true),
    ]

    @Test(arguments: scenarios)
    func everyCrashPointOpensOnAFullDisk(scenario: CrashScenario) throws {
        let calls = CrashTests.run(scenario, crashAt: nil).disk.calls
        var openings = 0
        var withoutSegment = 0
        for crash in 0..<calls {
            let run = CrashTests.run(scenario, crashAt: crash)
            for loss in [crash % 3 == 1 ? SimulatedDisk.Loss.keepAll : .random(seed: UInt64(3000 + crash))] {
                // None, or enough for a part of what an opening would like to write.
                let blocks = crash % 2 == 0 ? 0 : crash % 11
                let opened = Self.verdict(run.disk.afterCrash(loss), scenario, run.acknowledged, blocks)
                openings += 1
                if opened.hasNoSegment { withoutSegment += 1 }
                #expect(opened.problem == nil, "crash at call \(crash), \(loss), \(blocks) blocks left")
                guard opened.problem == nil, let recovered = opened.recovered, crash % 10 == 3 else { continue }
                openings += crashWhileFull(run, loss, scenario, recovered, blocks, at: crash)
            }
        }
        print("L1 full disk, \(scenario.testDescription): \(openings) openings, \(withoutSegment) without a segment")
        #expect(withoutSegment > 5)
    }

    /// Cuts the power again at every call of the opening.
    private func crashWhileFull(
        _ run: CrashTests.Run,
        _ loss: SimulatedDisk.Loss,
        _ scenario: CrashScenario,
        _ recovered: Int,
        _ blocks: Int,
        at crash: Int
    ) -> Int {
        var openings = 0
        while true {
            let disk = run.disk.afterCrash(loss)
            Self.fill(disk, blocks)
            disk.crash(atCall: openings)
            _ = try? scenario.open(disk)
            guard disk.isDead else { return openings }
            let image = disk.afterCrash(openings % 2 == 0 ? .random(seed: UInt64(crash)) : .keepAll)
            let opened = Self.verdict(image, scenario, run.acknowledged, blocks, exactly: recovered)
            #expect(opened.problem == nil, "crash at call \(crash), \(loss), then at call \(openings) on a full disk")
            openings += 1
        }
    }

    private static func fill(_ disk: SimulatedDisk, _ blocks: Int) {
        disk.limit(to: disk.usedBytes + blocks * LogLimits.blockBytes)
    }

    private struct Opened {
        var problem: String?
        /// nil: no store was there.
        var recovered: Int?
        var hasNoSegment = false
    }

    /// On the full disk, killed and on the full disk again, after a power cut with room: each time the same content.
    private static func verdict(
        _ disk: SimulatedDisk,
        _ scenario: CrashScenario,
        _ acknowledged: Int,
        _ blocks: Int,
        exactly: Int? = nil
    ) -> Opened {
        fill(disk, blocks)
        let isThere = disk.contents("\(SimulatedStore.root)/FORMAT") != nil
        do throws(StorageError) {
            let store = try scenario.open(disk)
            var opened = Opened(hasNoSegment: store.log.metrics.segments == 0)
            let recovered = counter(store)
            opened.recovered = recovered
            opened.problem = problem(store, recovered, acknowledged, exactly)
            if opened.problem != nil { return opened }
            let killed = disk.afterKill()
            fill(killed, 0)
            opened.problem = problem(try scenario.open(killed), recovered, acknowledged, recovered)
            if opened.problem != nil { return opened }
            let roomy = killed.afterCrash(.random(seed: UInt64(recovered + blocks)))
            roomy.limit(to: nil)
            let last = CrashTests.verdict(roomy, scenario, acknowledged: acknowledged, exactly: recovered)
            opened.problem = last.problem.map { "with room again: \($0)" }
            return opened
        } catch {
            if isThere { return Opened(problem: "a full store did not open: \(error)") }
            guard error.code == .lowSpace || error.systemCall?.isLackOfSpace == true else {
                return Opened(problem: "not made, but not for lack of room: \(error)")
            }
            disk.limit(to: nil)
            return Opened(problem: CrashTests.verdict(disk, scenario, acknowledged: acknowledged).problem)
        }
    }

    private static func counter(_ store: SimulatedStore) -> Int {
        store.get("counter").flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    }

    private static func problem(_ store: SimulatedStore, _ recovered: Int, _ acknowledged: Int, _ exactly: Int?) -> String? {
        if counter(store) != recovered || recovered < acknowledged { return "\(counter(store)) of \(recovered) (I1)" }
        if let exactly, exactly != recovered { return "\(exactly) became \(recovered)" }
        return store.content == CrashTests.contents[recovered] ? nil : "not a prefix at \(recovered) (I2, I3)"
    }
}
