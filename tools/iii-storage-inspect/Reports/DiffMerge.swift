import Storage

/// Merges two contents in key order and hands out what differs.
struct DiffMerge {
    struct Difference {
        /// nil: not there. Never both.
        var first: SnapshotRow?
        var second: SnapshotRow?
    }

    struct Totals {
        var equal: UInt64 = 0
        var onlyInFirst: UInt64 = 0
        var onlyInSecond: UInt64 = 0
        var different: UInt64 = 0

        var rows: UInt64 { equal + onlyInFirst + onlyInSecond + different }
        var areEqual: Bool { rows == equal }
    }

    private let firstCursor: StoreCursor
    private let secondCursor: StoreCursor
    private let ignoresLSN: Bool
    private var first: SnapshotRow?
    private var second: SnapshotRow?
    private var hasBegun = false
    private(set) var totals = Totals()

    init(_ first: StoreCursor, _ second: StoreCursor, ignoresLSN: Bool) {
        firstCursor = first
        secondCursor = second
        self.ignoresLSN = ignoresLSN
    }

    /// nil: the end.
    mutating func next() throws -> Difference? {
        if !hasBegun {
            hasBegun = true
            try advanceFirst()
            try advanceSecond()
        }
        while first != nil || second != nil {
            if let difference = try step() { return difference }
        }
        return nil
    }

    private mutating func step() throws -> Difference? {
        let (left, right) = (first, second)
        let order = Self.order(left, right)
        if order <= 0 { try advanceFirst() }
        if order >= 0 { try advanceSecond() }
        guard order == 0, let left, let right else {
            if order < 0 { totals.onlyInFirst += 1 } else { totals.onlyInSecond += 1 }
            return order < 0 ? Difference(first: left, second: nil) : Difference(first: nil, second: right)
        }
        guard left.value != right.value || !ignoresLSN && left.lsn != right.lsn else {
            totals.equal += 1
            return nil
        }
        totals.different += 1
        return Difference(first: left, second: right)
    }

    private mutating func advanceFirst() throws { first = try firstCursor.next() }
    private mutating func advanceSecond() throws { second = try secondCursor.next() }

    /// A missing row stands behind all others.
    private static func order(_ left: SnapshotRow?, _ right: SnapshotRow?) -> Int {
        guard let left else { return 1 }
        guard let right else { return -1 }
        return left.order(to: right)
    }
}

extension SnapshotRow {
    /// Negative: before it. By table, then bytewise by key.
    func order(to other: SnapshotRow) -> Int {
        if table != other.table { return table.rawValue < other.table.rawValue ? -1 : 1 }
        if key == other.key { return 0 }
        return key.lexicographicallyPrecedes(other.key) ? -1 : 1
    }
}
