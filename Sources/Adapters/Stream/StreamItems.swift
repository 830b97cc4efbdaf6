import Engine
import NIOCore
import Storage
import Workers

/// Items of groups, in a transaction and in a read view alike.
extension RowReader where Self: ~Copyable {
    /// What the group's items are owned by; nil: it has none.
    func owner(of group: StreamGroup) -> Bytes? {
        guard let stream = id(of: group.stream.string, in: StreamRows.streams) else { return nil }
        let parent = Bytes(bigEndian: stream)
        return id(of: group.group.string, in: StreamRows.groups, parent: parent).map { parent + Bytes(bigEndian: $0) }
    }

    func item(_ id: String, in group: StreamGroup) -> RawJSON? {
        owner(of: group).flatMap { entry(id, owner: $0, in: StreamRows.items) }
    }

    /// Values in insertion order, as a JSON array.
    func values(of group: StreamGroup) -> Result<RawJSON, AdapterError> {
        var values = JSONArrayBuilder(limit: ListLimits.listBytes)
        if let owner = owner(of: group) {
            scan(StreamRows.items.entries, prefix: owner) { values.append(EntryRow.json($1)) }
        }
        return values.finish(ListLimits.streamAdvice)
    }

    /// Values and ids in insertion order, as JSON arrays.
    func items(of group: StreamGroup) -> Result<(values: RawJSON, ids: RawJSON), AdapterError> {
        var values = JSONArrayBuilder(limit: ListLimits.snapshotBytes)
        var ids = JSONArrayBuilder(limit: ListLimits.snapshotBytes)
        if let owner = owner(of: group) {
            scan(StreamRows.items.entries, prefix: owner) { _, row in
                values.append(EntryRow.json(row)) && ids.append(string: EntryRow.key(row))
            }
        }
        let advice = ListLimits.streamAdvice
        return values.finish(advice).flatMap { values in ids.finish(advice).map { (values, $0) } }
    }

    func groupNames(under stream: UInt32) -> [String] {
        var names: [Name] = []
        scanNames(in: StreamRows.groups, parent: Bytes(bigEndian: stream)) { _, name in
            names.append(Name(name))
            return true
        }
        return names.sorted().map(\.string)
    }
}

extension Transaction {
    mutating func setItem(_ id: String, in group: StreamGroup, to row: Bytes) -> RawJSON? {
        let parent = Bytes(bigEndian: self.id(making: group.stream.string, in: StreamRows.streams))
        let owner =
            parent + Bytes(bigEndian: self.id(making: group.group.string, in: StreamRows.groups, parent: parent))
        return setEntry(id, to: row, owner: owner, in: StreamRows.items)
    }

    /// Removes an item, its group with the last one, and its stream with the last group.
    mutating func deleteItem(_ id: String, in group: StreamGroup) -> RawJSON? {
        guard let owner = owner(of: group) else { return nil }
        guard let removed = removeEntry(id, owner: owner, in: StreamRows.items) else { return nil }
        if removed.wasLast { removeGroup(group, owner) }
        return removed.value
    }

    mutating func removeGroup(_ group: StreamGroup, _ owner: Bytes) {
        let parent = Bytes(owner[..<4])
        let id: UInt32 = owner.integer(at: 4)
        remove(group.group.string, id: id, in: StreamRows.groups, parent: parent)
        if !hasRows(StreamRows.groups.names, prefix: parent, near: id) {
            remove(group.stream.string, id: owner.integer(), in: StreamRows.streams)
        }
    }
}
