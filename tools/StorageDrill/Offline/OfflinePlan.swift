/// What writes a store, or a copy of one, while no engine runs.
enum OfflineWriter: String, CaseIterable, Sendable {
    case backup, restore
    /// With the log of the store that was backed up.
    case restoreLog = "restore-log"
    /// To a position behind the backup's checkpoint.
    case restorePosition = "restore-position"
    case salvage, cut
}

/// What one process of the offline rounds is to do, to and from its command line.
struct OfflinePlan: Equatable, Sendable {
    static let command = "offline"

    enum Step: String, Sendable {
        /// Makes what the writer reads.
        case prepare
        /// Runs the writer, under the recorder.
        case write
        /// Looks at what is there after a power cut.
        case check
    }

    var step = Step.prepare
    var writer = OfflineWriter.backup
    /// Where `source`, `backup` and `target` stand.
    var directory = ""
    /// The same before the writer ran.
    var base = ""
    var seed: UInt64 = 1
    /// Transactions that the writer's result must hold; 0: not known yet.
    var expected: UInt64 = 0
    var isReported = false
    /// The source's key was changed on the way.
    var isEncrypted = false

    var name: String { writer.rawValue + (isEncrypted ? "-encrypted" : "") }
    var source: String { directory + "/source" }
    var backup: String { directory + "/backup" }
    var target: String { directory + "/target" }
    var facts: String { base + ".facts" }

    var arguments: [String] {
        [
            Self.command, step.rawValue, writer.rawValue, directory, base, "\(seed)", "\(expected)",
            isReported ? "reported" : "unreported", isEncrypted ? "encrypted" : "plain",
        ]
    }

    init() {}

    init(arguments: [String]) throws(DrillError) {
        guard arguments.count == 9, let step = Step(rawValue: arguments[1]),
            let writer = OfflineWriter(rawValue: arguments[2]), let seed = UInt64(arguments[5]),
            let expected = UInt64(arguments[6])
        else { throw DrillError("not a plan: \(arguments)") }
        (self.step, self.writer, directory, base) = (step, writer, arguments[3], arguments[4])
        (self.seed, self.expected, isReported) = (seed, expected, arguments[7] == "reported")
        isEncrypted = arguments[8] == "encrypted"
    }
}

/// What `prepare` made.
struct OfflineFacts: Equatable, Sendable {
    /// A position behind the backup's checkpoint, and the transactions up to it.
    var position: UInt64 = 0
    var positionCount: UInt64 = 0
    var backupCount: UInt64 = 0
    var sourceCount: UInt64 = 0

    var text: String { "\(position) \(positionCount) \(backupCount) \(sourceCount)" }

    init() {}

    init(path: String) throws(DrillError) {
        let numbers = (DrillFiles.text(path) ?? "").split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count == 4 else { throw DrillError("not the facts of a drill", path: path) }
        (position, positionCount, backupCount, sourceCount) = (numbers[0], numbers[1], numbers[2], numbers[3])
    }

    /// What a writer's result must hold; 0: that shows with its first run.
    func expected(_ writer: OfflineWriter) -> UInt64 {
        switch writer {
        case .backup, .restoreLog, .salvage: sourceCount
        case .restore: backupCount
        case .restorePosition: positionCount
        case .cut: 0
        }
    }
}
