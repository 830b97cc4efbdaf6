import ArgumentParser
import Storage

struct Backup: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a store, running or stopped, and prove the copy by restoring it.",
        discussion: """
            A stopped store is opened and closed. Of one that an engine has open, the snapshot is copied first, then the \
            log behind it; if the engine retires a part of the log meanwhile, the copy starts over, at most 5 times. \
            Everything that was acknowledged before the copy began is in it.

            The copy is then restored into DIR.verify, read whole, and that is removed: room for it is needed. DIR gets \
            its name when it is complete and durable. After an error nothing is left behind; a killed backup leaves \
            DIR.partial, which the next one removes. Two backups to one DIR at a time are refused.

            With --verify DIR, an existing backup is checked, file by file, against its checksums.

            With --json: one object.
            """
    )

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var path: String?

    @Option(help: ArgumentHelp("Where the backup goes; must not exist.", valueName: "dir"))
    var to: String?

    @Option(help: ArgumentHelp("Check the backup in this directory instead.", valueName: "dir"))
    var verify: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var keys: KeyArguments

    func validate() throws {
        guard verify == nil else {
            guard path == nil, to == nil else { throw ValidationError("--verify takes no store and no --to") }
            return
        }
        guard path != nil, to != nil else { throw ValidationError("a store and --to are needed, or --verify") }
    }

    func run(on console: Console) throws -> ProcessStatus {
        if let verify { return try check(verify, console) }
        guard let path, let to else { return .usage }
        let start = console.nanoseconds()
        let options = try keys.options()
        let inspector = try LogInspector(path: path, keys: options.encryption)
        try NewPath.require(to)
        try StoreRestore.requireNames(forBackup: to)
        let facts = try inspector.facts()
        let total = facts.logBytes
        let isRunning = facts.lock.isHeld
        let show = { (done: UInt64) in console.showProgress("copying", done: done, of: total) }
        let report =
            try isRunning
            ? StoreCopy.run(store: inspector.path, to: to, options: options, progress: show)
            : Self.copyStopped(inspector.path, to, options, console, show)
        do {
            _ = try StoreRestore.prove(report.path, options: options)
        } catch {
            StoreRestore.discard(report.path)
            throw error
        }
        let text = BackupListing(report: report, nanoseconds: console.nanoseconds() - start)
        try text.print(
            isRunning ? "copied beside a running engine, and restored" : "copied and restored",
            json,
            console
        )
        return .sound
    }

    private static func copyStopped(
        _ path: String,
        _ target: String,
        _ options: StorageOptions,
        _ console: Console,
        _ show: (UInt64) -> Void
    ) throws -> BackupReport {
        let store = try Store.open(path: path, options: options)
        for warning in store.recovery.warnings { console.warn(warning) }
        let report = try store.backup(to: target, progress: show)
        try store.close()
        return report
    }

    private func check(_ backup: String, _ console: Console) throws -> ProcessStatus {
        try NewPath.requireBackup(backup)
        let start = console.nanoseconds()
        let report = try StoreRestore.verify(backup)
        try BackupListing(report: report, nanoseconds: console.nanoseconds() - start)
            .print("every file is as it was written", json, console)
        return .sound
    }
}
