import ArgumentParser
import Storage

struct Summary: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Show a store's identity, size, extent and condition.",
        discussion: "With --json: one object."
    )

    @OptionGroup var store: StoreArguments

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console).passingOverCovered(store.key, console)
        let facts = try inspector.facts()
        var progress = ReadingProgress(facts, console)
        let report = try inspector.walk(needsKeys: false) { progress.pass($0) }
        let snapshot = try SnapshotCheck.run(inspector.path, store.key, report, isDeep: false, console)
        let summary = SummaryReport(facts: facts, log: report, snapshot: snapshot)
        if store.json {
            try console.line(summary.json)
        } else {
            try summary.listing.write(to: console)
        }
        return snapshot.status(with: report)
    }
}
