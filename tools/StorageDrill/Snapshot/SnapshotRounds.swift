import Glibc
import Synchronization

/// L4 for one commit of LMDB: every state of `data.mdb` that a power cut in its middle may leave, and many that it can't.
///
/// States that the order of writes and syncs allows must open with exactly the old content or the new. All others (a meta
/// page that names pages which were never written, or that is torn within a sector) may be refused, or found by the
/// audit; they must not end the process and must not be shown as right.
public struct SnapshotRounds: Sendable {
    public struct Options: Sendable {
        /// A directory of the drill's own; emptied.
        public var directory: String
        /// Where images are made; nil: in memory if there is room, else below `directory`.
        public var scratch: String?
        public var images = 30_000
        public var seed: UInt64 = 1
        /// Images that are tried at once.
        public var lanes = 2
        /// What makes this program call `DrillChild.run` with the arguments that follow.
        public var childArguments: [String]
        /// Impossible states that end the engine's process, or that it shows as right, count as failures too. Those that end
    /// a tool's process, or that it shows as right, always do.
        public var isStrict = SnapshotRounds.isStrict

        public init(directory: String, childArguments: [String]) {
            self.directory = directory
            self.childArguments = childArguments
        }
    }

    /// False: an opening checks LMDB's meta pages and free list, but trusts the pages of its rows; impossible states in which
    /// one of these was never written end the process still (one in sixty). They are counted and printed only.
    static let isStrict = false

    /// Begins the text of a problem that a tool had, not the engine.
    static let tool = "the tool"

    /// A recording, and all images of one.
    static let patienceNanoseconds: UInt64 = 3_600_000_000_000
    static let maximumTextBytes = 8 << 20
    /// A process that dies more often tells nothing new.
    static let maximumRestarts = 2_000

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    /// Records and tries; `report` gets a line for each recording and each failure.
    public func run(_ report: (String) -> Void) throws(DrillError) -> RoundsResult {
        var result = RoundsResult()
        let scratch = options.scratch ?? DrillFiles.inMemory("snapshot-states") ?? options.directory + "/images"
        var left = options.images
        var round: UInt64 = 0
        while left > 0 {
            for (index, kind) in SnapshotScenario.Kind.allCases.enumerated() where left > 0 {
                var plan = SnapshotPlan()
                plan.directory = options.directory + "/" + kind.rawValue
                (plan.scratch, plan.kind, plan.seed) = (scratch, kind, options.seed &+ round)
                plan.images = left / (SnapshotScenario.Kind.allCases.count - index)
                left -= try runOne(plan, &result, report)
            }
            round += 1
        }
        try DrillFiles.removeTree(scratch)
        return result
    }

    /// Returns how many images there were.
    private func runOne(_ plan: SnapshotPlan, _ result: inout RoundsResult, _ report: (String) -> Void)
        throws(DrillError) -> Int
    {
        let start = monotonicNanoseconds()
        try record(plan)
        let journal = try Journal(path: plan.journal)
        if let why = journal.stopped { throw DrillError("the recording stopped: \(why)", path: plan.journal) }
        let states = Self.states(journal, plan)
        guard !states.isEmpty else { throw DrillError("no commit was recorded", path: plan.journal) }
        let choice = StateChoice(states, limit: plan.images, seed: plan.seed)
        try DrillFiles.removeTree(plan.scratch)
        try DrillFiles.createDirectories(plan.scratch)
        let lanes = try runLanes(plan)
        var tally = SnapshotTally()
        let failed = result.failed
        var (deaths, lies, toolDeaths) = (0, 0, 0)
        for lane in lanes {
            tally = tally + lane.tally
            for problem in lane.problems {
                let item = choice.items[problem.image]
                let state = states[item.commit].state(at: item.state)
                if problem.isDeath, problem.isInTool { toolDeaths += 1 }
                if state.expected == nil, !options.isStrict, !problem.isInTool {
                    if problem.isDeath { deaths += 1 } else { lies += 1 }
                    continue
                }
                let text =
                    "\(plan.kind.rawValue), seed \(plan.seed), image \(problem.image) (commit \(item.commit), "
                    + "state \(item.state), \(state.expected == nil ? "impossible" : "allowed"): \(state.description)): "
                    + problem.text
                result.fail(text)
                if result.failed <= RoundsResult.maximumProblems { report(text) }
            }
        }
        result.passed += tally.images + deaths + lies
        let pages = states.map { "\($0.commit.pages.count)" }.joined(separator: " ")
        report(
            "\(plan.kind.rawValue) (seed \(plan.seed)): commits of \(pages) pages, depth \(states.map(\.commit.depth).max() ?? 0); "
                + "\(choice.items.count) of \(choice.total) states: \(tally.sound) allowed and sound; impossible ones: "
                + "\(tally.right) right, \(tally.earlier) earlier, \(tally.refused) refused, \(tally.detected) found by the "
                + "audit, \(lies) shown as right, \(deaths) ended the process; by the tool \(tally.reported) refused or found, "
                + "\(tally.shown) shown and sound, \(toolDeaths) ended the process; \(result.failed - failed) failed; \((monotonicNanoseconds() - start) / 1_000_000) ms"
        )
        if result.failed == failed { try DrillFiles.removeTree(plan.directory) }
        return choice.items.count
    }

    static func states(_ journal: Journal, _ plan: SnapshotPlan) -> [CommitStates] {
        CommitFinder.commits(in: journal, SnapshotScenario.recordedGenerations).enumerated().map {
            CommitStates($1, journal, seed: plan.seed &+ UInt64($0))
        }
    }

    private func record(_ plan: SnapshotPlan) throws(DrillError) {
        try DrillFiles.createDirectories(plan.directory)
        try DrillFiles.removeTree(plan.root)
        try DrillFiles.removeTree(plan.journal)
        var recording = plan
        recording.images = 0
        var process = try ChildProcess(
            arguments: options.childArguments + recording.arguments,
            environment: ["III_RECORD_ROOT": plan.root, "III_RECORD_JOURNAL": plan.journal, "III_FAILPOINT": ""]
        )
        _ = try process.readText(
            until: monotonicNanoseconds() + Self.patienceNanoseconds,
            limit: Self.maximumTextBytes
        )
        let ending = process.wait()
        guard ending == .exit(0) else { throw DrillError("the recorded process failed (\(ending))", path: plan.root) }
    }

    private struct Problem: Sendable {
        var image: Int
        var text: String
        var isDeath = false
        var isInTool = false
    }

    private struct Lane: Sendable {
        var tally = SnapshotTally()
        var problems: [Problem] = []
    }

    private func runLanes(_ plan: SnapshotPlan) throws(DrillError) -> [Lane] {
        let results = Mutex<[Result<Lane, DrillError>]>([])
        let shared = Shared(results)
        let threads = try (0..<options.lanes).map { number throws(DrillError) in
            var plan = plan
            (plan.lane, plan.lanes) = (number, options.lanes)
            let rounds = self
            return try DrillThread { [plan] in
                let lane = Result { () throws(DrillError) in try rounds.runLane(plan) }
                shared.results.withLock { $0.append(lane) }
            }
        }
        for thread in threads { thread.join() }
        var lanes: [Lane] = []
        for lane in shared.results.withLock({ $0 }) { lanes.append(try lane.get()) }
        return lanes
    }

    private final class Shared: Sendable {
        let results: Mutex<[Result<Lane, DrillError>]>

        init(_ results: consuming Mutex<[Result<Lane, DrillError>]>) {
            self.results = results
        }
    }

    /// One process after the other, each from the image behind the one that ended the process before.
    private func runLane(_ start: SnapshotPlan) throws(DrillError) -> Lane {
        var lane = Lane()
        var plan = start
        for _ in 0..<Self.maximumRestarts {
            try DrillFiles.removeTree(plan.tallies)
            var process = try ChildProcess(
                arguments: options.childArguments + plan.arguments,
                // Many of them crash: nobody wants to wait for what the runtime has to say of it.
                environment: ["III_FAILPOINT": "", "SWIFT_BACKTRACE": "enable=no"]
            )
            let deadline = monotonicNanoseconds() + Self.patienceNanoseconds
            let text = try process.readText(until: deadline, limit: Self.maximumTextBytes) ?? ""
            let ending = process.wait()
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ", maxSplits: 1)
                guard words.count == 2, let image = Int(words[0]) else { throw DrillError(String(line)) }
                let text = String(words[1])
                lane.problems.append(Problem(image: image, text: text, isInTool: text.hasPrefix(Self.tool)))
            }
            let tally = try SnapshotTally(path: plan.tallies)
            lane.tally = lane.tally + tally
            if ending == .exit(0) { return lane }
            guard ending.isDeathByAPage else {
                throw DrillError("a process that tries images failed (\(ending)), see its words above")
            }
            let death = "the process did not survive it (\(ending))"
            let what = tally.isInTool ? "\(Self.tool): \(death)" : death
            lane.problems.append(Problem(image: tally.next, text: what, isDeath: true, isInTool: tally.isInTool))
            plan.first = tally.next + 1
        }
        throw DrillError("more than \(Self.maximumRestarts) images ended their process", path: plan.directory)
    }
}

extension ChildProcess.Ending {
    /// LMDB followed what a page says: a signal, or the storage exit code after a read behind the end of the file.
    fileprivate var isDeathByAPage: Bool {
        if case .signal = self { return true }
        return self == .exit(74)
    }
}
