/// What the check of one store found.
public struct Verdict: Sendable, Equatable, CustomStringConvertible {
    /// Transactions found; nil: the store would not open.
    public var found: UInt64?
    /// Acknowledged transactions that are not there.
    public var lost: UInt64 = 0
    /// nil: sound. Else what is wrong, with the invariant's number.
    public var problem: String?

    public init(found: UInt64? = nil, lost: UInt64 = 0, problem: String? = nil) {
        self.found = found
        self.lost = lost
        self.problem = problem
    }

    public var isSound: Bool { problem == nil }

    public var description: String {
        let count = found.map { "\($0) transactions" } ?? "not opened"
        return problem.map { "\(count): \($0)" } ?? "\(count), sound"
    }
}

// From one process to another: found, lost, problem.
extension Verdict {
    var text: String {
        "\(found.map(String.init) ?? "-") \(lost) \(problem ?? "")\n"
    }

    /// nil: not the whole text of a verdict.
    init?(text: String) {
        guard text.last == "\n" else { return nil }
        let parts = text.dropLast().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let lost = UInt64(parts[1]) else { return nil }
        let found = UInt64(parts[0])
        guard found != nil || parts[0] == "-" else { return nil }
        self.init(found: found, lost: lost, problem: parts[2].isEmpty ? nil : String(parts[2]))
    }
}
