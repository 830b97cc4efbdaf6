import ArgumentParser
import Storage

struct Batches: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "batches",
        abstract: "List the log's batches with a verdict on each.",
        discussion: """
            A verdict is: sound; payload damaged; number gap, chain mismatch, LSN mismatch (sound in itself, but not \
            what belongs there); misplaced; malformed; needs version; unsynced (beyond the end, dropped by recovery). \
            Lines between batches tell what is missing. Blocks of an earlier use of a file are not listed: they are no \
            batches.

            With --json: one object per line, "type" being batch, gap or tail.
            """
    )

    @OptionGroup var store: StoreArguments

    @Option(help: "Only the batches of this segment.")
    var segment: UInt64?

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        let facts = try inspector.facts()
        try requireSegment(facts)
        var progress = ReadingProgress(facts, console)
        var table = Table(BatchReport.columns, on: console)
        let report = try inspector.walk(needsKeys: false) { event in
            progress.pass(event)
            try print(event, console, &table)
        }
        if !store.json { try table.finish() }
        return ConditionReport.finish(report, inspector, console)
    }

    /// A missing file between others may be asked for: its gap is what there is to say.
    private func requireSegment(_ facts: StoreFacts) throws {
        guard let segment, let first = facts.segments.first?.number, let last = facts.segments.last?.number,
            !(first...last).contains(segment)
        else { return }
        throw CommandFailure(
            "there is no segment \(segment)",
            path: facts.path,
            remedy: "the log has \(Amounts.range(first, last))"
        )
    }

    private func print(_ event: LogEvent, _ console: Console, _ table: inout Table) throws {
        switch event {
        case .batch(let batch) where isWanted(batch.segment):
            if store.json { return try console.line(BatchReport.json(batch)) }
            try table.row(BatchReport.row(batch))
        case .gap(let gap) where isWanted(gap.segment):
            if store.json { return try console.line(GapReport.json(gap)) }
            try table.remark(GapReport.phrase(gap))
        case .tail(let tail) where isWanted(tail.segment):
            if store.json { return try console.line(TailReport.json(tail)) }
            try table.remark(TailReport.phrase(tail))
        default: break
        }
    }

    private func isWanted(_ number: UInt64) -> Bool {
        segment == nil || segment == number
    }
}
