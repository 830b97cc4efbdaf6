/// What the check of one store found.
public struct Verdict: Sendable, Equatable, CustomStringConvertible {
    /// Transactions found; nil: the store would not open.
    public var found: UInt64?
    /// Acknowledged transactions that are not there.
    public var lost: UInt64 = 0
    /// nil: sound. Else what is wrong, with the invariant's number.
    public var problem: String?

    public var isSound: Bool { problem == nil }

    public var description: String {
        let count = found.map { "\($0) transactions" } ?? "not opened"
        return problem.map { "\(count): \($0)" } ?? "\(count), sound"
    }
}
