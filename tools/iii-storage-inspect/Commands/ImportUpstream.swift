import Adapters
import ArgumentParser
import Storage

struct ImportUpstream: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-upstream",
        abstract: "Make a new store from an upstream engine's volume.",
        discussion: """
            VOLUME is the file_path of the upstream engine's state or streams, with one .bin file per scope or group; stop \
            that engine first. It is only read. Scopes, streams, groups, keys, values and their order are taken as they \
            are; afterwards all files are read again and compared with the store, entry by entry, before DIR gets its name.

            --for says which workers had VOLUME as their file_path, which decides what a file is. state: every file is a \
            scope, whatever its name. stream: every file must be a group. both, for a directory that upstream's workers \
            shared: a file stream:NAME:GROUP becomes a group of that stream (the first colon separates, names with more \
            are listed), files of queues and cron are counted and not taken, all others are scopes. A file that is none of \
            these stops the import.

            Damaged files are named and skipped; with \
            --salvage, what can be read of them is taken. If any file is damaged, the command ends with 3.

            With --json: one object.

            Example: iii-storage-inspect import-upstream ./data/state_store.db --for state --to ./data/state
            """
    )

    @Argument(help: "The directory with the .bin files.")
    var volume: String

    @Option(help: ArgumentHelp("Where the store goes; must not exist.", valueName: "dir"))
    var to: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Who had VOLUME: state, stream or both. Default: both.", valueName: "worker")
    )
    var owner = Owner.both

    enum Owner: String, ExpressibleByArgument, CaseIterable {
        case state, stream, both

        var owners: UpstreamOwners {
            switch self {
            case .state: UpstreamOwners([.state])
            case .stream: UpstreamOwners([.stream])
            case .both: .all
            }
        }
    }

    @Flag(help: "Take what can be read of damaged files.")
    var salvage = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var keys: KeyArguments

    func run(on console: Console) throws -> ProcessStatus {
        let start = console.nanoseconds()
        let options = try keys.options()
        let source = UpstreamImport(volume: try openVolume(), owners: owner.owners, takesSalvage: salvage)
        try UpstreamFailure.translating { try source.requireOwners() }
        let (result, path) = try StoreInTheMaking.make(.store, to) { partial in
            let result = try withStore(partial, options) { store in
                try source.run(into: store) {
                    console.showProgress("importing", done: UInt64($0), of: UInt64(source.bytes))
                }
            }
            // As whoever opens it next finds it.
            try withStore(partial, options) { store in
                try source.verify(store) {
                    console.showProgress("comparing", done: UInt64($0), of: UInt64(source.bytes))
                }
            }
            return result
        }
        let listing = ImportListing(
            result: result,
            volume: source.volume,
            store: path,
            takesSalvage: salvage,
            nanoseconds: console.nanoseconds() - start
        )
        if json { try console.line(listing.json) } else { try listing.listing.write(to: console) }
        return result.damaged.isEmpty ? .sound : .damage
    }

    @discardableResult
    private func withStore<R>(_ path: String, _ options: StorageOptions, _ body: (Store) throws -> R) throws -> R {
        let store = try Store.open(path: path, options: options)
        let result: R
        do {
            result = try UpstreamFailure.translating { try body(store) }
        } catch {
            try? store.close()
            throw error
        }
        try store.close()
        return result
    }

    private func openVolume() throws -> UpstreamVolume {
        try UpstreamFailure.translating { try UpstreamVolume(path: volume) }
    }
}
