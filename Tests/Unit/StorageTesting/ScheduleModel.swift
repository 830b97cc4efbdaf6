@testable import Storage

/// What a store holds after each transaction, by its clients' own account, and what it showed them.
struct ScheduleModel {
    static let keys = 0..<6

    enum Change {
        case put(Int, String)
        case delete(Int)
        case trim(Range<Int>)
    }

    struct Commit {
        /// Of its last record.
        var lsn: UInt64
        var changes: [Change]
    }

    /// A read that was released: what it showed, and between which transactions it looked.
    struct Sight {
        var keys: Range<Int>
        var rows: [Int: String]
        var moments: ClosedRange<UInt64>
    }

    private(set) var commits: [Commit] = []
    var sights: [Sight] = []
    private(set) var acknowledged: UInt64 = 0
    /// The last record of any transaction that was run, even of one that was taken back.
    private(set) var lastTried: UInt64 = 0

    static func key(_ number: Int) -> Bytes { Bytes("k\(number)".utf8) }

    /// In no order of theirs: threads come back from their commits as they like.
    mutating func committed(_ commit: Commit) {
        let place = commits.firstIndex { $0.lsn > commit.lsn } ?? commits.endIndex
        commits.insert(commit, at: place)
    }

    mutating func tried(_ lsn: UInt64) { lastTried = max(lastTried, lsn) }
    mutating func acknowledge(_ lsn: UInt64) { acknowledged = max(acknowledged, lsn) }

    var lastCommitted: UInt64 { commits.last?.lsn ?? 0 }

    struct State: Equatable {
        var rows: [Int: String] = [:]
        /// Which record each key was changed by last.
        var changedBy: [Int: UInt64] = [:]

        mutating func apply(_ commit: Commit) {
            for change in commit.changes {
                switch change {
                case .put(let key, let value): set(value, key, commit.lsn)
                case .delete(let key): set(nil, key, commit.lsn)
                case .trim(let keys): for key in keys { set(nil, key, commit.lsn) }
                }
            }
        }

        private mutating func set(_ value: String?, _ key: Int, _ lsn: UInt64) {
            // Nobody waits for a change that changes nothing.
            guard rows[key] != value else { return }
            rows[key] = value
            changedBy[key] = lsn
        }
    }

    func state(at lsn: UInt64) -> State {
        var state = State()
        for commit in commits where commit.lsn <= lsn { state.apply(commit) }
        return state
    }

    /// The first record that a sight rests on; nil: the store never was like that (I2).
    func restsOn(_ sight: Sight) -> UInt64? {
        var moments = [sight.moments.lowerBound]
        moments += commits.map(\.lsn).filter { sight.moments.contains($0) }
        for moment in moments {
            let state = state(at: moment)
            guard state.rows.filter({ sight.keys.contains($0.key) }) == sight.rows else { continue }
            return sight.keys.map { state.changedBy[$0] ?? 0 }.max() ?? 0
        }
        return nil
    }

    /// What is wrong with a store that was opened with everything up to `lsn`; nil: nothing.
    func judge(recovered lsn: UInt64, _ content: [String]) -> String? {
        if lsn < acknowledged { return "acknowledged up to \(acknowledged), recovered \(lsn) (I1)" }
        for sight in sights {
            guard let rests = restsOn(sight) else { return "never was like that: \(sight) (I2)" }
            if lsn < rests { return "showed record \(rests), recovered \(lsn) (I4)" }
        }
        return judge(content: content, at: lsn)
    }

    /// All of each transaction up to `lsn`, and nothing else.
    func judge(content: [String], at lsn: UInt64) -> String? {
        guard lsn == 0 || commits.contains(where: { $0.lsn == lsn }) else { return "half a transaction: \(lsn) (I3)" }
        let expected = state(at: lsn).rows.sorted { $0.key < $1.key }.map { "1 k\($0.key) \($0.value)" }
        guard content == expected else { return "recovered \(lsn) with \(content) in place of \(expected) (I2)" }
        return nil
    }
}
