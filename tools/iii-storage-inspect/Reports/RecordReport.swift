import Storage

/// Records as rows and as JSON.
enum RecordReport {
    struct Style {
        var isJSON: Bool
        var isFull: Bool
        var isRaw: Bool
    }

    private static let columns: [Table.Column] = [
        .right("LSN"), .left("COMMITTED"), .left("ORIGIN"), .left("KIND"), .right("TABLE"), .left("KEY"),
        .right("BYTES"), .left("VALUE"),
    ]

    static func print(_ inspector: LogInspector, _ filter: RecordFilter, _ style: Style, _ console: Console) throws
        -> (log: LogReport, records: UInt64)
    {
        var filter = filter
        var records: UInt64 = 0
        if !style.isJSON, !style.isFull { filter.valueLimit = ByteText.readBytes }
        var progress = ReadingProgress(try inspector.facts(), console)
        var table = Table(columns, on: console)
        let report = try inspector.records(filter) { event in
            if case .record = event { records += 1 }
            switch event {
            case .segmentEnd(let segment): progress.pass(segment)
            case .record(let record) where style.isJSON: try console.line(json(record, isRaw: style.isRaw))
            case .record(let record): try table.row(row(record, isFull: style.isFull))
            case .gap(let gap) where gap.losesNothing: break
            case .gap(let gap) where style.isJSON: try console.line(GapReport.json(gap))
            case .gap(let gap): try table.remark(GapReport.phrase(gap))
            }
        }
        if !style.isJSON { try table.finish() }
        return (report, records)
    }

    static func row(_ record: RecordFacts, isFull: Bool) -> [String] {
        let origin = record.origin.map { ByteText.value(.init($0), isFull: isFull) } ?? "-"
        let start = [record.lsn.description, Timestamp(nanoseconds: record.committedAt).short, origin]
        switch record.change {
        case .put(let table, let key, let value):
            return start + [
                "put", String(table.rawValue), ByteText.key(key, isFull: isFull), String(value.count),
                ByteText.value(value, isFull: isFull),
            ]
        case .delete(let table, let key):
            return start + ["delete", String(table.rawValue), ByteText.key(key, isFull: isFull), "-", "-"]
        case .trim(let table, let from, let upTo):
            let range = "\(ByteText.key(from, isFull: isFull)) ..< \(ByteText.key(upTo, isFull: isFull))"
            return start + ["trim", String(table.rawValue), range, "-", "-"]
        case .note(let text):
            return start + ["note", "-", "-", String(text.count), ByteText.value(text, isFull: isFull)]
        case .other(let kind):
            return start + ["kind \(kind)", "-", "-", "-", "-"]
        }
    }

    static func json(_ record: RecordFacts, isRaw: Bool) -> JSON {
        let start: JSON = [
            "type": "record", "lsn": .number(record.lsn.rawValue), "transaction": .number(record.transaction.rawValue),
            "batch": .number(record.batch), "segment": .number(record.segment),
            "committedAt": .string(Timestamp(nanoseconds: record.committedAt).precise),
        ]
        let origin = record.origin.map { ByteText.members("origin", $0, isRaw: isRaw) } ?? [("origin", .null)]
        return start.adding(origin).adding(members(record.change, isRaw: isRaw))
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
