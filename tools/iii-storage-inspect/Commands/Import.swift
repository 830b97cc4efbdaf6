import ArgumentParser
import Storage

struct Import: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a new store from an export.",
        discussion: """
            The rows keep their LSNs. The trailer must be there and must match; every row is read back and compared \
            before the store appears at DIR. On any error there is no store. An export of one table is refused without \
            --incomplete. With --json: one object.
            """
    )

    @Argument(help: ArgumentHelp("A file that export wrote.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The new store's directory; must not exist.", valueName: "dir"))
    var to: String

    @Flag(help: "Take an export of one table (export --table), though a store of it is not what any worker expects.")
    var incomplete = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var key: KeyArguments

    func run(on console: Console) throws -> ProcessStatus {
        let lines = try LineReader(file)
        try NewPath.require(to)
        let builder = try StoreBuilder(target: to, keys: try key.keys())
        do {
            let (written, through) = try read(lines, into: builder, console)
            var readBack = ExportTrailer(through: through)
            _ = try builder.finish(.init(lsn: through)) { readBack.add($0) }
            guard readBack.checksum == written.checksum, readBack.rows == written.rows else {
                throw StorageError(.damaged, "what was written does not read back as it was. Check the disk", path: to)
            }
            return try say(written, through, console)
        } catch {
            builder.discard()
            throw error
        }
    }

    /// Returns what was put, as a trailer over lines of our own form, and the last LSN.
    private func read(_ lines: LineReader, into builder: StoreBuilder, _ console: Console) throws -> (
        ExportTrailer, LSN
    ) {
        var asRead = ExportTrailer(through: .zero)
        var asPut = ExportTrailer(through: .zero)
        var last: SnapshotRow?
        while let line = try lines.next() {
            guard let json = JSON(parsing: line) else { throw failure(lines, "this is not a JSON object of an export") }
            if json["type"]?.text == "trailer" {
                let through = try checkTrailer(json, asRead, asPut, lines)
                if let from = json["fromLSN"]?.integer {
                    console.warn("the rows of this export are from LSN \(from) to \(through), not of one moment")
                }
                return (asPut, through)
            }
            let row = try parse(json, behind: last, lines)
            asRead.add(line, of: row.table)
            asPut.add(row)
            asPut.through = max(asPut.through, row.lsn)
            try builder.put(row)
            last = row
            console.showProgress("importing", done: asRead.rows, of: .max)
        }
        throw failure(lines, "the file ends without a trailer: it is truncated")
    }

    private func parse(_ json: JSON, behind last: SnapshotRow?, _ lines: LineReader) throws -> SnapshotRow {
        let row: SnapshotRow
        do throws(RowLine.Flaw) {
            row = try RowLine.row(json)
        } catch {
            throw failure(lines, error.what)
        }
        guard last.map({ $0.order(to: row) < 0 }) ?? true else {
            throw failure(lines, "the row does not follow the one before it in order of table and key")
        }
        return row
    }

    private func checkTrailer(_ json: JSON, _ asRead: ExportTrailer, _ asPut: ExportTrailer, _ lines: LineReader) throws
        -> LSN
    {
        if let mismatch = asRead.mismatch(json) { throw failure(lines, mismatch) }
        if let table = json["onlyTable"]?.integer, !incomplete {
            throw CommandFailure(
                "this export has only table \(table) (export --table): no worker finds its way in a store of it",
                path: lines.path,
                remedy: "export everything, or say --incomplete; no store was made"
            )
        }
        let through = LSN(rawValue: json["throughLSN"]?.integer ?? 0)
        guard through >= asPut.through else { throw failure(lines, "a row has an LSN behind \"throughLSN\"") }
        guard try lines.next() == nil else { throw failure(lines, "something follows the trailer") }
        return through
    }

    private func failure(_ lines: LineReader, _ what: String) -> CommandFailure {
        CommandFailure(
            "line \(lines.number): \(what)",
            path: lines.path,
            remedy: "export again; no store was made",
            status: .damage
        )
    }

    private func say(_ written: ExportTrailer, _ through: LSN, _ console: Console) throws -> ProcessStatus {
        if json {
            try console.line([
                "target": .string(to), "rows": .number(written.rows), "throughLSN": .number(through.rawValue),
            ])
        } else {
            let rows = Amounts.count(written.rows, "row", "rows")
            try console.write("imported: \(rows), up to LSN \(through), read back and compared [path \(to)]\n")
        }
        return .sound
    }
}

extension ExportTrailer {
    mutating func add(_ row: SnapshotRow) {
        add(Bytes(RowLine.json(row).line.utf8), of: row.table)
    }
}
