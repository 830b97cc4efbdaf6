import Adapters
import Storage

/// Table and key of a row.
struct RowID: Hashable {
    var table: TableID
    var key: Bytes
}

/// Says what rows are, for people and in JSON.
struct RowNaming {
    /// Names that are kept of a snapshot; rows of the others are shown by number.
    private static let maximumNames = 1 << 20

    private var names = RowNames()

    /// Knows what the rows themselves say.
    init() {}

    /// Finds names in a store that is read anyway.
    init(_ reader: StoreReader) {
        names = RowNames { table, key in
            (try? reader.row(table, key: key)).flatMap { $0 }.map { ($0.value, $0.lsn) }
        }
    }

    /// Finds names of scopes, streams and groups in the snapshot, which a process of its own reads: damaged, it may kill
    /// whoever reads it.
    init(snapshotOf path: String, _ key: KeyArguments, _ console: Console) {
        var known: [RowID: (value: Bytes, lsn: LSN)] = [:]
        try? Self.rows(EngineTable.ofNames, path, key, console) { id, value, lsn in
            if known.count < Self.maximumNames { known[id] = (value, lsn) }
        }
        let names = known
        self.names = RowNames { names[RowID(table: $0, key: $1)] }
    }

    /// Also finds the names of these rows, of which only the keys are known, in a store that can be read.
    init(_ wanted: [RowID], in reader: StoreReader) {
        self.init(reader)
        let entries = Set(wanted.filter { EngineTable($0.table)?.role == .entry })
        guard !entries.isEmpty else { return }
        for table in EngineTable.ofPlaces {
            let cursor = reader.cursor(table)
            while let row = try? cursor.next() {
                guard let entry = RowNames.entry(ofPlace: table, row.key, row.value),
                    entries.contains(RowID(table: entry.table, key: entry.key)),
                    (try? reader.row(entry.table, key: entry.key)).flatMap({ $0 }) == nil
                else { continue }
                names.pass(table, key: row.key, value: row.value, lsn: row.lsn, transaction: row.lsn)
            }
        }
    }

    /// Also finds the names of these rows, of which only the keys are known: of damaged or lost ones. From snapshot and log.
    init(_ wanted: [RowID], of path: String, _ key: KeyArguments, _ console: Console) {
        self.init()
        guard wanted.contains(where: { EngineTable($0.table)?.kind != nil }) else { return }
        self.init(snapshotOf: path, key, console)
        let entries = Set(wanted)
        func pass(_ id: RowID, _ value: Bytes, _ lsn: LSN) {
            guard EngineTable(id.table)?.role != .entry, let entry = RowNames.entry(ofPlace: id.table, id.key, value),
                entries.contains(RowID(table: entry.table, key: entry.key))
            else { return }
            names.pass(id.table, key: id.key, value: value, lsn: lsn, transaction: lsn)
        }
        try? Self.rows(EngineTable.ofPlaces, path, key, console, pass)
        var filter = RecordFilter()
        filter.kinds = [.put]
        _ = try? LogInspector(path: path, keys: key.keys()).records(filter) { event in
            guard case .record(let record) = event, case .put(let table, let key, let value) = record.change else {
                return
            }
            if EngineTable.ofNames.contains(table) { names.pass(record) }
            pass(RowID(table: table, key: key), value.bytes, record.lsn)
        }
    }

    private static func rows(
        _ tables: [TableID],
        _ path: String,
        _ key: KeyArguments,
        _ console: Console,
        _ visit: (RowID, Bytes, LSN) -> Void
    ) throws {
        let words = tables.flatMap { ["--table", String($0.rawValue)] }
        _ = try SnapshotChild(tool: console.tool, words: [SnapshotWalk.name, path, "--rows"] + words + key.words).run {
            frame in
            guard frame.kind == .row else { return }
            visit(RowID(table: frame.table, key: frame.key), frame.value, LSN(rawValue: frame.number))
        }
    }

    /// Learns from a record; in the order of the log.
    mutating func pass(_ record: RecordFacts) {
        names.pass(record)
    }
}

extension RowNaming {
    /// `table 7 key abc` for a row that is none of the engine's.
    func text(
        _ table: TableID,
        _ key: Bytes,
        _ value: Bytes? = nil,
        of record: RecordFacts? = nil,
        isFull: Bool = false
    ) -> String {
        guard let (row, path) = find(table, key, value, record) else {
            return "table \(table.rawValue) key \(ByteText.key(key, isFull: isFull))"
        }
        return RowText.name(row, path, isFull: isFull)
    }

    /// `row`: null for a row that is none of the engine's.
    func member(_ table: TableID, _ key: Bytes, _ value: Bytes? = nil, of record: RecordFacts? = nil) -> (String, JSON)
    {
        ("row", find(table, key, value, record).map { RowText.json($0.row, $0.path) } ?? .null)
    }

    private func find(_ table: TableID, _ key: Bytes, _ value: Bytes?, _ record: RecordFacts?) -> (
        row: EngineRow, path: [EngineRow.Name]
    )? {
        guard let row = EngineRow(table, key: key, value: value) else { return nil }
        let path = names.path(of: row, table, key: key, at: record?.lsn, transaction: record?.transaction)
        return (row, path)
    }

    /// The names of a value of state or an item of a stream; nil: it isn't one, or not all are known.
    func address(_ table: TableID, _ key: Bytes, _ value: Bytes?, of record: RecordFacts) -> [String]? {
        guard let (row, path) = find(table, key, value, record), row.role == .entry else { return nil }
        let texts = path.compactMap { if case .text(let text) = $0 { text } else { String?.none } }
        return texts.count == path.count ? [row.kind?.rawValue ?? ""] + texts : nil
    }

    /// The range of a trim.
    static func range(_ table: TableID, _ from: Bytes, _ upTo: Bytes, isFull: Bool = false) -> String {
        let title = EngineTable(table)?.title ?? "table \(table.rawValue)"
        return "\(title): \(ByteText.key(from, isFull: isFull)) ..< \(ByteText.key(upTo, isFull: isFull))"
    }

    /// What people want to see of a row's value: of an entry only the JSON.
    static func shown(_ table: TableID, _ key: Bytes, _ value: RecordFacts.Excerpt) -> RecordFacts.Excerpt {
        guard value.isWhole, EngineTable(table)?.role == .entry, EngineRow(table, key: key, value: value.bytes) != nil,
            let entry = EngineRow.entry(value.bytes)
        else { return value }
        return .init(entry.json)
    }
}

extension RowNames {
    mutating func pass(_ record: RecordFacts) {
        switch record.change {
        case .put(let table, let key, let value):
            guard value.isWhole else { return }
            pass(table, key: key, value: value.bytes, lsn: record.lsn, transaction: record.transaction)
        case .delete(let table, let key):
            pass(table, key: key, value: nil, lsn: record.lsn, transaction: record.transaction)
        case .trim, .note, .other: break
        }
    }
}
