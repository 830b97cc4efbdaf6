import ArgumentParser
import Storage

struct Diff: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare the content of two stores, row by row.",
        discussion: """
            Content is snapshot and log together, as an engine would show it. A row is different if its value or its LSN \
            is; --ignore-lsn compares values only. Ends with 0 if the contents are equal, with 1 if not. A damaged store \
            has no content to compare: salvage it first.

            With --json: one object per line, "type" being difference, or at the end totals.
            """
    )

    @OptionGroup var store: StoreArguments

    @Argument(help: ArgumentHelp("The other store's directory.", valueName: "other"))
    var other: String

    @Option(help: "Only this table.")
    var table: TableID?

    @Flag(name: .customLong("ignore-lsn"), help: "Rows with the same value are equal.")
    var ignoresLSN = false

    func run(on console: Console) throws -> ProcessStatus {
        let (first, _) = try StoreContent.read(try store.open(console).path, store.key, console)
        let path = try LogInspector(path: other, keys: try store.key.keys()).path
        guard path != first.path else {
            throw CommandFailure("both paths name the same store", path: path, remedy: "name two stores")
        }
        let (second, _) = try StoreContent.read(path, store.key, console)
        var merge = DiffMerge(first.cursor(table), second.cursor(table), ignoresLSN: ignoresLSN)
        var list = Table(DiffReport.columns, on: console)
        let naming = (first: RowNaming(first), second: RowNaming(second))
        while let difference = try merge.next() {
            console.showProgress("comparing", done: merge.totals.rows, of: first.snapshotFacts.rows)
            let owner = difference.first == nil ? naming.second : naming.first
            if store.json {
                try console.line(DiffReport.json(difference, owner))
            } else {
                try list.row(DiffReport.row(difference, owner))
            }
        }
        if store.json {
            try console.line(DiffReport.json(merge.totals))
        } else {
            if !merge.totals.areEqual { try list.finish() }
            try console.write(DiffReport.phrase(merge.totals) + "\n")
        }
        for reader in [first, second] where !reader.isOneMoment {
            console.warn("\(StoreContent.changedPhrase(reader)) [path \(reader.path)]")
        }
        return merge.totals.areEqual ? .sound : .no
    }
}
