import ArgumentParser
import Storage

struct Snapshot: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Show what the snapshot says of itself, and its rows.",
        discussion: """
            The snapshot holds every change up to its LSN; the log goes on where it ends. --rows lists its rows in key \
            order as they were at that LSN: later changes are in the log. Damaged rows are listed by key.

            With --json: one object; with --rows one object per line, "type" being snapshot, row or damagedRow.
            """
    )

    @OptionGroup var store: StoreArguments

    @Flag(help: "List the rows.")
    var rows = false

    @Option(help: "Only the rows of this table.")
    var table: TableID?

    @Option(help: "At most so many rows.")
    var limit: UInt64?

    @Flag(help: "In the table: long keys and values whole.")
    var full = false

    @OptionGroup var encoding: EncodingArguments

    func validate() throws {
        if encoding.raw, !store.json { throw ValidationError("--raw is for --json") }
        if !rows, table != nil || limit != nil { throw ValidationError("--table and --limit are for --rows") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        let path = try store.open(console).path
        let snapshot = try SnapshotInspector(
            path: path,
            keys: try store.key.keys(),
            needsKeys: rows,
            pages: rows ? .always : .small
        )
        if store.json {
            try console.line(SnapshotFactsReport.json(snapshot.facts))
        } else {
            try SnapshotFactsReport.listing(snapshot.facts).write(to: console)
        }
        return rows ? try list(snapshot, console) : .sound
    }

    private func list(_ snapshot: SnapshotInspector, _ console: Console) throws -> ProcessStatus {
        var listed: UInt64 = 0
        var table = Table(RowReport.columns, on: console)
        if !store.json { try console.write("\n") }
        let report = try snapshot.walk(self.table) { item in
            guard listed < limit ?? .max else { return false }
            listed += 1
            if store.json {
                try console.line(RowReport.json(item, isRaw: encoding.raw))
            } else {
                try table.row(RowReport.row(item, isFull: full))
            }
            return true
        }
        if !store.json { try table.finish() }
        return report.damaged.isEmpty ? .sound : .damage
    }
}
