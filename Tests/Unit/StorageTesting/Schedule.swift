#if DEBUG && !III_TSAN
    import Glibc

    @testable import Storage

    /// One seeded schedule of everything that runs beside each other in an open store (storage.md §6): its own three
    /// threads, a backup, clients that write, read and block, and the end. The loops and the end are the product's.
    ///
    /// `@unchecked Sendable`: one actor runs at a time, and the turnstile's semaphores order them.
    final class Schedule: @unchecked Sendable {
        struct Finding: Error, CustomStringConvertible {
            var description: String
            init(_ description: String) { self.description = description }
        }

        enum Who: Int, CaseIterable {
            case writer, checkpoint, spare, backup, writes, reads, blocks, close
        }

        /// What goes wrong, if anything.
        enum Fault: String, CaseIterable {
            case none, powerCut, logFails, snapshotFails, noRoomForTheSnapshot, fullDisk, fewDescriptors, damage
        }

        static let names = Who.allCases.map { "\($0)" }

        let seed: UInt64
        let fault: Fault
        let disk = SimulatedDisk()
        let clock = SimulatedClock()
        let log: LogStore<TurnstileIO>
        let snapshot: SimulatedSnapshot
        let options: StorageOptions
        private let turnstile: Turnstile
        var generator: SeededGenerator

        let isStopping = StopFlag()
        let writerWakeUp = WakeUp()
        let spareWakeUp = WakeUp()
        let checkpointWakeUp = WakeUp()
        let loopEnded = WakeUp()

        var model = ScheduleModel()
        /// How often each waiter was answered.
        var answers: [Int] = []
        var findings: [String] = []
        var tally = ScheduleTally()
        private let failures = Counter()
        /// Backups claim a place on the real disk; the files are on the simulated one.
        let target: String
        var backedUp: (report: BackupReport, acknowledged: UInt64)?

        init(seed: UInt64, scratch: String, _ coverage: TurnCoverage) throws {
            self.seed = seed
            target = "\(scratch)/backup-\(seed)"
            var generator = SeededGenerator(seed: seed)
            // Calm lives and power cuts are what most is learned from.
            let faults: [Fault] = Fault.allCases + [.none, .none, .powerCut, .powerCut, .powerCut]
            fault = faults[Int.random(in: 0..<faults.count, using: &generator)]
            let options = Self.options(clock, failures, &generator)
            self.options = options
            let (io, disk) = (TurnstileIO(disk: disk), disk)
            var opening = LogOpening(io: io, root: SimulatedStore.root, options: options) { store, create throws(StorageError) in
                try SimulatedSnapshot(disk, LogDirectory(root: SimulatedStore.root), store: store, create: create)
            }
            log = LogStore(options: options, io: io, opened: try opening.run())
            guard let snapshot = log.snapshot as? SimulatedSnapshot else { throw Finding("another snapshot") }
            self.snapshot = snapshot
            self.generator = generator
            turnstile = Turnstile(seed: seed, Self.names, clock, coverage)
        }

        private static func options(_ clock: SimulatedClock, _ failures: Counter, _ generator: inout SeededGenerator)
            -> StorageOptions
        {
            var options = SimulatedStore.options(direct: Bool.random(using: &generator), clock: clock)
            options.maximumPendingTransactions = 4
            if Bool.random(using: &generator) { options.maximumSegmentBytes = options.initialSegmentBytes }
            if Bool.random(using: &generator) { options.checkpointIntervalNanoseconds = 10_000_000 }
            if Bool.random(using: &generator) { options.checkpointLogBytes = 2 * LogLimits.blockBytes }
            let source = SeededSource(seed: generator.next())
            options.random = { source.next() }
            options.onWarning = { _ in TurnSite.callback.pause() }
            options.deliver = { body in
                TurnSite.callback.pause()
                body()
            }
            options.onFailure = { _ in
                TurnSite.callback.pause()
                failures.add()
            }
            return options
        }

        /// Who was where in which order.
        var trace: UInt64 { turnstile.trace }

        func run() throws {
            try live()
            try makeFoldersOfTheBackup()
            bringFault()
            let bodies = Who.allCases.map { who in { @Sendable in self.act(who) } }
            if let problem = try turnstile.run(bodies) { throw Finding(problem) }
            if let finding = findings.first ?? snapshot.violations.first { throw Finding(finding) }
            if let index = answers.firstIndex(where: { $0 != 1 }) { throw Finding("waiter \(index): \(answers[index]) answers") }
            guard failures.value <= (fault == .none ? 0 : 1) else { throw Finding("failed \(failures.value) times") }
            try checkReopened()
            try checkBackup()
        }

        /// Half of the stores have a snapshot already.
        private func live() throws {
            guard chance(2) else { return }
            for step in 0..<3 { commit("before.\(step)") { _ in } }
            _ = log.writeStep()
            guard log.beginCheckpoint(), case .written = log.writeCheckpoint() else { throw Finding("no first checkpoint") }
        }

        /// Their writer makes them on the real disk.
        private func makeFoldersOfTheBackup() throws {
            let partial = target + ".partial"
            for end in partial.indices.dropFirst() where partial[end] == "/" { try disk.createDirectory(String(partial[..<end])) }
            for folder in ["", "/snapshot", "/wal"] { try disk.createDirectory(partial + folder) }
        }

        private func bringFault() {
            let when = Int.random(in: 0..<60, using: &generator)
            let isDirect = options.useDirectIO != .off
            switch fault {
            case .powerCut: disk.crash(atCall: disk.calls + 2 * when)
            case .logFails: disk.fail(isDirect || chance(2) ? "pwrite" : "fdatasync", EIO, after: when / 4)
            case .snapshotFails: snapshot.failures = [.final(StorageError(.durabilityLost, "EIO of the snapshot"))]
            case .noRoomForTheSnapshot:
                snapshot.failures = [.lowSpace(StorageError(.lowSpace, "no room")), .mapFull, .mapFull]
            case .fullDisk: disk.limit(to: disk.usedBytes + when / 4 * LogLimits.blockBytes)
            case .fewDescriptors: disk.fail("open", EMFILE, after: when / 20)
            case .none, .damage: break
            }
            // A slow sync is told of, in the gap before its publication.
            if chance(2) { disk.delay(isDirect ? "pwrite" : "fdatasync", clock, after: Int.random(in: 0..<6, using: &generator)) }
            tally.faults[fault, default: 0] += 1
        }

        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &generator) == 0 }

        func found(_ text: String) { findings.append(text) }

        /// What its answers are counted by.
        func waiter() -> Int {
            answers.append(0)
            return answers.count - 1
        }

        // MARK: Judgement

        private func checkReopened() throws {
            var after = disk.copy()
            if fault == .powerCut || chance(2) {
                if chance(2) { disk.loseNamesIndependently() }
                after = disk.afterCrash(.random(seed: seed))
            }
            after.limit(to: nil)
            let store: SimulatedStore
            do {
                store = try SimulatedStore(after, options: options)
            } catch {
                throw Finding("refused to open: \(error)")
            }
            let lsn = store.log.recovery.recoveredLSN.rawValue
            if let problem = model.judge(recovered: lsn, store.content) { throw Finding(problem) }
            guard fault == .none else { return }
            guard lsn == model.lastCommitted, store.log.recovery.condition == .clean else {
                throw Finding("closed after \(model.lastCommitted), recovered \(lsn), \(store.log.recovery.condition)")
            }
        }

        /// It holds what was acknowledged when it began, and opens as it is.
        private func checkBackup() throws {
            guard let backedUp else { return }
            let root = target + ".partial"
            let copy = disk.copy()
            copy.limit(to: nil)
            var opening = LogOpening(io: copy, root: root, options: options) { store, create throws(StorageError) in
                try SimulatedSnapshot(copy, LogDirectory(root: root), store: store, create: create)
            }
            let opened: LogStore<SimulatedDisk>
            do {
                opened = LogStore(options: options, io: copy, opened: try opening.run())
            } catch {
                throw Finding("the backup can't be opened: \(error)")
            }
            let store = SimulatedStore(copy, opened)
            let lsn = opened.recovery.recoveredLSN.rawValue
            let through = backedUp.report.through.rawValue
            guard through >= backedUp.acknowledged, lsn >= through else {
                throw Finding("backed up \(lsn), said \(through), acknowledged before \(backedUp.acknowledged)")
            }
            if let problem = model.judge(content: store.content, at: lsn) { throw Finding("backup: \(problem)") }
        }
    }

    /// What the whole suite has explored.
    struct ScheduleTally: Sendable {
        var faults: [Schedule.Fault: Int] = [:]
        var acknowledged = 0
        var shown = 0
        var checkpoints = 0
        var rotations = 0
        var backups = 0
        var cancelledBackups = 0

        mutating func add(_ other: ScheduleTally) {
            faults.merge(other.faults, uniquingKeysWith: +)
            acknowledged += other.acknowledged
            shown += other.shown
            checkpoints += other.checkpoints
            rotations += other.rotations
            backups += other.backups
            cancelledBackups += other.cancelledBackups
        }
    }
#endif
