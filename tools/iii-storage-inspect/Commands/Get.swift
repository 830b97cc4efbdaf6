import Adapters
import ArgumentParser
import Storage

struct Get: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print one value, now or at an earlier moment.",
        discussion: """
            Names a value of state by --scope and --key, an item of a stream by --stream, --group and --item. \
            For experts, --table and a row's key name any row.

            A moment is an LSN (the state after that record) or a time (the state before the first batch that was \
            committed later), as 2026-01-02T03:04:05.678Z or with another zone, +02:00; without one it is UTC.

            The last change in the log decides; else the snapshot's row, if it was written at or before the moment. The \
            answer is certain or it is none: where neither can tell, or the log is damaged behind the last known change, \
            the command says so and ends with 1; so it does for a key that isn't there.

            With --json: one object.

            Example: iii-storage-inspect get /data/state --scope notes --key first --at 2026-07-04T12:00Z
            """
    )

    @OptionGroup var store: StoreArguments

    @OptionGroup var address: AddressArguments

    @Option(parsing: .unconditional, help: "An LSN or a time; default: the end of the log.")
    var at: PositionArgument?

    @Flag(help: "Print nothing but the value's bytes; with --json: key and value in base64.")
    var raw = false

    func run(on console: Console) throws -> ProcessStatus {
        let inspector = try store.open(console).passingOverCovered(store.key, console)
        let lookup = ValueLookup(inspector: inspector, keys: try store.key.keys(), console: console)
        let target = try address.target()
        let (found, log) = try lookup.find(target, at: at?.position ?? .end)
        let condition = try StoreCondition.look(inspector.path, store.key, log, console)
        try condition.requireShowable(store.key, inspector.path)
        let report = ValueReport(target: target, at: at, found: found)
        if case .unknown(let reason) = found.answer {
            var failure = report.failure(reason, path: inspector.path)
            if condition.finish(inspector.path, console) == .damage { failure.status = .damage }
            throw failure
        }
        if store.json {
            try console.line(report.json(isRaw: raw))
        } else if raw {
            try report.bytes.withUnsafeBytes { try console.write($0) }
        } else {
            try report.listing.write(to: console)
        }
        let status = condition.finish(inspector.path, console)
        return status == .sound && !report.isThere ? .no : status
    }
}

/// Values at a moment, from log and snapshot.
private struct ValueLookup {
    let inspector: LogInspector
    let keys: EncryptionKeys
    let console: Console

    /// Ends with the first row of the way that isn't there, or isn't known.
    func find(_ target: AddressArguments.Target, at position: LogPosition) throws -> (ValueAtPosition, LogReport) {
        switch target {
        case .row(let row): return try find(row, at: position)
        case .entry(let entry):
            var last: (ValueAtPosition, LogReport)?
            // All rows at the same moment, whatever a running engine writes meanwhile.
            func look(_ table: TableID, _ key: Bytes) throws -> Bytes? {
                let found = try find(RowID(table: table, key: key), at: last.map { .lsn($0.0.lsn) } ?? position)
                last = found
                return found.0.value
            }
            if let row = try entry.locate(look) { _ = try look(row.table, row.key) }
            return try last ?? find(RowID(table: TableID(rawValue: 0), key: []), at: position)
        }
    }

    /// One pass over the log.
    private func find(_ row: RowID, at position: LogPosition) throws -> (ValueAtPosition, LogReport) {
        var progress = ReadingProgress(try inspector.facts(), console)
        var (found, log) = try inspector.value(of: row.key, in: row.table, at: position) { progress.pass($0) }
        if case .unknown = found.answer {
            let snapshot = try SnapshotInspector(path: inspector.path, keys: keys)
            found = try found.completed(by: snapshot, row.key, in: row.table, at: position, log)
        }
        return (found, log)
    }
}

extension ValueAtPosition {
    /// nil: not there, or not known.
    fileprivate var value: Bytes? {
        switch answer {
        case .value(let record): if case .put(_, _, let value) = record.change { value.bytes } else { nil }
        case .snapshot(let row): row?.value
        case .absent, .unknown: nil
        }
    }
}
