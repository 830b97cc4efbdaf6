/// What a series of rounds came to.
public struct RoundsResult: Sendable {
    public var passed = 0
    public var failed = 0
    /// Transactions acknowledged in the rounds.
    public var acknowledged: UInt64 = 0
    /// Transactions found by the checks.
    public var found: UInt64 = 0
    /// Acknowledged transactions that were not found.
    public var lost: UInt64 = 0
    /// What was wrong, a sentence each; the first `maximumProblems`.
    public private(set) var problems: [String] = []

    public static let maximumProblems = 100

    public init() {}

    public var isSound: Bool { failed == 0 && passed > 0 }

    public mutating func add(_ verdict: Verdict, _ what: @autoclosure () -> String) {
        found += verdict.found ?? 0
        lost += verdict.lost
        if let problem = verdict.problem { fail("\(what()): \(problem)") } else { passed += 1 }
    }

    public static func + (left: RoundsResult, right: RoundsResult) -> RoundsResult {
        var sum = left
        sum.passed += right.passed
        sum.failed += right.failed
        sum.acknowledged += right.acknowledged
        sum.found += right.found
        sum.lost += right.lost
        sum.problems += right.problems.prefix(max(0, maximumProblems - sum.problems.count))
        return sum
    }

    mutating func fail(_ text: String) {
        failed += 1
        if problems.count < Self.maximumProblems { problems.append(text) }
    }
}
