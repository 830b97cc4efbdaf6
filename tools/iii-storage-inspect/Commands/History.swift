import ArgumentParser
import Storage

struct History: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Every change of one key that the log still holds.",
        discussion: """
            Puts and deletes of the key, and trims whose range covers it; behind them the snapshot's row, the base of \
            what the log says. The last line says from which LSN on the log is retained. Ends with 1 if there is neither a \
            change nor a row.

            With --json: one object per line, "type" being record, gap, or at the end snapshotRow and retention.
            """
    )

    @OptionGroup var store: StoreArguments

    @Argument(help: "The key: text, or 0x and hexadecimal digits.")
    var key: KeyArgument

    @Option(help: "The key's table.")
    var table: TableID

    @Flag(help: "In the table: long keys and values whole.")
    var full = false

    @OptionGroup var encoding: EncodingArguments

    func validate() throws {
        if encoding.raw, !store.json { throw ValidationError("--raw is for --json") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        var filter = RecordFilter()
        filter.table = table
        filter.key = key.bytes
        let style = RecordReport.Style(isJSON: store.json, isFull: full, isRaw: encoding.raw)
        let (report, records) = try RecordReport.print(inspector, filter, style, console)
        let base = try BaseReport(inspector.path, try store.key.keys(), table, key.bytes)
        if store.json {
            try console.line(base.json(isRaw: encoding.raw))
            try console.line(["type": "retention", "retainedFrom": .number(report.retainedFrom.rawValue)])
        } else {
            try console.write("-- \(base.phrase)\n")
            try console.write("-- the log is retained from LSN \(report.retainedFrom) on\n")
        }
        let status = ConditionReport.finish(report, inspector, console)
        return status == .sound && records == 0 && !base.isThere ? .no : status
    }
}
