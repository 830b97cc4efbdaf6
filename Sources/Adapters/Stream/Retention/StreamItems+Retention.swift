import Engine
import Storage
import Workers

/// Items and bytes of a group, while there are limits of them.
private struct GroupSize {
    var items = 0
    var bytes = 0

    init() {}

    init(_ row: Bytes) {
        items = Int(row.integer(at: 0, as: UInt64.self))
        bytes = Int(row.integer(at: 8, as: UInt64.self))
    }

    var row: Bytes { Bytes(bigEndian: UInt64(items)) + Bytes(bigEndian: UInt64(bytes)) }
}

extension Transaction {
    /// Keeps a group within its limits after an item was written, and says what went.
    mutating func retain(
        _ retention: StreamRetention,
        _ written: String,
        _ change: EntryChange,
        in group: StreamGroup,
        owner: Bytes,
        now: Int64
    ) -> [(id: String, old: RawJSON)] {
        if retention.ageMilliseconds != nil { noteCreation(written, change, owner, now) }
        guard retention.limitsSize else { return [] }
        let size = resize(owner, change)
        // A transaction has room for so much; the rest goes with the next writes.
        var (rows, bytes) = (0, 0)
        let ids = retention.excess(items: size.items, bytes: size.bytes, keeping: written) { visit in
            scan(StreamRows.items.entries, prefix: owner) { _, row in
                rows += 1
                bytes += row.count
                let isEnough = rows >= Self.removedItems || bytes >= Self.removedBytes
                return visit(EntryRow.key(row), EntryRow.json(row).count) && !isEnough
            }
        }
        return ids.compactMap { id in removeItem(id, in: group, retention).map { (id, $0) } }
    }

    /// Removes one item with everything that is known of it.
    ///
    /// - Parameter sparing: writes nothing, so that it works on a full disk: the group's size will be measured again.
    mutating func removeItem(
        _ id: String,
        in group: StreamGroup,
        _ retention: StreamRetention,
        sparing: Bool = false
    ) -> RawJSON? {
        guard retention.isLimited, let owner = owner(of: group) else { return deleteItem(id, in: group) }
        let entry = entryID(id, owner: owner, in: StreamRows.items)
        guard let old = deleteItem(id, in: group) else { return nil }
        if let entry { _ = delete(StreamRows.created, key: StreamRows.items.entryKey(entry, owner: owner)) }
        if retention.limitsSize, sparing {
            _ = delete(StreamRows.sizes, key: owner)
        } else if retention.limitsSize {
            _ = resize(owner, EntryChange(old: old, new: nil))
        }
        return old
    }

    // MARK: Count and bytes

    /// Takes a change into a group's size. A group whose size isn't known yet is measured as it is now.
    private mutating func resize(_ owner: Bytes, _ change: EntryChange) -> GroupSize {
        var size: GroupSize
        if let row = get(StreamRows.sizes, key: owner) {
            size = GroupSize(row)
            size.items += (change.new == nil ? 0 : 1) - (change.old == nil ? 0 : 1)
            size.bytes += (change.new?.count ?? 0) - (change.old?.count ?? 0)
            // Something wrote without these limits meanwhile.
            if size.items < 0 || size.bytes < 0 { size = measure(owner) }
        } else {
            size = measure(owner)
        }
        if size.items > 0 {
            put(StreamRows.sizes, key: owner, value: size.row)
        } else {
            _ = delete(StreamRows.sizes, key: owner)
        }
        return size
    }

    private func measure(_ owner: Bytes) -> GroupSize {
        var size = GroupSize()
        scan(StreamRows.items.entries, prefix: owner) { _, row in
            size.items += 1
            size.bytes += EntryRow.json(row).count
            return true
        }
        return size
    }

    // MARK: Age

    private mutating func noteCreation(_ id: String, _ change: EntryChange, _ owner: Bytes, _ now: Int64) {
        guard change.old == nil, change.new != nil, let entry = entryID(id, owner: owner, in: StreamRows.items) else {
            return
        }
        let key = StreamRows.items.entryKey(entry, owner: owner)
        put(StreamRows.created, key: key, value: Bytes(bigEndian: UInt64(now)))
    }

    /// Removes a group's items up to an age, the oldest first, as many as a transaction takes.
    mutating func expire(
        _ group: StreamGroup,
        upTo: Int64,
        _ retention: StreamRetention,
        sparing: Bool
    ) -> [(id: String, old: RawJSON)] {
        guard let owner = owner(of: group) else { return [] }
        let ids = expiredItems(owner, upTo)
        return ids.compactMap { id in removeItem(id, in: group, retention, sparing: sparing).map { (id, $0) } }
    }

    private func expiredItems(_ owner: Bytes, _ upTo: Int64) -> [String] {
        var ids: [String] = []
        var bytes = 0
        scan(StreamRows.created, prefix: owner) { key, created in
            guard ids.count < Self.removedItems, bytes < Self.removedBytes,
                Int64(Bytes(created).integer(as: UInt64.self)) <= upTo
            else { return false }
            if let row = get(StreamRows.items.entries, key: Bytes(key)) {
                ids.append(EntryRow.key(row))
                bytes += row.count
            }
            return true
        }
        return ids
    }

    /// Items that one transaction removes, and their bytes: each event of a removal holds the value once more.
    fileprivate static var removedItems: Int { 500 }
    fileprivate static var removedBytes: Int { 8 << 20 }
}

extension RowReader where Self: ~Copyable {
    /// Creation of the group's oldest item, Unix milliseconds; nil: it has none.
    func oldestCreation(_ group: StreamGroup) -> Int64? {
        guard let owner = owner(of: group) else { return nil }
        var created: Int64?
        scan(StreamRows.created, prefix: owner) { _, row in
            created = Int64(Bytes(row).integer(as: UInt64.self))
            return false
        }
        return created
    }
}
