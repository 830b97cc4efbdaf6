import ArgumentParser
import Storage

struct Verify: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check log and snapshot; name what is lost.",
        discussion: """
            The first problem is the one that recovery would refuse with. Behind damage, reading goes on at the next \
            sound batch: what is listed as certain has been verified, what is listed as lost lies in between. The \
            snapshot's own row is checked, and that the log accounts for the batch with which the snapshot ends.

            --deep also reads every row of the snapshot (checksums, digest, counts) and, if the log reaches back to \
            LSN 1, derives the whole content anew from it and compares row by row. The snapshot is read by a process of \
            its own: a damaged file that kills it is reported as damage.

            With --json: one object.
            """
    )

    @OptionGroup var store: StoreArguments

    @Flag(help: "Every row of the snapshot too.")
    var deep = false

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console).passingOverCovered(store.key, console)
        let facts = try inspector.facts()
        var progress = ReadingProgress(facts, console)
        let log = try inspector.walk(needsKeys: false) { progress.pass($0) }
        let snapshot = try SnapshotCheck.run(inspector.path, store.key, log, isDeep: deep, console)
        let naming = RowNaming(VerifyReport.rows(log, snapshot), of: inspector.path, store.key, console)
        let report = VerifyReport(log: log, snapshot: snapshot, path: inspector.path, naming: naming)
        if store.json {
            try console.line(report.json)
        } else {
            try report.write(to: console)
        }
        return report.status
    }
}
