import ArgumentParser
import Storage

struct Salvage: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Save what is certain of a damaged store.",
        discussion: """
            The damaged store is only read. The new one keeps its id, its keys and all LSNs; it appears at DIR when it \
            has been opened and every row has been read back. Every row of the snapshot that a page still leads to is \
            taken. Rows that the snapshot can't tell any more take their last change from the log, as far as that is \
            retained. What is lost is listed: damaged rows by key, pages that make no sense, missing LSNs, and rows \
            whose last certain change is before a gap and which may be older than the last acknowledged. Snapshot and \
            log of two stores are never mixed: the report says which was taken.

            Ends with 0 if nothing is lost, with 3 if something is or may be. With --json: one object.
            """
    )

    @OptionGroup var store: StoreArguments

    @Option(help: ArgumentHelp("The new store's directory; must not exist.", valueName: "dir"))
    var to: String

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        guard !(try inspector.facts().lock.isHeld) else {
            throw CommandFailure(
                "an engine has the store open",
                path: inspector.path,
                remedy: "stop it, or make a backup while it runs"
            )
        }
        var progress = ReadingProgress(try inspector.facts(), console)
        let report = try StoreSalvage.run(
            from: inspector.path,
            to: to,
            keys: try store.key.keys(),
            progress: { console.showProgress("reading the snapshot", done: $0, of: $1) },
            observe: { if case .segmentEnd(let segment) = $0 { progress.pass(segment) } },
            announce: { if !store.json { try console.write(SalvageText.phrase($0) + "\n") } }
        )
        // The new store can be read, and has the names of whatever was saved.
        let naming = RowNaming(SalvageText.rows(report), in: try StoreReader(path: to, keys: try store.key.keys()))
        if store.json {
            try console.line(SalvageText.json(report, to, naming))
        } else {
            try SalvageText.listing(report, naming).write(to: console)
        }
        return report.isComplete ? .sound : .damage
    }
}
