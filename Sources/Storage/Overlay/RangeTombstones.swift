/// Key ranges that were trimmed: they hide older generations and the snapshot, not entries beside them.
///
/// Disjoint half-open ranges in key order; overlapping and touching ones become one, with the later LSN (which only makes
/// a reader wait for a little more than it must). A value: a copy is what an undo goes back to.
struct RangeTombstones: Sendable {
    struct Range: Sendable, Equatable {
        var from: Bytes
        var upTo: Bytes
        var lsn: UInt64

        var memoryBytes: Int { from.count + upTo.count + TableEntry.overheadBytes }
    }

    private(set) var ranges: [Range] = []
    /// Memory that they take.
    private(set) var bytes = 0

    var isEmpty: Bool { ranges.isEmpty }

    /// The trim that covers the key, nil if none does. Complexity: O(log count).
    func covering(_ key: UnsafeRawBufferPointer) -> UInt64? {
        guard !ranges.isEmpty else { return nil }
        let index = firstIndex { range in range.upTo.withUnsafeBytes { compare(key, $0) < 0 } }
        guard index < ranges.count, ranges[index].from.withUnsafeBytes({ compare(key, $0) >= 0 }) else { return nil }
        return ranges[index].lsn
    }

    func covering(_ key: Bytes) -> UInt64? {
        ranges.isEmpty ? nil : key.withUnsafeBytes { covering($0) }
    }

    /// Adds a range that is not empty. Complexity: O(count).
    mutating func insert(from: Bytes, upTo: Bytes, lsn: UInt64) {
        precondition(compareKeys(from, upTo) < 0, "an empty range")
        let first = firstIndex { compareKeys(from, $0.upTo) <= 0 }
        var added = Range(from: from, upTo: upTo, lsn: lsn)
        var end = first
        while end < ranges.count, compareKeys(ranges[end].from, upTo) <= 0 {
            bytes -= ranges[end].memoryBytes
            if compareKeys(ranges[end].from, added.from) < 0 { added.from = ranges[end].from }
            if compareKeys(ranges[end].upTo, added.upTo) > 0 { added.upTo = ranges[end].upTo }
            added.lsn = max(added.lsn, ranges[end].lsn)
            end += 1
        }
        bytes += added.memoryBytes
        ranges.replaceSubrange(first..<end, with: CollectionOfOne(added))
    }

    /// First range of which `isAfter` is true; all later ones must be too.
    private func firstIndex(where isAfter: (Range) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if isAfter(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

func compareKeys(_ left: Bytes, _ right: Bytes) -> Int {
    left.withUnsafeBytes { left in right.withUnsafeBytes { compare(left, $0) } }
}
