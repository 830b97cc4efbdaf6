/// What one process of the drill is to do with a recording, to and from its command line.
struct SnapshotPlan: Equatable, Sendable {
    /// The recording's: `recorded/` and `journal` are below it.
    var directory = ""
    /// Where images are made.
    var scratch = ""
    var kind = SnapshotScenario.Kind.growing
    var seed: UInt64 = 1
    /// Images of all commits of the recording; 0: record.
    var images = 0
    /// This process takes those whose number is `lane` modulo `lanes`, from `first` on.
    var lane = 0
    var lanes = 1
    var first = 0

    var scenario: SnapshotScenario { SnapshotScenario(kind: kind, seed: seed) }
    var root: String { directory + "/recorded" }
    var journal: String { directory + "/journal" }
    var tallies: String { "\(scratch)/tallies-\(lane)" }

    static let command = "snapshot"

    var arguments: [String] {
        [
            Self.command, directory, scratch, kind.rawValue, "\(seed)", "\(images)", "\(lane)", "\(lanes)", "\(first)",
        ]
    }

    init() {}

    init(arguments: [String]) throws(DrillError) {
        guard arguments.count == 9, let kind = SnapshotScenario.Kind(rawValue: arguments[3]),
            let seed = UInt64(arguments[4])
        else { throw DrillError("not a plan: \(arguments)") }
        let numbers = arguments[5...].compactMap { Int($0) }
        guard numbers.count == 4, numbers.allSatisfy({ $0 >= 0 }), numbers[2] > 0 else {
            throw DrillError("not a plan: \(arguments)")
        }
        (directory, scratch, self.kind, self.seed) = (arguments[1], arguments[2], kind, seed)
        (images, lane, lanes, first) = (numbers[0], numbers[1], numbers[2], numbers[3])
    }
}

/// Which states of which commits are tried: all if there is room for them, else a seeded choice of each commit's.
struct StateChoice {
    struct Item {
        var commit: Int
        var state: Int
    }

    let items: [Item]
    /// States that there are.
    let total: Int

    init(_ commits: [CommitStates], limit: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var items: [Item] = []
        total = commits.reduce(0) { $0 + $1.count }
        // Small commits leave their share to the large ones.
        var left = limit
        for (done, index) in commits.indices.sorted(by: { commits[$0].count < commits[$1].count }).enumerated() {
            let share = min(commits[index].count, left / (commits.count - done))
            left -= share
            items += Self.choose(share, of: commits[index].count, &random).map { Item(commit: index, state: $0) }
        }
        self.items = items
    }

    /// The first states (nothing lost) and the last (what was acknowledged) always.
    private static func choose(_ share: Int, of count: Int, _ random: inout SeededGenerator) -> [Int] {
        guard share < count else { return Array(0..<count) }
        let fixed = [count - 1] + Array(0..<min(CommitStates.Meta.allCases.count, count - 1))
        let rest = (fixed.count - 1..<count - 1).shuffled(using: &random).prefix(max(0, share - fixed.count))
        return (Array(fixed.prefix(share)) + rest).sorted()
    }
}
