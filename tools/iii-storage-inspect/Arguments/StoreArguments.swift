import ArgumentParser
import Storage

/// What every command takes.
struct StoreArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var key: KeyArguments

    /// Opens the store for reading; says on standard error if an engine has it open.
    func open(_ console: Console) throws -> LogInspector {
        let inspector = try LogInspector(path: path, keys: try key.keys())
        let lock = try inspector.facts().lock
        if lock.isHeld {
            let holder = lock.holder.map { " (\($0))" } ?? ""
            console.warn("an engine has the store open\(holder): what it writes meanwhile may not be shown")
        }
        return inspector
    }
}

/// Keys and values in JSON.
struct EncodingArguments: ParsableArguments {
    @Flag(help: "With --json: all keys and values in base64, not only those that are no UTF-8.")
    var raw = false
}
