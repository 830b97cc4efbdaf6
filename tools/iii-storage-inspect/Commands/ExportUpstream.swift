import Adapters
import ArgumentParser
import Glibc
import Storage

struct ExportUpstream: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "export-upstream",
        abstract: "Write state and streams as an upstream volume.",
        discussion: """
            One .bin file per scope and per group of a stream, entries in their order, each file read back and compared. \
            The store is only read; an engine may have it open, then what it writes meanwhile may be missing. What upstream \
            can't hold, or could not load again, is named and left out; the command then ends with 1.

            With --json: one object.
            """
    )

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var path: String

    @Option(help: ArgumentHelp("Where the volume goes; must not exist.", valueName: "dir"))
    var to: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var keys: KeyArguments

    func run(on console: Console) throws -> ProcessStatus {
        let start = console.nanoseconds()
        let keys = try keys.keys()
        let inspector = try LogInspector(path: path, keys: keys)
        try NewPath.require(to)
        let (reader, condition) = try StoreContent.read(inspector.path, self.keys, console)
        let (result, volume) = try StoreInTheMaking.make(.volume, to) { partial in
            try translating(reader) {
                let contents = try ContentKind.allCases.map { try StoredContent(reader, $0) }
                let total = UInt64(contents.reduce(0) { $0 + $1.groupCount })
                return try UpstreamExport(directory: partial).run(contents) {
                    console.showProgress("exporting", done: UInt64($0), of: total)
                }
            }
        }
        let listing = ExportListing(
            result: result,
            store: inspector.path,
            volume: volume,
            through: reader.through,
            nanoseconds: console.nanoseconds() - start
        )
        if json { try console.line(listing.json) } else { try listing.listing.write(to: console) }
        if !reader.isOneMoment { console.warn(StoreContent.changedPhrase(reader)) }
        let status = condition.finish(inspector.path, console)
        return result.refused.isEmpty || status != .sound ? status : .no
    }

    /// A row whose names came or went meanwhile is no damage.
    private func translating<R>(_ reader: StoreReader, _ body: () throws -> R) throws -> R {
        do {
            return try UpstreamFailure.translating(body)
        } catch let error as StorageError where error.code == .writerBug && !reader.isOneMoment {
            throw StoreContent.changed(reader)
        }
    }
}
