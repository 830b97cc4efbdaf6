import Glibc

/// L4 for what writes stores and copies while no engine runs: backup, restore, salvage and cut, each with power cuts at its
/// recorded calls.
///
/// Before success was reported: the source is as it was, and under the target's name there is nothing or all of it. After
/// that: all of it. A cut changes its source: then the safety copy is whole.
public struct OfflineRounds: Sendable {
    public struct Options: Sendable {
        /// A directory of the drill's own; emptied.
        public var directory: String
        public var scratch: String?
        /// Of all writers together.
        public var images = 300
        public var seed: UInt64 = 1
        /// What makes this program call `DrillChild.run` with the arguments that follow.
        public var childArguments: [String]
        public var forget = ""

        public init(directory: String, childArguments: [String]) {
            self.directory = directory
            self.childArguments = childArguments
        }
    }

    static let patienceNanoseconds: UInt64 = 120_000_000_000
    static let journalBytes: UInt64 = 512 << 20
    /// One in so many images is of an encrypted store.
    static let encryptedShare = 3

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    public func run(_ report: (String) -> Void) throws(DrillError) -> RoundsResult {
        var result = RoundsResult()
        let scratch = options.scratch ?? DrillFiles.inMemory("offline") ?? options.directory + "/images"
        let writers = OfflineWriter.allCases
        for (index, writer) in writers.enumerated() {
            let share = options.images / writers.count + (index < options.images % writers.count ? 1 : 0)
            var plan = OfflinePlan()
            (plan.writer, plan.seed) = (writer, options.seed)
            let encrypted = share / Self.encryptedShare
            try runOne(plan, share - encrypted, scratch, &result, report)
            guard encrypted > 0 else { continue }
            plan.isEncrypted = true
            try runOne(plan, encrypted, scratch, &result, report)
        }
        try DrillFiles.removeTree(scratch)
        return result
    }

    private func runOne(
        _ kind: OfflinePlan,
        _ images: Int,
        _ scratch: String,
        _ result: inout RoundsResult,
        _ report: (String) -> Void
    ) throws(DrillError) {
        let name = kind.name
        let place = options.directory + "/" + name
        let (base, root, path) = (place + "/base", place + "/recorded", place + "/journal")
        try DrillFiles.removeTree(place)
        try DrillFiles.createDirectories(place)
        var plan = kind
        (plan.base, plan.directory) = (base, base)
        try start(plan, [:])
        try TreeComparison(base, root).copy()
        (plan.step, plan.directory) = (.write, root)
        let environment = [
            "III_RECORD_ROOT": root, "III_RECORD_JOURNAL": path, "III_RECORD_MAX_BYTES": "\(Self.journalBytes)",
            "III_RECORD_FORGET": options.forget,
        ]
        try start(plan, environment)
        let journal = try Journal(path: path)
        if let why = journal.stopped { throw DrillError("the recording stopped: \(why)", path: path) }
        plan.step = .check
        plan.expected = try OfflineFacts(path: plan.facts).expected(plan.writer)
        plan.expected = try whole(plan, journal, scratch, &result)
        let failed = result.failed
        let made = try cut(plan, journal, images, scratch, &result, report)
        report("\(name): \(journal.entries.count) entries, \(made) images, \(result.failed - failed) failed")
        if result.failed == failed { try DrillFiles.removeTree(place) }
    }

    /// Without a power cut; returns how many transactions the result holds.
    private func whole(_ plan: OfflinePlan, _ journal: Journal, _ scratch: String, _ result: inout RoundsResult)
        throws(DrillError) -> UInt64
    {
        let image = try PowerCutImage(journal: journal, base: plan.base)
        try image.advance(to: journal.entries.count)
        let differences = try image.differences(from: plan.directory, ignoring: PowerCutRounds.unrecorded)
        for difference in differences { result.fail("the recorder missed something: \(difference)") }
        let verdict = try check(plan, image, .keepAll, scratch)
        result.add(verdict, "\(plan.name), no power cut")
        return plan.expected > 0 ? plan.expected : verdict.found ?? 0
    }

    private func cut(
        _ plan: OfflinePlan,
        _ journal: Journal,
        _ images: Int,
        _ scratch: String,
        _ result: inout RoundsResult,
        _ report: (String) -> Void
    ) throws(DrillError) -> Int {
        let image = try PowerCutImage(journal: journal, base: plan.base)
        var picker = PositionPicker(journal, seed: options.seed)
        var random = SeededGenerator(seed: options.seed)
        var made = 0
        // The end is where a missing sync shows.
        let count = max(1, images / 3)
        let positions = Set(picker.pick(count - 1)).union([journal.entries.count]).sorted()
        for position in positions {
            try image.advance(to: position)
            let losses: [Loss] = [
                .dropAll, .random(seed: random.next(), names: .prefix), .random(seed: random.next(), names: .anySubset),
            ]
            for loss in losses {
                made += 1
                let verdict = try check(plan, image, loss, scratch)
                let what =
                    "\(plan.name), power cut at entry \(position) of \(journal.entries.count)"
                    + (image.acknowledged > 0 ? ", after success was reported" : "") + ", \(loss)"
                result.add(verdict, what)
                if !verdict.isSound { report("\(what): \(verdict)") }
            }
        }
        return made
    }

    private func check(_ plan: OfflinePlan, _ image: PowerCutImage, _ loss: Loss, _ scratch: String) throws(DrillError)
        -> Verdict
    {
        try DrillFiles.removeTree(scratch)
        try image.build(loss, into: scratch)
        var plan = plan
        plan.directory = scratch
        plan.isReported = image.acknowledged > 0
        var process = try ChildProcess(
            arguments: options.childArguments + plan.arguments,
            environment: ["III_FAILPOINT": ""]
        )
        let deadline = monotonicNanoseconds() + Self.patienceNanoseconds
        let text = try process.readText(until: deadline, limit: IsolatedCheck.maximumTextBytes)
        if text == nil { process.kill() }
        let ending = process.wait()
        guard let text, ending == .exit(0), let verdict = Verdict(text: text) else {
            return Verdict(problem: "the check did not survive it (\(ending))")
        }
        return verdict
    }

    private func start(_ plan: OfflinePlan, _ environment: [String: String]) throws(DrillError) {
        var process = try ChildProcess(
            arguments: options.childArguments + plan.arguments,
            environment: environment.merging(["III_FAILPOINT": ""]) { first, _ in first }
        )
        let deadline = monotonicNanoseconds() + Self.patienceNanoseconds
        _ = try process.readText(until: deadline, limit: IsolatedCheck.maximumTextBytes)
        let ending = process.wait()
        guard ending == .exit(0) else {
            throw DrillError("\(plan.name), \(plan.step.rawValue): the process failed (\(ending))")
        }
    }
}
