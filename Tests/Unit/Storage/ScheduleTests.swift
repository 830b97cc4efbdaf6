#if DEBUG && !III_TSAN
    import Glibc
    import Testing

    @testable import Storage
    @testable import StorageTesting

    /// Every order of the store's threads that a seed comes to, at each I/O call, callback and contended lock, and at one lock
    /// in four. `III_SCHEDULES=N` for more of them, `III_SCHEDULE_SEED=n` for one.
    @Suite struct ScheduleTests {
        private static let defaultSchedules: UInt64 = 10_000
        private static let chunk: UInt64 = 250

        private static func environment(_ name: String) -> UInt64? {
            getenv(name).flatMap { UInt64(String(cString: $0)) }
        }

        /// A trap ends the process: it says first which schedule met it. One that is run alone leaves that to the backtrace.
        private static let tellsOfTraps: Void = {
            guard environment("III_SCHEDULE_SEED") == nil else { return }
            for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS] {
                signal(number) { number in
                    if let actor = Turns.ofThisThread as? Turnstile.Actor {
                        let text = Array("\nschedule \(actor.seed) met signal \(number): III_SCHEDULE_SEED=\(actor.seed)\n".utf8)
                        _ = write(STDERR_FILENO, text, text.count)
                    }
                    signal(number, SIG_DFL)
                    raise(number)
                }
            }
        }()

        static let chunks: [ClosedRange<UInt64>] = {
            if let seed = environment("III_SCHEDULE_SEED") { return [seed...seed] }
            let count = max(1, environment("III_SCHEDULES") ?? defaultSchedules)
            return stride(from: 1, through: count, by: Int(chunk)).map { $0...min($0 + chunk - 1, count) }
        }()

        private static let total = Mutex((schedules: 0, tally: ScheduleTally(), coverage: TurnCoverage(Schedule.names)))

        @Test func aSeedGivesTheSameSchedule() throws {
            for seed in 1...30 as ClosedRange<UInt64> {
                let traces = try (0..<2).map { _ in
                    let scratch = try ScratchDirectory(in: "/dev/shm")
                    let schedule = try Schedule(seed: seed, scratch: scratch.path, TurnCoverage(Schedule.names))
                    try schedule.run()
                    return schedule.trace
                }
                #expect(traces[0] == traces[1] && traces[0] != 0, "seed \(seed)")
            }
        }

        @Test(arguments: chunks)
        func everybodyBesideEverybody(seeds: ClosedRange<UInt64>) throws {
            let scratch = try ScratchDirectory(in: "/dev/shm")
            Self.tellsOfTraps
            let coverage = TurnCoverage(Schedule.names)
            var tally = ScheduleTally()
            for seed in seeds {
                do {
                    let schedule = try Schedule(seed: seed, scratch: scratch.path, coverage)
                    try schedule.run()
                    tally.add(schedule.tally)
                } catch {
                    Issue.record("schedule \(seed): \(error)\n  III_SCHEDULE_SEED=\(seed) swift test --filter ScheduleTests")
                }
            }
            let isLast = Self.total.withLock { total in
                total.schedules += seeds.count
                total.tally.add(tally)
                total.coverage.add(coverage)
                return total.schedules == Self.chunks.reduce(0) { $0 + $1.count }
            }
            if isLast { judgeTotal() }
        }

        /// What each kind of thread must have been met at, beside each other's.
        private static let places: [(who: Schedule.Who, sites: [TurnSite])] = [
            (.writer, [.pwrite, .synced, .callback]),
            (.checkpoint, [.apply, .applied, .unlink]),
            (.spare, [.open, .pwrite, .fdatasync]),
            (.backup, [.copy, .open, .pread, .pwrite]),
            (.writes, [.step, .lock]),
            (.reads, [.step, .lock]),
            (.blocks, [.step, .sleep]),
            (.close, [.sleep, .apply, .applied, .pwrite, .truncate]),
        ]
        /// The store's own threads have ended then, and a backup, unless it was left behind.
        private static let afterTheLoops: [TurnSite] = [.apply, .applied, .pwrite, .truncate]

        private static var pairs: [(TurnCoverage.Point, TurnCoverage.Point)] {
            var pairs: [(TurnCoverage.Point, TurnCoverage.Point)] = []
            for (index, one) in places.enumerated() {
                for other in places[(index + 1)...] {
                    for site in one.sites {
                        for otherSite in other.sites {
                            if one.who.rawValue <= Schedule.Who.backup.rawValue, other.who == .close, afterTheLoops.contains(otherSite) { continue }
                            pairs.append(((one.who.rawValue, site), (other.who.rawValue, otherSite)))
                        }
                    }
                }
            }
            return pairs
        }

        private func judgeTotal() {
            let (schedules, tally, coverage) = Self.total.withLock { ($0.schedules, $0.tally, $0.coverage) }
            print("schedules \(Self.chunks[0].lowerBound) to \(Self.chunks.last?.upperBound ?? 0): \(tally)")
            for who in Schedule.Who.allCases {
                let sites = TurnSite.allCases.map { ($0, coverage.count((who.rawValue, $0))) }.filter { $0.1 > 0 }
                print("    \(who): " + sites.map { "\($0.0) \($0.1)" }.joined(separator: ", "))
            }
            let unmet = Self.pairs.filter { coverage.count($0.0, $0.1) == 0 }.map { one, other in
                "\(Schedule.names[one.actor]).\(one.site) beside \(Schedule.names[other.actor]).\(other.site)"
            }
            print("    \(Self.pairs.count - unmet.count) of \(Self.pairs.count) pairs of places met \(unmet)")
            let leftBehind = Self.places[Schedule.Who.backup.rawValue].sites.reduce(0) { sum, site in
                sum + Self.afterTheLoops.reduce(0) { $0 + coverage.count((Schedule.Who.backup.rawValue, site), (Schedule.Who.close.rawValue, $1)) }
            }
            guard schedules >= Self.defaultSchedules else { return }
            #expect(unmet.isEmpty && leftBehind > 0)
            for fault in Schedule.Fault.allCases { #expect(tally.faults[fault, default: 0] > schedules / 50, "\(fault)") }
            #expect(tally.acknowledged > schedules && tally.shown > schedules && tally.checkpoints > schedules)
            #expect(tally.rotations > schedules && tally.backups > schedules / 20 && tally.cancelledBackups > schedules / 100)
        }
    }
#endif
