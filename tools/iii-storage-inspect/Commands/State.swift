import Adapters
import ArgumentParser
import Storage

struct State: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "List the scopes of state, or a scope's keys.",
        discussion: """
            Without SCOPE: each scope with the number of its keys and the bytes of their values. With SCOPE: each key with \
            the bytes of its value, the LSN that set it, and when, if the log still holds that. In order of the names.

            Print a value with get STORE --scope SCOPE --key KEY. Ends with 1 if there is no such scope.

            With --json: one object per line, "type" being scope or entry, at the end page.

            Example: iii-storage-inspect state /data/state notes --limit 20
            """
    )

    @OptionGroup var store: StoreArguments

    @Argument(help: "A scope; default: list the scopes.")
    var scope: String?

    @OptionGroup var page: PageArguments

    func run(on console: Console) throws -> ProcessStatus {
        let content = try ContentCommand(store, page, .state, console)
        guard let scope else { return try content.listGroups(below: [], ContentLines.scopes) }
        return try content.listEntries(of: [scope], ContentLines.keys)
    }
}

struct Streams: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams",
        abstract: "List the streams, a stream's groups or a group's items.",
        discussion: """
            Without STREAM: each stream with the number of its groups and items and the bytes of the items. With STREAM: its \
            groups. With GROUP: each item with its bytes, the LSN that set it, and when, if the log still holds that. In \
            order of the names.

            Print an item with get STORE --stream STREAM --group GROUP --item ITEM. Ends with 1 if there is no such stream \
            or group.

            With --json: one object per line, "type" being stream, group or item, at the end page.

            Example: iii-storage-inspect streams /data/state chat room-1
            """
    )

    @OptionGroup var store: StoreArguments

    @Argument(help: "A stream; default: list the streams.")
    var stream: String?

    @Argument(help: "A group; default: list the stream's groups.")
    var group: String?

    @OptionGroup var page: PageArguments

    func run(on console: Console) throws -> ProcessStatus {
        let content = try ContentCommand(store, page, .stream, console)
        guard let stream else { return try content.listGroups(below: [], ContentLines.streams) }
        guard let group else { return try content.listGroups(below: [stream], ContentLines.groups) }
        return try content.listEntries(of: [stream, group], ContentLines.items)
    }
}
