import ArgumentParser
import Storage

struct Verify: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every checksum and every rule of the log; on damage, tell what is certain and what is lost.",
        discussion: """
            The first problem is the one that recovery would refuse with. Behind damage, reading goes on at the next \
            sound batch: what is listed as certain has been verified, what is listed as lost lies in between.

            With --json: one object.
            """
    )

    @OptionGroup var store: StoreArguments

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        var progress = ReadingProgress(try inspector.facts(), console)
        let report = VerifyReport(log: try inspector.walk { progress.pass($0) }, path: inspector.path)
        if store.json {
            try console.line(report.json)
        } else {
            try report.write(to: console)
        }
        return ProcessStatus(report.log.verdict.condition)
    }
}
