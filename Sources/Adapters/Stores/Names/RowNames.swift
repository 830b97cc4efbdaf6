import Storage

/// Names for rows that are met in the order of the log or of their keys: scopes, streams, groups and entries in place of
/// ids.
///
/// Ids of removed names are given again, so a name counts from the record on that set it. What was passed (`pass`) decides;
/// else the rows that `look` finds, if they are not newer than the row that is asked about.
public struct RowNames {
    /// A row of the store as it is known now: its value, and the record that set it.
    public typealias Look = (_ table: TableID, _ key: Bytes) -> (value: Bytes, lsn: LSN)?

    /// What was learned is forgotten behind so many names: then `look` decides again.
    static let maximumLearned = 1 << 16

    private let look: Look
    private var learned: [RowKey: (name: EngineRow.Name, lsn: LSN)] = [:]
    private var removed: Removed?

    private struct RowKey: Hashable {
        var table: TableID
        var key: Bytes
    }

    /// An adapter removes an entry's `place` first, which has the name, then the entry, in one transaction.
    private struct Removed {
        var transaction: LSN
        var kind: ContentKind?
        var owner: [UInt32]
        var name: EngineRow.Name?
    }

    public init(look: @escaping Look = { _, _ in nil }) {
        self.look = look
    }

    /// Learns from a record, in the order of the log.
    ///
    /// - Parameter value: nil: the row is removed.
    public mutating func pass(_ table: TableID, key: Bytes, value: Bytes?, lsn: LSN, transaction: LSN) {
        guard let row = EngineRow(table, key: key, value: value) else { return }
        if row.role == .place, value == nil {
            removed = Removed(transaction: transaction, kind: row.kind, owner: row.owner, name: row.name)
        }
        guard let value, let name = row.name else { return }
        if row.role == .name || row.role == .entry { learn(name, table, key, lsn) }
        // The entry's own row comes next, and may be one that can't be read.
        if let entry = Self.entry(ofPlace: table, key, value) { learn(name, entry.table, entry.key, lsn) }
    }

    private mutating func learn(_ name: EngineRow.Name, _ table: TableID, _ key: Bytes, _ lsn: LSN) {
        if learned.count >= Self.maximumLearned { learned = [:] }
        learned[RowKey(table: table, key: key)] = (name, lsn)
    }

    /// The row of the entry that a `place` row is about; nil: it isn't one.
    public static func entry(ofPlace table: TableID, _ key: Bytes, _ value: Bytes) -> (table: TableID, key: Bytes)? {
        guard let row = EngineRow(table, key: key, value: value), row.role == .place, let number = row.number,
            let entries = row.kind?.layout.entries
        else { return nil }
        return (entries.entries, entries.entryKey(number, owner: row.owner.bytes))
    }

    /// A row's path of names, outermost first: scope and key; stream, group and item.
    ///
    /// - Parameters:
    ///   - lsn: the record that the row is of; nil: the latest.
    ///   - transaction: the record's.
    public func path(of row: EngineRow, _ table: TableID, key: Bytes, at lsn: LSN? = nil, transaction: LSN? = nil)
        -> [EngineRow.Name]
    {
        guard let kind = row.kind else { return row.name.map { [$0] } ?? [] }
        var path = row.owner.indices.map { index -> EngineRow.Name in
            guard let place = EngineTable.nameRow(Array(row.owner[...index]), kind) else { return .number(0) }
            return name(place.table, place.key, at: lsn) ?? .number(UInt64(row.owner[index]))
        }
        guard let last = row.name else { return path }
        path.append(entryName(row, last, kind, at: lsn, transaction))
        return path
    }

    /// Only the number of an entry may be known: of a removed one, and of what is kept beside an item.
    private func entryName(
        _ row: EngineRow,
        _ name: EngineRow.Name,
        _ kind: ContentKind,
        at lsn: LSN?,
        _ transaction: LSN?
    ) -> EngineRow.Name {
        guard case .number = name, row.role == .entry || row.role == .creation, let number = row.number else {
            return name
        }
        let removed = removed.flatMap { removed -> EngineRow.Name? in
            let isThis = row.role == .entry && removed.transaction == transaction && removed.owner == row.owner
            return isThis && removed.kind == kind ? removed.name : nil
        }
        if case .text = removed { return removed ?? name }
        // A long name's place has only how it begins.
        let entries = kind.layout.entries
        return self.name(entries.entries, entries.entryKey(number, owner: row.owner.bytes), at: lsn) ?? removed ?? name
    }

    private func name(_ table: TableID, _ key: Bytes, at lsn: LSN?) -> EngineRow.Name? {
        if let known = learned[RowKey(table: table, key: key)], lsn.map({ known.lsn <= $0 }) ?? true {
            return known.name
        }
        guard let found = look(table, key), lsn.map({ found.lsn <= $0 }) ?? true,
            let row = EngineRow(table, key: key, value: found.value)
        else { return nil }
        return row.name
    }
}
