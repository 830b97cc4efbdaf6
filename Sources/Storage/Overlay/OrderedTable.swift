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

    /// Room that it takes in the snapshot at most, what it replaces aside.
    ///
    /// LMDB puts two entries or more on a page, and larger values on pages of their own.
    var snapshotBytes: Int {
        guard let value else { return 0 }
        let bytes = key.count + value.count + Self.snapshotHeaderBytes
        guard bytes > LogLimits.blockBytes / 4 else { return memoryBytes }
        return valuePages * LogLimits.blockBytes + (valuePages > 1 ? key.count + Self.snapshotHeaderBytes : 0)
    }

    /// Contiguous pages that its value needs in the snapshot.
    var valuePages: Int {
        1 + ((value?.count ?? 0) + Self.snapshotHeaderBytes) / LogLimits.blockBytes
    }

    /// The page's header, the node's, the envelope and what encryption adds.
    private static let snapshotHeaderBytes = 80

    /// Two array headers, the entry itself, the leaf's slack.
    static let overheadBytes = 128
}

/// The first sixteen bytes of a key as numbers that compare like it, filled up with zeros: nearly every comparison ends
/// here, without a look at the key's own memory.
struct KeyPrefix: Comparable, Sendable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0

    @inline(__always)
    init(_ key: UnsafeRawBufferPointer) {
        guard let base = key.baseAddress else { return }
        if key.count >= 16 {
            high = UInt64(bigEndian: base.loadUnaligned(as: UInt64.self))
            low = UInt64(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        } else {
            withUnsafeMutableBytes(of: &self) { place in
                if let place = place.baseAddress { memcpy(place, base, key.count) }
            }
            high = UInt64(bigEndian: high)
            low = UInt64(bigEndian: low)
        }
    }

    @inline(__always)
    static func < (left: KeyPrefix, right: KeyPrefix) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

/// An ordered map of byte strings, compared with memcmp: a directory of sorted leaves.
///
/// Lookup is two binary searches. An insertion moves at most one leaf; the directory itself (24 bytes per leaf) moves
/// only when a leaf splits or empties, once in about `leafCapacity / 2` changes, which stays below a microsecond per
/// insertion up to ten million keys. Ascending keys fill leaves completely.
final class OrderedTable {
    static let leafCapacity = 128

    final class Leaf {
        var entries: ContiguousArray<TableEntry> = []
        /// `entries[i].key`'s.
        fileprivate(set) var prefixes: ContiguousArray<KeyPrefix> = []

        fileprivate init(_ entries: ContiguousArray<TableEntry> = []) {
            self.entries = entries
            self.entries.reserveCapacity(OrderedTable.leafCapacity)
            prefixes.reserveCapacity(OrderedTable.leafCapacity)
            for entry in entries { prefixes.append(entry.key.withUnsafeBytes { KeyPrefix($0) }) }
        }

        fileprivate func insert(_ entry: TableEntry, _ prefix: KeyPrefix, at index: Int) {
            entries.insert(entry, at: index)
            prefixes.insert(prefix, at: index)
        }

        fileprivate func replace(_ entry: TableEntry, at index: Int) -> TableEntry {
            entries.withUnsafeMutableBufferPointer { entries in
                var entry = entry
                swap(&entries[index], &entry)
                return entry
            }
        }

        /// Order of a key against that of the entry at `index`, which begins alike.
        fileprivate func order(_ key: UnsafeRawBufferPointer, _ index: Int) -> Int {
            entries.withUnsafeBufferPointer { entries in
                entries[index].key.withUnsafeBytes { compare(key, $0) }
            }
        }
    }

    private(set) var leaves: ContiguousArray<Leaf> = []
    /// `leaves[i].prefixes[0]`.
    private var firsts: ContiguousArray<KeyPrefix> = []
    private(set) var count = 0

    /// Where a key is, or where it would go.
    struct Place {
        var leaf: Int
        var index: Int
        var isFound: Bool
    }

    /// Complexity: O(log count).
    func place(of key: UnsafeRawBufferPointer) -> Place {
        place(of: key, KeyPrefix(key))
    }

    private func place(of key: UnsafeRawBufferPointer, _ prefix: KeyPrefix) -> Place {
        // The leaf before the first one whose first key is greater.
        var low = 0
        var high = leaves.count
        firsts.withUnsafeBufferPointer { firsts in
            while low < high {
                let middle = (low + high) / 2
                let first = firsts[middle]
                if prefix < first || !(first < prefix) && leaves[middle].order(key, 0) < 0 {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
        }
        guard low > 0 else { return Place(leaf: 0, index: 0, isFound: false) }
        return place(of: key, prefix, inLeaf: low - 1)
    }

    private func place(of key: UnsafeRawBufferPointer, _ prefix: KeyPrefix, inLeaf number: Int) -> Place {
        let leaf = leaves[number]
        // One access for the whole search: the array's own checks would cost more than the comparisons.
        return leaf.prefixes.withUnsafeBufferPointer { prefixes in
            var low = 0
            var high = prefixes.count
            while low < high {
                let middle = (low + high) / 2
                let other = prefixes[middle]
                let order = prefix < other ? -1 : other < prefix ? 1 : leaf.order(key, middle)
                if order == 0 { return Place(leaf: number, index: middle, isFound: true) }
                if order < 0 { high = middle } else { low = middle + 1 }
            }
            return Place(leaf: number, index: low, isFound: false)
        }
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
        let prefix = entry.key.withUnsafeBytes { KeyPrefix($0) }
        let place = entry.key.withUnsafeBytes { self.place(of: $0, prefix) }
        guard place.isFound else {
            count += 1
            insert(entry, prefix, at: place)
            return nil
        }
        return leaves[place.leaf].replace(entry, at: place.index)
    }

    /// Removes and returns what was there.
    @discardableResult
    func remove(_ key: UnsafeRawBufferPointer) -> TableEntry? {
        let place = place(of: key)
        guard place.isFound else { return nil }
        count -= 1
        let leaf = leaves[place.leaf]
        let old = leaf.entries.remove(at: place.index)
        leaf.prefixes.remove(at: place.index)
        shrink(place.leaf)
        return old
    }

    @discardableResult
    func remove(_ key: Bytes) -> TableEntry? {
        key.withUnsafeBytes { remove($0) }
    }

    private func insert(_ entry: TableEntry, _ prefix: KeyPrefix, at place: Place) {
        guard !leaves.isEmpty else { return addLeaf(Leaf([entry]), at: 0) }
        let leaf = leaves[place.leaf]
        guard leaf.entries.count == Self.leafCapacity else {
            leaf.insert(entry, prefix, at: place.index)
            if place.index == 0 { firsts[place.leaf] = prefix }
            return
        }
        if place.leaf == leaves.count - 1 && place.index == leaf.entries.count {
            return addLeaf(Leaf([entry]), at: leaves.count)
        }
        let half = Self.leafCapacity / 2
        let upper = Leaf(ContiguousArray(leaf.entries[half...]))
        leaf.entries.removeSubrange(half...)
        leaf.prefixes.removeSubrange(half...)
        addLeaf(upper, at: place.leaf + 1)
        if place.index <= half {
            leaf.insert(entry, prefix, at: place.index)
            if place.index == 0 { firsts[place.leaf] = prefix }
        } else {
            upper.insert(entry, prefix, at: place.index - half)
        }
    }

    private func addLeaf(_ leaf: Leaf, at number: Int) {
        leaves.insert(leaf, at: number)
        firsts.insert(leaf.prefixes[0], at: number)
    }

    /// Drops an empty leaf, merges a small one with its successor.
    private func shrink(_ number: Int) {
        let leaf = leaves[number]
        guard let first = leaf.prefixes.first else {
            leaves.remove(at: number)
            firsts.remove(at: number)
            return
        }
        firsts[number] = first
        guard number + 1 < leaves.count,
            leaf.entries.count + leaves[number + 1].entries.count <= Self.leafCapacity / 2
        else { return }
        leaf.entries.append(contentsOf: leaves[number + 1].entries)
        leaf.prefixes.append(contentsOf: leaves[number + 1].prefixes)
        leaves.remove(at: number + 1)
        firsts.remove(at: number + 1)
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
