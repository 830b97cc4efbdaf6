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
        /// Every store is encrypted, not a third of them.
        public var isEncrypted = false

        public init(directory: String, childArguments: [String]) {
            self.directory = directory
            self.childArguments = childArguments
        }
    }

    /// A store that has grown beyond this is left, and a new one begun.
    static let maximumStoreBytes: UInt64 = 64 << 20
    /// After so many rounds too: some stores are encrypted and some are not.
    static let maximumStoreRounds = 30
    /// Longer than any child works on a slow disk; only a failpoint that is never reached, or a hanging store, needs it.
    static let patienceNanoseconds: UInt64 = 20_000_000_000

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    /// The store that the rounds work on, and what they promise of it.
    private struct Generation {
        let number: Int
        var acknowledged: UInt64 = 0
        var begun: UInt64 = 0
        var rounds = 0
        /// 0: not encrypted.
        var key: UInt64
        /// Something was wrong: it is set aside, and the next round begins a new one.
        var isBroken = false

        init(number: Int, isEncrypted: Bool) {
            self.number = number
            key = isEncrypted ? 1 : 0
        }

        var isOld: Bool { isBroken || rounds >= KillRounds.maximumStoreRounds }
    }

    private var store: String { options.directory + "/store" }

    private func seed(_ generation: Generation) -> UInt64 {
        options.seed &+ UInt64(generation.number)
    }

    /// Runs all rounds; `report` gets a line for each. What was wrong stays in `failed-<round>`.
    public func run(_ report: (String) -> Void) throws(DrillError) -> RoundsResult {
        var result = RoundsResult()
        try DrillFiles.createDirectories(options.directory)
        try DrillFiles.removeTree(store)
        var generation = makeGeneration(0)
        for round in 0..<options.rounds {
            if generation.isOld || DrillFiles.bytes(below: store) > Self.maximumStoreBytes {
                try DrillFiles.removeTree(store)
                generation = makeGeneration(generation.number + 1)
            }
            generation.rounds += 1
            let failed = result.failed
            try runRound(round, &generation, &result, report)
            if result.failed > failed {
                generation.isBroken = true
                try setAside(round, report)
            }
        }
        try DrillFiles.removeTree(store)
        return result
    }

    private func makeGeneration(_ number: Int) -> Generation {
        Generation(number: number, isEncrypted: options.isEncrypted || (options.seed &+ UInt64(number)) % 3 == 0)
    }

    private func setAside(_ round: Int, _ report: (String) -> Void) throws(DrillError) {
        let place = options.directory + "/failed-\(round)"
        try DrillFiles.removeTree(place)
        guard DrillFiles.kind(of: store) != nil else { return }
        guard rename(store, place) == 0 else { throw .failed("rename", store) }
        report("kept as the check left it: \(place)")
    }

    private func runRound(
        _ round: Int,
        _ generation: inout Generation,
        _ result: inout RoundsResult,
        _ report: (String) -> Void
    ) throws(DrillError) {
        let plan = KillPlan(
            seed: options.seed,
            round: round,
            committers: options.committers,
            failpoints: options.failpoints
        )
        let before = generation.acknowledged
        if generation.key > 0, plan.rotatesKey { generation.key += 1 }
        let outcome = try killOne(plan, &generation)
        let what =
            "round \(round), killed \(plan.moment) (\(plan.committers) committers, \(outcome)\(generation.key > 0 ? ", key \(generation.key)" : ""))"
        if case .exit(let status) = outcome, status != 0 {
            result.fail("\(what): the process failed by itself, see its words above")
            report("\(what): failed")
            return
        }
        var shape = StoreShape()
        shape.key = generation.key
        let check = IsolatedCheck(childArguments: options.childArguments, seed: seed(generation), shape: shape)
        let verdict = try check.check(
            path: store,
            acknowledged: generation.acknowledged,
            begun: generation.begun
        )
        report("\(what): acknowledged \(generation.acknowledged), found \(verdict)")
        result.acknowledged += generation.acknowledged - before
        result.add(verdict, what)
        // The check of a sound store has committed one more.
        generation.acknowledged = (verdict.found ?? 0) + 1
        generation.begun = generation.acknowledged
    }

    private func killOne(_ plan: KillPlan, _ generation: inout Generation) throws(DrillError)
        -> ChildProcess.Ending
    {
        var child = ChildOptions()
        child.directory = store
        child.seed = seed(generation)
        child.committers = plan.committers
        child.transactions = plan.transactions
        child.shape = plan.shape
        child.shape.key = generation.key
        var failpoint = ""
        if case .atFailpoint(let name) = plan.moment { failpoint = name }
        var process = try ChildProcess(
            arguments: options.childArguments + child.arguments,
            environment: ["III_FAILPOINT": failpoint]
        )
        try follow(&process, until: plan.moment, &generation)
        return process.wait()
    }

    /// Reads what the child says, kills it at its moment, and reads what it had said before.
    private func follow(_ process: inout ChildProcess, until moment: KillMoment, _ generation: inout Generation)
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
                case .begun(let number): generation.begun = max(generation.begun, number)
                case .opened(let number), .acknowledged(let number), .seen(let number):
                    generation.acknowledged = max(generation.acknowledged, number)
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
