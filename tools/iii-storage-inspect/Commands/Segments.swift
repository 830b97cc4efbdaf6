import ArgumentParser
import Storage

struct Segments: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "segments",
        abstract: "List the log's files with their extent and state.",
        discussion: "With --json: one object per line, in the order of their numbers."
    )

    @OptionGroup var store: StoreArguments

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        var progress = ReadingProgress(try inspector.facts(), console)
        var table = Table(SegmentReport.columns, on: console)
        let report = try inspector.walk(needsKeys: false) { event in
            progress.pass(event)
            guard case .segmentEnd(let segment) = event else { return }
            if store.json {
                try console.line(SegmentReport.json(segment))
            } else {
                try table.row(SegmentReport.row(segment))
            }
        }
        if !store.json { try table.finish() }
        return ConditionReport.finish(report, inspector, console)
    }
}
