import Adapters
import ArgumentParser
import Storage

struct History: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List every change of one value in the log.",
        discussion: """
            Names a value of state by --scope and --key, an item of a stream by --stream, --group and --item. \
            For experts, --table and a row's key name any row.

            Puts and deletes of the value, and trims whose range covers it; behind them the snapshot's row, the base of \
            what the log says. The last line says from which LSN on the log is retained. Ends with 1 if there is neither a \
            change nor a row.

            With --json: one object per line, "type" being record, gap, or at the end snapshotRow and retention.

            Example: iii-storage-inspect history /data/state --stream chat --group room-1 --item m1
            """
    )

    @OptionGroup var store: StoreArguments

    @OptionGroup var address: AddressArguments

    @Flag(help: "In the table: long keys and values whole.")
    var full = false

    @OptionGroup var encoding: EncodingArguments

    func validate() throws {
        if encoding.raw, !store.json { throw ValidationError("--raw is for --json") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        let target = try address.target()
        let style = RecordReport.Style(isJSON: store.json, isFull: full, isRaw: encoding.raw)
        let selection = try selection(target, inspector, console)
        let (report, records) = try RecordReport.print(inspector, selection, style, console)
        let condition = try StoreCondition.look(inspector.path, store.key, report, console)
        try condition.requireShowable(store.key, inspector.path)
        let base = try BaseReport(inspector.path, try store.key.keys(), target)
        if store.json {
            try console.line(base.json(isRaw: encoding.raw))
            try console.line(["type": "retention", "retainedFrom": .number(report.retainedFrom.rawValue)])
        } else {
            try console.write("-- \(base.phrase)\n")
            try console.write("-- the log is retained from LSN \(report.retainedFrom) on\n")
        }
        let status = condition.finish(inspector.path, console)
        return status == .sound && records == 0 && !base.isThere ? .no : status
    }

    private func selection(_ target: AddressArguments.Target, _ inspector: LogInspector, _ console: Console) throws
        -> RecordReport.Selection
    {
        var selection = RecordReport.Selection()
        switch target {
        case .row(let row):
            selection.filter.table = row.table
            selection.filter.key = row.key
        case .entry(let entry):
            selection.naming = RowNaming(snapshotOf: inspector.path, store.key, console)
            var last = try BaseReport.row(inspector.path, try store.key.keys(), entry)
            selection.isWanted = { Self.isOf(entry, $0, $1, &last) }
        }
        return selection
    }

    /// - Parameter last: the row that the entry was at last: a trim may cover it.
    private static func isOf(_ entry: EntryAddress, _ record: RecordFacts, _ naming: RowNaming, _ last: inout RowID?)
        -> Bool
    {
        switch record.change {
        case .put(let table, let key, let value):
            guard naming.address(table, key, value.bytes, of: record) == entry.names else { return false }
            last = RowID(table: table, key: key)
            return true
        case .delete(let table, let key):
            return naming.address(table, key, nil, of: record) == entry.names
        case .trim(let table, let from, let upTo):
            guard let last, last.table == table else { return false }
            return !last.key.lexicographicallyPrecedes(from) && last.key.lexicographicallyPrecedes(upTo)
        case .note, .other: return false
        }
    }
}
