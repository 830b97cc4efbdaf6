import Adapters
import Storage

/// The value of a key at a moment.
struct ValueReport {
    var target: AddressArguments.Target
    var at: PositionArgument?
    var found: ValueAtPosition

    /// Of a value of state or a stream's item: the JSON.
    private var value: RecordFacts.Excerpt? {
        guard case .entry = target, let stored else { return stored }
        return EngineRow.entry(stored.bytes).map { .init($0.json) } ?? stored
    }

    private var stored: RecordFacts.Excerpt? {
        if case .snapshot(let row?) = found.answer { return .init(row.value) }
        guard case .value(let record) = found.answer, case .put(_, _, let value) = record.change else { return nil }
        return value
    }

    /// The record that decided.
    private var record: RecordFacts? {
        switch found.answer {
        case .value(let record): record
        case .absent(let record): record
        case .unknown, .snapshot: nil
        }
    }

    /// The snapshot decided.
    private var isFromSnapshot: Bool {
        if case .snapshot = found.answer { true } else { false }
    }

    private var row: SnapshotRow? {
        if case .snapshot(let row) = found.answer { row } else { nil }
    }

    var isThere: Bool { value != nil }

    /// Empty if there is no value.
    var bytes: Bytes { value?.bytes ?? [] }

    var listing: Listing {
        var listing = Listing()
        switch target {
        case .row(let row): listing.add("key", ByteText.key(row.key, isFull: true) + " (table \(row.table.rawValue))")
        case .entry(let entry): listing.add("row", entry.text(isFull: true))
        }
        listing.add("as of", "LSN \(found.lsn)" + (at.map { " (asked for \($0.phrase))" } ?? ", the end of the log"))
        if let value {
            listing.add("value", ByteText.value(value, isFull: true))
            listing.add("bytes", String(value.count))
        } else {
            listing.add("value", "not there")
        }
        listing.add(value == nil ? "removed by" : "set by", change)
        return listing
    }

    private var change: String {
        if let row { return "LSN \(row.lsn), from the snapshot" }
        if isFromSnapshot { return "a change before the snapshot, or it was never set" }
        guard let record else { return "nobody: it was never set" }
        let time = Timestamp(nanoseconds: record.committedAt).short
        let origin = record.origin.map { ", by " + ByteText.value(.init($0)) } ?? ""
        return "LSN \(record.lsn) at \(time)\(origin)"
    }

    func json(isRaw: Bool) -> JSON {
        let start = JSON.object(members(isRaw))
            .adding([
                ("asOf", .number(found.lsn.rawValue)), ("retainedFrom", .number(found.retainedFrom.rawValue)),
                ("found", .bool(value != nil)),
            ])
        let body = value.map { value in
            [("valueBytes", JSON.number(UInt64(value.count)))] + ByteText.members("value", value.bytes, isRaw: isRaw)
        }
        return start.adding(body ?? []).adding([
            ("source", .string(isFromSnapshot ? "snapshot" : "log")),
            ("lsn", JSON((record?.lsn ?? row?.lsn)?.rawValue)),
            ("by", record.map { RecordReport.json($0, isRaw: isRaw) } ?? .null),
        ])
    }

    private func members(_ isRaw: Bool) -> [(String, JSON)] {
        switch target {
        case .row(let row):
            [("table", .number(UInt64(row.table.rawValue)))] + ByteText.members("key", row.key, isRaw: isRaw)
        case .entry(let entry): entry.members
        }
    }

    private var subject: String {
        switch target {
        case .row(let row): "\(ByteText.key(row.key)) in table \(row.table.rawValue)"
        case .entry(let entry): entry.text()
        }
    }

    /// Why there is no answer.
    func failure(_ reason: ValueAtPosition.Reason, path: String) -> CommandFailure {
        let moment = at?.phrase ?? "the end of the log"
        let question = "the value of \(subject) at \(moment)"
        switch reason {
        case .beforeRetention:
            let why =
                "the log is retained only from LSN \(found.retainedFrom) on, and neither it nor the snapshot decides"
            return CommandFailure(
                "not known: \(question): \(why)",
                path: path,
                remedy: "ask for a later moment, or restore a backup with --through",
                status: .no
            )
        case .gap(let gap):
            return CommandFailure(
                "the log can't tell \(question): \(GapReport.phrase(gap))",
                path: path,
                remedy: "ask for a moment before that, or look into a backup",
                status: .no
            )
        case .beyondEnd:
            return CommandFailure(
                "the log ends before \(moment): its last record is LSN \(found.lsn)",
                path: path,
                remedy: "ask for an earlier one",
                status: .no
            )
        }
    }
}
