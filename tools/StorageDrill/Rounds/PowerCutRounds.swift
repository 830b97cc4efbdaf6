import Glibc

/// L4: power cuts on the real calls of a real run (storage.md §6).
///
/// Several processes work on one store under the recorder, each killed at a moment that the journal knows exactly. Then
/// images are made "as if the power had failed at entry t" and checked. Because later processes recover what earlier ones
/// left, cuts during recovery are among them.
public struct PowerCutRounds: Sendable {
    public struct Options: Sendable {
        /// A directory of the drill's own; emptied.
        public var directory: String
        /// Where images are made; one in memory is fastest.
        ///
        /// nil: in memory if there is room, else below `directory`. Removed at the end.
        public var scratch: String?
        public var images = 300
        public var seed: UInt64 = 1
        public var journalBytes: UInt64 = 24 << 20
        public var processes = 6
        public var committers = 6
        /// The store is encrypted, and every second process brings a new key.
        public var isEncrypted = false
        /// All recorded calls instead of a choice, as far as `seconds` go; nil: a choice of `images`.
        public var everyImageSeconds: UInt64?
        /// What makes this program call `DrillChild.run` with the arguments that follow.
        public var childArguments: [String]
        /// Syncs to leave out of the journal (`III_RECORD_FORGET`), to prove that the checks notice.
        public var forget = ""

        public init(directory: String, childArguments: [String]) {
            self.directory = directory
            self.childArguments = childArguments
        }

        func key(of process: Int) -> UInt64 { 1 + UInt64(process / 2) }
    }

    /// Longer than any child works on a slow disk.
    static let patienceNanoseconds: UInt64 = 120_000_000_000
    /// Changed through a shared mapping, which no recorder sees; its content matters to running processes only.
    static let unrecorded = ["lock.mdb"]

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    private var root: String { options.directory + "/recorded" }
    private var journalPath: String { options.directory + "/journal" }

    /// Records and checks; `report` gets a line for each part and each failure.
    public func run(_ report: (String) -> Void) throws(DrillError) -> RoundsResult {
        try DrillFiles.createDirectories(options.directory)
        try DrillFiles.removeTree(root)
        try DrillFiles.removeTree(journalPath)
        var result = RoundsResult()
        for number in 0..<options.processes {
            guard let problem = try record(number) else { continue }
            result.fail(problem)
            report(problem)
            break
        }
        let journal = try Journal(path: journalPath)
        report(
            "recorded \(journal.entries.count) entries in \(journal.validBytes) bytes, \(options.processes) processes"
        )
        try audit(journal, &result, report)
        let scratch = options.scratch ?? DrillFiles.inMemory("storage-drill") ?? options.directory + "/images"
        try DrillFiles.createDirectories(scratch)
        var checks = try ImageChecks(journal: journal, options, scratch: scratch)
        try checks.run(&result, report)
        try DrillFiles.removeTree(scratch)
        if result.failed == 0 {
            try DrillFiles.removeTree(root)
            try DrillFiles.removeTree(journalPath)
        }
        return result
    }

    /// nil: the process was killed as planned.
    private func record(_ number: Int) throws(DrillError) -> String? {
        var random = SeededGenerator(seed: options.seed, UInt64(number))
        var child = ChildOptions()
        child.directory = root
        child.seed = options.seed
        child.committers = Int.random(in: 1...options.committers, using: &random)
        // Every second one closes and opens the store now and then.
        child.cycles = 0
        child.transactions = number % 2 == 0 ? 0 : UInt64.random(in: 20...120, using: &random)
        child.shape.usesDirectIO = number % 4 < 2
        if options.isEncrypted { child.shape.key = options.key(of: number) }
        if number % 3 == 1 {
            child.shape.initialSegmentBytes = 64 << 10
            child.shape.maximumSegmentBytes = 128 << 10
            child.shape.checkpointLogBytes = 256 << 10
        }
        let share = options.journalBytes / UInt64(options.processes)
        let end = share * UInt64(number) + UInt64.random(in: share / 2...share, using: &random)
        if number > 0 { try Journal.trim(path: journalPath) }
        let environment: [String: String] = [
            "III_RECORD_ROOT": root, "III_RECORD_JOURNAL": journalPath, "III_RECORD_KILL_AT": "\(end)",
            "III_RECORD_MAX_BYTES": "\(options.journalBytes * 2 + (64 << 20))", "III_RECORD_FORGET": options.forget,
            "III_RECORD_CONTINUE": number > 0 ? "1" : "", "III_FAILPOINT": "",
        ]
        var process = try ChildProcess(arguments: options.childArguments + child.arguments, environment: environment)
        let ending = try waitForEnd(&process, number)
        if ending == .signal(SIGKILL) { return nil }
        return "recorded process \(number) ended by itself (\(ending)), see its words above"
    }

    private func waitForEnd(_ process: inout ChildProcess, _ number: Int) throws(DrillError) -> ChildProcess.Ending {
        let patience = monotonicNanoseconds() + Self.patienceNanoseconds
        while true {
            switch try process.read(until: patience) {
            case .event: continue
            case .silence:
                throw DrillError("recorded process \(number) does not fill its part of the journal; is it stuck?")
            case .end: return process.wait()
            }
        }
    }

    /// Everything kept up to the end must be what is really there, byte by byte: else the recorder has missed a call.
    private func audit(_ journal: Journal, _ result: inout RoundsResult, _ report: (String) -> Void) throws(DrillError)
    {
        if let why = journal.stopped { throw DrillError("the recording stopped: \(why)", path: journalPath) }
        let image = try PowerCutImage(journal: journal)
        try image.advance(to: journal.entries.count)
        let differences = try image.differences(from: root, ignoring: Self.unrecorded)
        for difference in differences { result.fail("the recorder missed something: \(difference)") }
        if differences.isEmpty { result.passed += 1 }
        report("the journal \(differences.isEmpty ? "explains every byte of" : "does not explain") the real files")
    }
}
