import Testing

@testable import Storage

/// L1 (storage.md §6): a small workload, the power cut at every changing call, every kind of loss, and again during every
/// call of the recovery. Checks I1, I2, I3, I7.
@Suite struct CrashTests {
    static let transactions = 36
    static let counter = Bytes("counter".utf8)

    /// What happened until the power went.
    struct Run {
        var disk: SimulatedDisk
        /// Highest transaction that was acknowledged.
        var acknowledged: Int
    }

    /// One transaction: the counter, a row, and now and then a delete or a trim; always several records (I3).
    static func apply(_ number: Int, _ transaction: inout Transaction) {
        let key = Bytes("row\(number % 7)".utf8)
        transaction.setOrigin("test::\(number)")
        transaction.put(SimulatedStore.rows, key: counter, value: Bytes("\(number)".utf8))
        transaction.put(
            SimulatedStore.rows,
            key: key,
            value: Bytes(repeating: 0x61 + UInt8(number % 26), count: number * 97 % 3000)
        )
        if number % 5 == 0 { transaction.delete(SimulatedStore.rows, key: Bytes("row\((number + 3) % 7)".utf8)) }
        transaction.put(SimulatedStore.other, key: Bytes("n\(number % 10)".utf8), value: [0x2D])
        if number % 11 == 0 { transaction.trim(SimulatedStore.other, from: Bytes("n2".utf8), upTo: Bytes("n5".utf8)) }
    }

    /// `contents[k]`: all rows after the first k transactions.
    static let contents: [[String]] = {
        let disk = SimulatedDisk()
        guard let store = try? SimulatedStore(disk) else { return [] }
        var contents = [store.content]
        for number in 1...transactions {
            _ = try? store.log.commit { apply(number, &$0) }
            contents.append(store.content)
        }
        return contents
    }()

    /// Runs until the end or the crash.
    static func run(crashAt: Int?, direct: Bool, lies: SimulatedDisk.Lies = []) -> Run {
        let disk = SimulatedDisk()
        disk.lie(lies)
        if let crashAt { disk.crash(atCall: crashAt) }
        var run = Run(disk: disk, acknowledged: 0)
        guard let store = try? SimulatedStore(disk, direct: direct) else { return run }
        let acknowledged = Counter()
        for number in 1...transactions {
            guard let committed = try? store.log.commit({ apply(number, &$0) }) else { break }
            committed.pending.whenDurable { result in
                if case .success = result { acknowledged.raise(to: number) }
            }
            // One, two or three transactions share a batch; now and then the writer seals.
            if number % 3 != 1 { _ = store.log.writeStep() }
            if number % 8 == 0 { _ = store.log.sealStep() }
            // Checkpoints: some changes arrive while one is in progress.
            if number % 9 == 4 { store.log.beginCheckpoint() }
            if number % 9 == 6, store.isCheckpointDurable { _ = store.log.writeCheckpoint() }
        }
        _ = store.log.writeStep()
        store.log.refuseCommits()
        try? store.log.closeLog()
        run.acknowledged = acknowledged.value
        return run
    }

    /// nil: sound. Else what is wrong.
    static func verdict(_ disk: SimulatedDisk, acknowledged: Int, direct: Bool, exactly: Int? = nil) -> (
        problem: String?, recovered: Int
    ) {
        do {
            let store = try SimulatedStore(disk, direct: direct)
            let recovered = store.get("counter").flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
            if recovered < acknowledged { return ("lost \(acknowledged - recovered) acknowledged (I1)", recovered) }
            if store.content != contents[recovered] { return ("not a prefix at \(recovered) (I2, I3)", recovered) }
            if let exactly, exactly != recovered {
                return ("\(exactly) became \(recovered) by recovering again", recovered)
            }
            // The store must be usable, and what it does must survive as well.
            try store.putDurably("after", "crash")
            return (nil, recovered)
        } catch {
            return ("refused: \(error)", -1)
        }
    }

    static let losses: [SimulatedDisk.Loss] = [.keepAll, .dropAll] + (1...6).map { .random(seed: $0) }
    static let recoveryLosses: [SimulatedDisk.Loss] = [.keepAll, .dropAll, .random(seed: 77)]

    @Test(arguments: [true, false])
    func everyCrashPoint(direct: Bool) {
        let calls = Self.run(crashAt: nil, direct: direct).disk.calls
        var recoveries = 0
        for crash in 0..<calls {
            let run = Self.run(crashAt: crash, direct: direct)
            #expect(run.disk.isDead)
            for (index, loss) in Self.losses.enumerated() {
                let verdict = Self.verdict(run.disk.afterCrash(loss), acknowledged: run.acknowledged, direct: direct)
                recoveries += 1
                #expect(verdict.problem == nil, "crash at call \(crash), \(loss)")
                guard index < 3, verdict.problem == nil else { continue }
                recoveries += crashDuringRecovery(run, loss, recovered: verdict.recovered, direct: direct, at: crash)
            }
        }
        print("L1 \(direct ? "direct" : "buffered"): \(calls) crash points, \(recoveries) recoveries")
        #expect(calls > 90)
    }

    /// Cuts the power again at every call of the recovery; the second recovery must find the same.
    private func crashDuringRecovery(
        _ run: Run,
        _ loss: SimulatedDisk.Loss,
        recovered: Int,
        direct: Bool,
        at crash: Int
    ) -> Int {
        var recoveries = 0
        var second = 0
        while true {
            let disk = run.disk.afterCrash(loss)
            disk.crash(atCall: second)
            _ = try? SimulatedStore(disk, direct: direct)
            guard disk.isDead else { return recoveries }
            for again in Self.recoveryLosses {
                let verdict = Self.verdict(
                    disk.afterCrash(again),
                    acknowledged: run.acknowledged,
                    direct: direct,
                    exactly: recovered
                )
                recoveries += 1
                #expect(
                    verdict.problem == nil,
                    "crash at call \(crash), \(loss), then at call \(second) of recovery, \(again)"
                )
            }
            second += 1
        }
    }

    /// Lesson 6: killed first, recovered from what only the kernel knew, then the power goes. What the second owner showed
    /// must be there.
    @Test(arguments: [true, false])
    func whatWasRecoveredIsDurableBeforeItIsShown(direct: Bool) throws {
        let calls = Self.run(crashAt: nil, direct: direct).disk.calls
        var recoveries = 0
        for crash in 0..<calls {
            let run = Self.run(crashAt: crash, direct: direct)
            for loss in Self.losses {
                let killed = run.disk.afterKill()
                let second = try SimulatedStore(killed, direct: direct)
                let shown = second.get("counter").flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
                let verdict = Self.verdict(killed.afterCrash(loss), acknowledged: shown, direct: direct, exactly: shown)
                recoveries += 2
                #expect(verdict.problem == nil, "killed at call \(crash), then \(loss)")
            }
        }
        print("kill, then power cut, \(direct ? "direct" : "buffered"): \(recoveries) recoveries")
    }

    /// L5: the test above must turn red when a sync is missing.
    @Test(arguments: [
        (SimulatedDisk.Lies.fileSync, false), (.directorySync, true), (.directorySync, false), (.directWrite, true),
        (.snapshotCommit, true), (.snapshotCommit, false),
    ])
    func aMissingSyncIsNoticed(lies: SimulatedDisk.Lies, direct: Bool) {
        let calls = Self.run(crashAt: nil, direct: direct, lies: lies).disk.calls
        var problems = 0
        for crash in 0..<calls {
            let run = Self.run(crashAt: crash, direct: direct, lies: lies)
            for loss in Self.losses {
                let verdict = Self.verdict(run.disk.afterCrash(loss), acknowledged: run.acknowledged, direct: direct)
                if verdict.problem != nil { problems += 1 }
            }
        }
        print("mutant \(lies.rawValue) \(direct ? "direct" : "buffered"): \(problems) problems found")
        #expect(problems > 0)
    }

    /// I11: same inputs and seed, same bytes.
    @Test(arguments: [true, false])
    func sameInputsGiveTheSameBytes(direct: Bool) {
        let first = Self.run(crashAt: nil, direct: direct).disk.image
        #expect(first == Self.run(crashAt: nil, direct: direct).disk.image)
        #expect(first.count > 3)
    }
}
