import ArgumentParser
import Storage

struct Records: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "records",
        abstract: "The changes that the log holds, in order.",
        discussion: """
            Only records of sound batches are listed; lines between them tell which LSNs are lost. Keys and values are \
            shown as text if it is printable, else in hexadecimal behind 0x; the table cuts long ones.

            With --json: one object per line, "type" being record or gap, keys and values whole: as text if they are \
            UTF-8 ("keyEncoding":"utf8"), else in base64.
            """
    )

    @OptionGroup var store: StoreArguments

    @Option(help: "First LSN.")
    var from: LSN?

    @Option(help: "Last LSN.")
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
        var filter = RecordFilter()
        filter.from = from
        filter.to = to
        filter.kinds = Set(kind)
        filter.table = table
        filter.key = key?.bytes
        let style = RecordReport.Style(isJSON: store.json, isFull: full, isRaw: encoding.raw)
        let (report, _) = try RecordReport.print(inspector, filter, style, console)
        return ConditionReport.finish(report, inspector, console)
    }
}
