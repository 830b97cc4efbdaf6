import Storage

/// Records as rows and as JSON.
enum RecordReport {
    struct Style {
        var isJSON: Bool
        var isFull: Bool
        var isRaw: Bool
    }

    /// Which records are shown, and whether in the words of state and streams or by table and key.
    struct Selection {
        var filter = RecordFilter()
        /// nil: by table and key.
        var naming: RowNaming?
        /// Of those that the filter admits.
        var isWanted: (RecordFacts, RowNaming) -> Bool = { _, _ in true }

        /// Names are learned from all records, those before the first one that is shown too.
        fileprivate var reading: RecordFilter {
            guard naming != nil else { return filter }
            var reading = RecordFilter()
            reading.to = filter.to
            return reading
        }

        fileprivate mutating func admits(_ record: RecordFacts) -> Bool {
            guard let naming else { return true }
            return filter.admits(record) && isWanted(record, naming)
        }
    }

    private static func columns(_ isNamed: Bool) -> [Table.Column] {
        let place: [Table.Column] = isNamed ? [.left("ROW")] : [.right("TABLE"), .left("KEY")]
        return [.right("LSN"), .left("COMMITTED"), .left("ORIGIN"), .left("KIND")] + place
            + [.right("BYTES"), .left("VALUE")]
    }

    static func print(_ inspector: LogInspector, _ selection: Selection, _ style: Style, _ console: Console) throws
        -> (log: LogReport, records: UInt64)
    {
        var selection = selection
        var filter = selection.reading
        // A row's name is at the end of its value.
        if !style.isJSON, !style.isFull, selection.naming == nil { filter.valueLimit = ByteText.readBytes }
        var records: UInt64 = 0
        var progress = ReadingProgress(try inspector.facts(), console)
        var table = Table(columns(selection.naming != nil), on: console)
        let report = try inspector.records(filter) { event in
            switch event {
            case .segmentEnd(let segment): progress.pass(segment)
            case .record(let record):
                if selection.admits(record) {
                    records += 1
                    try show(record, selection.naming, style, &table, console)
                }
                selection.naming?.pass(record)
            case .gap(let gap) where gap.losesNothing: break
            case .gap(let gap) where style.isJSON: try console.line(GapReport.json(gap))
            case .gap(let gap): try table.remark(GapReport.phrase(gap))
            }
        }
        if !style.isJSON { try table.finish() }
        return (report, records)
    }

    private static func show(
        _ record: RecordFacts,
        _ naming: RowNaming?,
        _ style: Style,
        _ table: inout Table,
        _ console: Console
    ) throws {
        if style.isJSON {
            try console.line(json(record, isRaw: style.isRaw, naming))
        } else {
            try table.row(row(record, isFull: style.isFull, naming))
        }
    }

    static func row(_ record: RecordFacts, isFull: Bool, _ naming: RowNaming? = nil) -> [String] {
        let origin = record.origin.map { ByteText.value(.init($0), isFull: isFull) } ?? "-"
        let start = [record.lsn.description, Timestamp(nanoseconds: record.committedAt).short, origin]
        let none = naming == nil ? ["-", "-"] : ["-"]
        func place(_ table: TableID, _ key: Bytes, _ value: Bytes? = nil) -> [String] {
            naming.map { [$0.text(table, key, value, of: record, isFull: isFull)] }
                ?? [String(table.rawValue), ByteText.key(key, isFull: isFull)]
        }
        switch record.change {
        case .put(let table, let key, let value):
            let shown = naming == nil ? value : RowNaming.shown(table, key, value)
            return start + ["put"] + place(table, key, value.isWhole ? value.bytes : nil)
                + [String(shown.count), ByteText.value(shown, isFull: isFull)]
        case .delete(let table, let key): return start + ["delete"] + place(table, key) + ["-", "-"]
        case .trim(let table, let from, let upTo):
            let range = "\(ByteText.key(from, isFull: isFull)) ..< \(ByteText.key(upTo, isFull: isFull))"
            let place =
                naming == nil ? [String(table.rawValue), range] : [RowNaming.range(table, from, upTo, isFull: isFull)]
            return start + ["trim"] + place + ["-", "-"]
        case .note(let text):
            return start + ["note"] + none + [String(text.count), ByteText.value(text, isFull: isFull)]
        case .other(let kind): return start + ["kind \(kind)"] + none + ["-", "-"]
        }
    }

    static func json(_ record: RecordFacts, isRaw: Bool, _ naming: RowNaming? = nil) -> JSON {
        let start: JSON = [
            "type": "record", "lsn": .number(record.lsn.rawValue), "transaction": .number(record.transaction.rawValue),
            "batch": .number(record.batch), "segment": .number(record.segment),
            "committedAt": .string(Timestamp(nanoseconds: record.committedAt).precise),
        ]
        let origin = record.origin.map { ByteText.members("origin", $0, isRaw: isRaw) } ?? [("origin", .null)]
        return start.adding(origin).adding(members(record.change, isRaw: isRaw)).adding(row(record, naming))
    }

    private static func row(_ record: RecordFacts, _ naming: RowNaming?) -> [(String, JSON)] {
        guard let naming else { return [] }
        switch record.change {
        case .put(let table, let key, let value): return [naming.member(table, key, value.bytes, of: record)]
        case .delete(let table, let key): return [naming.member(table, key, of: record)]
        case .trim, .note, .other: return []
        }
    }

    private static func members(_ change: RecordFacts.Change, isRaw: Bool) -> [(String, JSON)] {
        switch change {
        case .put(let table, let key, let value):
            [("kind", "put"), ("table", .number(UInt64(table.rawValue)))] + ByteText.members("key", key, isRaw: isRaw)
                + [("valueBytes", .number(UInt64(value.count)))] + ByteText.members("value", value.bytes, isRaw: isRaw)
        case .delete(let table, let key):
            [("kind", "delete"), ("table", .number(UInt64(table.rawValue)))]
                + ByteText.members("key", key, isRaw: isRaw)
        case .trim(let table, let from, let upTo):
            [("kind", "trim"), ("table", .number(UInt64(table.rawValue)))]
                + ByteText.members("from", from, isRaw: isRaw) + ByteText.members("upTo", upTo, isRaw: isRaw)
        case .note(let text):
            [("kind", "note"), ("valueBytes", .number(UInt64(text.count)))]
                + ByteText.members("value", text.bytes, isRaw: isRaw)
        case .other(let kind): [("kind", "other"), ("code", .number(UInt64(kind)))]
        }
    }
}
