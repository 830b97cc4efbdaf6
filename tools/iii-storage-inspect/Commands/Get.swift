import ArgumentParser
import Storage

struct Get: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "The value of one key, now or at an earlier moment, from log and snapshot.",
        discussion: """
            A moment is an LSN (the state after that record) or a time (the state before the first batch that was \
            committed later), as 2026-01-02T03:04:05.678Z or with another zone, +02:00; without one it is UTC.

            The last change in the log decides; else the snapshot's row, if it was written at or before the moment. The \
            answer is certain or it is none: where neither can tell, or the log is damaged behind the last known change, \
            the command says so and ends with 1; so it does for a key that isn't there.

            With --json: one object.
            """
    )

    @OptionGroup var store: StoreArguments

    @Argument(help: "The key: text, or 0x and hexadecimal digits.")
    var key: KeyArgument

    @Option(help: "The key's table.")
    var table: TableID

    @Option(help: "An LSN or a time; default: the end of the log.")
    var at: PositionArgument?

    @Flag(help: "Print nothing but the value's bytes; with --json: key and value in base64.")
    var raw = false

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console)
        var progress = ReadingProgress(try inspector.facts(), console)
        var (found, log) = try inspector.value(of: key.bytes, in: table, at: at?.position ?? .end) {
            progress.pass($0)
        }
        if case .unknown = found.answer {
            let snapshot = try SnapshotInspector(path: inspector.path, keys: try store.key.keys())
            found = try found.completed(by: snapshot, key.bytes, in: table, at: at?.position ?? .end, log)
        }
        let report = ValueReport(key: key.bytes, table: table, at: at, found: found)
        if case .unknown(let reason) = found.answer {
            _ = ConditionReport.finish(log, inspector, console)
            throw report.failure(reason, path: inspector.path)
        }
        if store.json {
            try console.line(report.json(isRaw: raw))
        } else if raw {
            try report.bytes.withUnsafeBytes { try console.write($0) }
        } else {
            try report.listing.write(to: console)
        }
        let status = ConditionReport.finish(log, inspector, console)
        return status == .sound && !report.isThere ? .no : status
    }
}
