import ArgumentParser
import Storage

struct Records: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "records",
        abstract: "List the changes that the log holds, in order.",
        discussion: """
            A row of state is shown as "state SCOPE/KEY", one of a stream as "stream NAME/GROUP/ITEM"; each has rows \
            beside it, for its place, its scope and others, which say so. A name that is not known any more is #NUMBER. \
            With --table, rows are shown by table and key.

            Only records of sound batches are listed; lines between them tell which LSNs are lost. Values are \
            shown as text if it is printable, else in hexadecimal behind 0x; the table cuts long ones.

            With --json: one object per line, "type" being record or gap, keys and values whole: as text if they are \
            UTF-8 ("keyEncoding":"utf8"), else in base64, and "row": what it is, or null.

            Example: iii-storage-inspect records /data/state --kind put --from 1000
            """
    )

    @OptionGroup var store: StoreArguments

    @Option(parsing: .unconditional, help: "First LSN.")
    var from: LSN?

    @Option(parsing: .unconditional, help: "Last LSN.")
    var to: LSN?

    @Option(help: "Only records of this kind: put, delete, trim or note; may be repeated.")
    var kind: [RecordFilter.Kind] = []

    @Option(help: "Only records of this table.")
    var table: TableID?

    @Option(help: "Only changes of this key, trims that cover it included: text, or 0x and hexadecimal digits.")
    var key: KeyArgument?

    @Flag(help: "In the table: long keys and values whole.")
    var full = false

    @OptionGroup var encoding: EncodingArguments

    func validate() throws {
        if encoding.raw, !store.json { throw ValidationError("--raw is for --json") }
        if let from, let to, to < from { throw ValidationError("--to lies before --from") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        var selection = RecordReport.Selection()
        selection.filter.from = from
        selection.filter.to = to
        selection.filter.kinds = Set(kind)
        selection.filter.table = table
        selection.filter.key = key?.bytes
        if table == nil { selection.naming = RowNaming(snapshotOf: inspector.path, store.key, console) }
        let style = RecordReport.Style(isJSON: store.json, isFull: full, isRaw: encoding.raw)
        let (report, _) = try RecordReport.print(inspector, selection, style, console)
        return ConditionReport.finish(report, inspector, console)
    }
}
