import Glibc

/// L3: real processes on real files, killed at random moments (storage.md §6).
///
/// The kernel lives on, so this finds what a process alone can break: acknowledgements before the write, recovery that
/// isn't repeatable, unfinished opens, closes and rotations. A missing sync it can't find: that is `PowerCutRounds`.
public struct KillRounds: Sendable {
    public struct Options: Sendable {
        /// A directory of the drill's own; emptied.
        public var directory: String
        public var rounds = 200
        public var seed: UInt64 = 1
        /// At most this many threads commit at once.
        public var committers = 8
        /// What makes this program call `DrillChild.run` with the arguments that follow.
        public var childArguments: [String]
        /// `name:count` for `III_FAILPOINT`; half of the rounds use one, if there are any.
        public var failpoints: [String] = []

        public init(directory: String, childArguments: [String]) {
            self.directory = directory
            self.childArguments = childArguments
        }
    }

    /// A store that has grown beyond this is left, and a new one begun.
    static let maximumStoreBytes: UInt64 = 64 << 20
    /// Longer than any child works on a slow disk; only a failpoint that is never reached, or a hanging store, needs it.
    static let patienceNanoseconds: UInt64 = 20_000_000_000

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    /// What the rounds so far promise of the store.
    private struct Promise {
        var acknowledged: UInt64 = 0
        var begun: UInt64 = 0
    }

    /// Runs all rounds; `report` gets a line for each.
    public func run(_ report: (String) -> Void) throws(DrillError) -> RoundsResult {
        var result = RoundsResult()
        let store = options.directory + "/store"
        try DrillFiles.createDirectories(options.directory)
        var generation = 0
        var promise = Promise()
        var checker = newStore(&generation)
        try DrillFiles.removeTree(store)
        for round in 0..<options.rounds {
            if DrillFiles.bytes(below: store) > Self.maximumStoreBytes {
                try DrillFiles.removeTree(store)
                promise = Promise()
                checker = newStore(&generation)
            }
            try runRound(round, store, generation, checker, &promise, &result, report)
        }
        if result.failed == 0 { try DrillFiles.removeTree(store) }
        return result
    }

    private func newStore(_ generation: inout Int) -> Checker {
        generation += 1
        return Checker(workload: Workload(seed: options.seed &+ UInt64(generation)))
    }

    private func runRound(
        _ round: Int,
        _ store: String,
        _ generation: Int,
        _ checker: Checker,
        _ promise: inout Promise,
        _ result: inout RoundsResult,
        _ report: (String) -> Void
    ) throws(DrillError) {
        let plan = KillPlan(
            seed: options.seed,
            round: round,
            committers: options.committers,
            failpoints: options.failpoints
        )
        let before = promise.acknowledged
        let outcome = try killOne(plan, store, generation, &promise)
        let what = "round \(round), killed \(plan.moment) (\(plan.committers) committers, \(outcome))"
        if case .exit(let status) = outcome, status != 0 {
            result.fail("\(what): the process failed by itself, see its words above")
            report("\(what): failed")
            return
        }
        let verdict = checker.check(path: store, acknowledged: promise.acknowledged, begun: promise.begun)
        report("\(what): acknowledged \(promise.acknowledged), found \(verdict)")
        result.acknowledged += promise.acknowledged - before
        result.add(verdict, what)
        // The check has committed one more.
        let next = verdict.found.map { $0 + (verdict.isSound ? 1 : 0) } ?? promise.acknowledged
        promise = Promise(acknowledged: next, begun: next)
    }

    private func killOne(_ plan: KillPlan, _ store: String, _ generation: Int, _ promise: inout Promise)
        throws(DrillError) -> ChildProcess.Ending
    {
        var child = ChildOptions()
        child.directory = store
        child.seed = options.seed &+ UInt64(generation)
        child.committers = plan.committers
        child.transactions = plan.transactions
        child.shape = plan.shape
        var failpoint = ""
        if case .atFailpoint(let name) = plan.moment { failpoint = name }
        var process = try ChildProcess(
            arguments: options.childArguments + child.arguments,
            environment: ["III_FAILPOINT": failpoint]
        )
        try follow(&process, until: plan.moment, &promise)
        return process.wait()
    }

    /// Reads what the child says, kills it at its moment, and reads what it had said before.
    private func follow(_ process: inout ChildProcess, until moment: KillMoment, _ promise: inout Promise)
        throws(DrillError)
    {
        var trigger = KillTrigger(moment, now: monotonicNanoseconds())
        let patience = monotonicNanoseconds() + Self.patienceNanoseconds
        var isKilled = false
        while true {
            let deadline = isKilled ? UInt64.max : min(trigger.deadline ?? .max, patience)
            switch try process.read(until: deadline) {
            case .end: return
            case .silence: break
            case .event(let event):
                switch event {
                case .begun(let number): promise.begun = max(promise.begun, number)
                case .opened(let number), .acknowledged(let number):
                    promise.acknowledged = max(promise.acknowledged, number)
                case .opening, .closing, .closed: break
                }
                trigger.see(event, now: monotonicNanoseconds())
            }
            if !isKilled, monotonicNanoseconds() >= min(trigger.deadline ?? .max, patience) {
                process.kill()
                isKilled = true
            }
        }
    }
}

/// Turns a moment into a time, as the child tells where it is.
private struct KillTrigger {
    private let moment: KillMoment
    private var acknowledgements = 0
    /// When to kill; nil: not known yet.
    private(set) var deadline: UInt64?

    init(_ moment: KillMoment, now: UInt64) {
        self.moment = moment
        if case .afterStart(let microseconds) = moment { deadline = now + microseconds * 1_000 }
    }

    mutating func see(_ event: ChildEvent, now: UInt64) {
        if case .acknowledged = event { acknowledgements += 1 }
        switch (moment, event) {
        case (.whileOpening(let microseconds), .opening),
            (.whileRunning(let microseconds), .opened),
            (.whileClosing(let microseconds), .closing):
            deadline = now + microseconds * 1_000
        case (.atAcknowledgement(let count), .acknowledged) where acknowledgements == count: deadline = now
        default: break
        }
    }
}
