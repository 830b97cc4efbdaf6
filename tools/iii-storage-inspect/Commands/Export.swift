import ArgumentParser
import Storage

struct Export: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole content as lines of JSON.",
        discussion: """
            One line per row in order of table and key, then a trailer with counts and the CRC32C of all bytes before \
            it, so that a truncated export is noticed. Keys and values are text if they are UTF-8 ("keyEncoding":"utf8"), \
            else base64. A store whose content is not certain is not exported: salvage it first.

            The rows are those after the last LSN that the log had at the beginning ("throughLSN"). Nothing is kept from \
            being freed while the output waits for its reader, so an engine whose checkpoints get past that LSN meanwhile \
            makes later rows newer: the trailer then has "fromLSN" too, a warning says so, and --consistent refuses \
            instead, with 1. A backup is always of one moment.
            """
    )

    @OptionGroup var store: StoreArguments

    @Option(help: "Only this table.")
    var table: TableID?

    @Option(parsing: .unconditional, help: "The content after this LSN; default: the end of the log.")
    var at: LSN?

    @Flag(help: "Refuse rows of more than one moment, beside a running engine.")
    var consistent = false

    @Option(help: ArgumentHelp("Write to this new file, which appears when it is complete.", valueName: "file"))
    var output: String?

    func run(on console: Console) throws -> ProcessStatus {
        // Before all reading: the name may be the store's own file.
        if let output { try NewPath.require(output) }
        let path = try store.open(console).path
        let (reader, condition) = try StoreContent.read(path, store.key, at: at, console)
        var trailer = ExportTrailer(through: reader.through, onlyTable: table)
        let target = try output.map { try ExportFile($0) }
        do {
            let cursor = reader.cursor(table)
            while let row = try cursor.next() {
                if consistent, !reader.isOneMoment { throw StoreContent.changed(reader) }
                let line = Bytes((RowLine.json(row).line + "\n").utf8)
                trailer.add(line, of: row.table)
                try write(line, target, console)
                console.showProgress("exporting", done: trailer.rows, of: reader.snapshotFacts.rows)
            }
            if !reader.isOneMoment { trailer.isMixed(from: reader.through, to: reader.readThrough) }
            try write(Bytes((trailer.json.line + "\n").utf8), target, console)
            try target?.finish()
        } catch {
            target?.discard()
            throw error
        }
        if !reader.isOneMoment { console.warn(StoreContent.changedPhrase(reader)) }
        // The content is certain; only history may be damaged.
        let status = condition.finish(path, console)
        return status == .damage ? .sound : status
    }

    private func write(_ line: Bytes, _ target: ExportFile?, _ console: Console) throws {
        try line.withUnsafeBytes { line in
            if let target { try target.write(line) } else { try console.write(line) }
        }
    }
}
