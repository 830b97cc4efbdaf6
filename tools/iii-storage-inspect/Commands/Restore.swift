import ArgumentParser
import Storage

struct Restore: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a store from a backup, whole or up to a moment.",
        discussion: """
            Every file is verified, the log is recovered and every row is read before DIR gets its name. After an error \
            nothing is left behind; a killed restore leaves DIR.partial, which the next one removes.

            --through LSN gives the content after that record's transaction; if the LSN is inside a transaction, the \
            content before it. The LSN reached is printed. --until TIME gives everything that was committed then or \
            before. A position before the backup's checkpoint is replayed from the log, if that reaches back to LSN 1. If \
            the backup can't give the position, the command says which ones it can give, and ends with 1.

            With --log, the log of another store's directory goes on where the backup ends, or supplies what came before \
            its checkpoint. It must be the store that the backup was made of; it may be damaged behind the position.

            The new store keeps its id and gets a new incarnation: stream positions that clients kept are unknown to it.

            With --json: one object.
            """
    )

    @Argument(help: "A directory that backup has written.")
    var backup: String

    @Option(help: ArgumentHelp("Where the store goes; must not exist.", valueName: "dir"))
    var to: String

    @Option(parsing: .unconditional, help: ArgumentHelp("Up to this record.", valueName: "lsn"))
    var through: LSN?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Up to what was committed at this time, as 2026-01-02T03:04:05Z.", valueName: "time")
    )
    var until: TimeArgument?

    @Option(help: ArgumentHelp("The directory of a store whose log goes on behind the backup.", valueName: "store"))
    var log: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var keys: KeyArguments

    func validate() throws {
        guard through == nil || until == nil else { throw ValidationError("--through and --until exclude each other") }
    }

    private var position: RestorePosition {
        if let through { return .through(through) }
        return until.map { .until($0.nanoseconds) } ?? .everything
    }

    func run(on console: Console) throws -> ProcessStatus {
        try NewPath.requireBackup(backup)
        try NewPath.require(to)
        let start = console.nanoseconds()
        let options = try keys.options()
        let report = try StoreRestore.run(backup: backup, target: to, position: position, log: log, options: options)
        let snapshot = try SnapshotInspector(path: report.path, keys: options.encryption)
        let listing = RestoreListing(
            report: report,
            backup: backup,
            rows: snapshot.facts.checkpoint?.tables.values.reduce(0, +) ?? 0,
            nanoseconds: console.nanoseconds() - start
        )
        if json { try console.line(listing.json) } else { try listing.listing.write(to: console) }
        return .sound
    }
}
