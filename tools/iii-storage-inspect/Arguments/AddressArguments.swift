import Adapters
import ArgumentParser
import Storage

/// Names one value: of state by scope and key, of a stream by stream, group and item, or, for experts, any row by table.
struct AddressArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("With --table: the row's key, text or 0x and hexadecimal digits.", valueName: "row-key")
    )
    var rowKey: KeyArgument?

    @Option(help: "A scope of state.")
    var scope: String?

    @Option(help: "The key in that scope.")
    var key: String?

    @Option(help: ArgumentHelp("A stream.", valueName: "name"))
    var stream: String?

    @Option(help: "A group of that stream.")
    var group: String?

    @Option(help: "An item of that group.")
    var item: String?

    @Option(help: "For experts: a table's number (docs/inspection.md).")
    var table: TableID?

    /// What is asked for.
    enum Target {
        case entry(EntryAddress)
        case row(RowID)
    }

    func validate() throws {
        let isGiven = [
            scope != nil || key != nil, stream != nil || group != nil || item != nil, table != nil || rowKey != nil,
        ]
        guard isGiven.filter({ $0 }).count == 1, parsed != nil else {
            throw ValidationError(
                "name one value: --scope and --key, or --stream, --group and --item, or a row's key and --table"
            )
        }
    }

    private var parsed: Target? {
        if let scope, let key { return .entry(EntryAddress(scope: scope, key: key)) }
        if let stream, let group, let item { return .entry(EntryAddress(stream: stream, group: group, item: item)) }
        guard let table, let rowKey else { return nil }
        return .row(RowID(table: table, key: rowKey.bytes))
    }

    func target() throws -> Target {
        guard let parsed else { throw ValidationError("name one value") }
        return parsed
    }
}

extension EntryAddress {
    var names: [String] { [kind.rawValue] + path + [key] }

    /// `state notes/first`.
    func text(isFull: Bool = false) -> String {
        RowText.name(EngineRow.entry(kind), (path + [key]).map { .text($0) }, isFull: isFull)
    }

    /// `"scope":…,"key":…`, or `"stream":…,"group":…,"item":…`.
    var members: [(String, JSON)] {
        let titles = kind == .state ? ["scope", "key"] : ["stream", "group", "item"]
        return zip(titles, path + [key]).map { ($0, .string($1)) }
    }
}
