import Glibc

/// What an overlay says of one key.
struct TableEntry: Sendable {
    var key: Bytes
    /// nil: deleted; hides what older generations and the snapshot hold.
    var value: Bytes?
    /// The record that last changed it (storage.md §5.7).
    var lsn: UInt64

    /// Memory that it takes, bookkeeping and allocator included.
    var memoryBytes: Int { key.count + (value?.count ?? 0) + Self.overheadBytes }

    /// Two array headers, the entry itself, the leaf's slack.
    static let overheadBytes = 128
}

/// An ordered map of byte strings, compared with memcmp: a directory of sorted leaves.
///
/// Lookup is two binary searches. An insertion moves at most one leaf; the directory itself (8 bytes per leaf) moves
/// only when a leaf splits or empties, once in about `leafCapacity / 2` changes, which stays below a microsecond per
/// insertion up to ten million keys. Ascending keys fill leaves completely.
final class OrderedTable {
    static let leafCapacity = 128

    final class Leaf {
        var entries: ContiguousArray<TableEntry> = []

        init(_ entries: ContiguousArray<TableEntry> = []) {
            self.entries = entries
            self.entries.reserveCapacity(OrderedTable.leafCapacity)
        }
    }

    private(set) var leaves: ContiguousArray<Leaf> = []
    private(set) var count = 0

    /// Where a key is, or where it would go.
    struct Place {
        var leaf: Int
        var index: Int
        var isFound: Bool
    }

    /// Complexity: O(log count).
    func place(of key: UnsafeRawBufferPointer) -> Place {
        // The leaf before the first one whose first key is greater.
        var low = 0
        var high = leaves.count
        while low < high {
            let middle = (low + high) / 2
            if compare(key, leaves[middle].entries[0].key) < 0 { high = middle } else { low = middle + 1 }
        }
        guard low > 0 else { return Place(leaf: 0, index: 0, isFound: false) }
        return place(of: key, inLeaf: low - 1)
    }

    private func place(of key: UnsafeRawBufferPointer, inLeaf number: Int) -> Place {
        let leaf = leaves[number]
        var low = 0
        var high = leaf.entries.count
        while low < high {
            let middle = (low + high) / 2
            let order = compare(key, leaf.entries[middle].key)
            if order == 0 { return Place(leaf: number, index: middle, isFound: true) }
            if order < 0 { high = middle } else { low = middle + 1 }
        }
        return Place(leaf: number, index: low, isFound: false)
    }

    func entry(_ key: Bytes) -> TableEntry? {
        key.withUnsafeBytes { entry($0) }
    }

    func entry(_ key: UnsafeRawBufferPointer) -> TableEntry? {
        let place = place(of: key)
        return place.isFound ? leaves[place.leaf].entries[place.index] : nil
    }

    /// Puts and returns what was there before.
    @discardableResult
    func put(_ entry: TableEntry) -> TableEntry? {
        let place = entry.key.withUnsafeBytes { self.place(of: $0) }
        if place.isFound {
            let old = leaves[place.leaf].entries[place.index]
            leaves[place.leaf].entries[place.index].value = entry.value
            leaves[place.leaf].entries[place.index].lsn = entry.lsn
            return old
        }
        count += 1
        insert(entry, at: place)
        return nil
    }

    /// Removes and returns what was there.
    @discardableResult
    func remove(_ key: UnsafeRawBufferPointer) -> TableEntry? {
        let place = place(of: key)
        guard place.isFound else { return nil }
        count -= 1
        let old = leaves[place.leaf].entries.remove(at: place.index)
        shrink(place.leaf)
        return old
    }

    @discardableResult
    func remove(_ key: Bytes) -> TableEntry? {
        key.withUnsafeBytes { remove($0) }
    }

    private func insert(_ entry: TableEntry, at place: Place) {
        guard !leaves.isEmpty else { return leaves.append(Leaf([entry])) }
        let leaf = leaves[place.leaf]
        guard leaf.entries.count == Self.leafCapacity else { return leaf.entries.insert(entry, at: place.index) }
        if place.leaf == leaves.count - 1 && place.index == leaf.entries.count {
            return leaves.append(Leaf([entry]))
        }
        let half = Self.leafCapacity / 2
        let upper = Leaf(ContiguousArray(leaf.entries[half...]))
        leaf.entries.removeSubrange(half...)
        leaves.insert(upper, at: place.leaf + 1)
        if place.index <= half {
            leaf.entries.insert(entry, at: place.index)
        } else {
            upper.entries.insert(entry, at: place.index - half)
        }
    }

    /// Drops an empty leaf, merges a small one with its successor.
    private func shrink(_ number: Int) {
        let leaf = leaves[number]
        if leaf.entries.isEmpty {
            leaves.remove(at: number)
        } else if number + 1 < leaves.count,
            leaf.entries.count + leaves[number + 1].entries.count <= Self.leafCapacity / 2
        {
            leaf.entries.append(contentsOf: leaves[number + 1].entries)
            leaves.remove(at: number + 1)
        }
    }
}

/// Bytewise order: memcmp, then the shorter first.
@inline(__always)
func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    if let first = left.baseAddress, let second = right.baseAddress {
        let order = memcmp(first, second, min(left.count, right.count))
        if order != 0 { return Int(order) }
    }
    return left.count - right.count
}

@inline(__always)
private func compare(_ left: UnsafeRawBufferPointer, _ right: Bytes) -> Int {
    right.withUnsafeBytes { compare(left, $0) }
}
