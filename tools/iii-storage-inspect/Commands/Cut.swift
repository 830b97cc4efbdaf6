import ArgumentParser
import Glibc
import Storage

struct Cut: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "cut",
        abstract: "End a damaged log before its damage: everything behind it is lost.",
        discussion: """
            The last resort, when neither the missing file nor a backup with the later log is to be had. SEGMENT:OFFSET \
            must be the place that the engine's refusal names (verify names it too); anywhere else is refused.

            What would be lost is shown first. Then the whole store is copied to DIR and the copy compared, and only then \
            the log is cut. A note in the log says what was cut, when and by whom. The store gets a new incarnation: \
            stream positions that clients kept are unknown to it. Without --yes, or the place typed on a terminal, nothing \
            is changed.

            With --json: one object for what would be lost, one for what was done.
            """
    )

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var path: String

    @Option(
        name: .customLong("accept-data-loss"),
        help: ArgumentHelp("Where the log ends.", valueName: "segment:offset")
    )
    var place: PlaceArgument

    @Option(name: .customLong("copy-to"), help: ArgumentHelp("Where the copy goes; must not exist.", valueName: "dir"))
    var copy: String

    @Flag(help: "Don't ask.")
    var yes = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var keys: KeyArguments

    func run(on console: Console) throws -> ProcessStatus {
        let options = try keys.options()
        let root = try LogInspector(path: path, keys: options.encryption).path
        guard let plan = try StoreCut.plan(root, keys: options.encryption) else {
            throw CommandFailure("the log is sound", path: root, remedy: "there is nothing to cut")
        }
        let naming = RowNaming(CutListing.rows(plan), of: root, keys, console)
        let report = CutListing(plan: plan, path: root, naming: naming)
        guard plan.isAt(segment: place.segment, offset: place.offset) else { throw report.elsewhere }
        try NewPath.require(copy)
        if json { try console.line(report.json) } else { try report.write(to: console) }
        try console.finish()
        guard try yes || Confirmation.ask("\(place.segment):\(place.offset)", console) else {
            throw CommandFailure("nothing was changed", path: root, remedy: "to cut the log there, add --yes")
        }
        let total = try LogInspector(path: root, keys: options.encryption).facts().logBytes
        let done = try StoreCut.run(
            root,
            segment: place.segment,
            offset: place.offset,
            copyTo: copy,
            note: report.note(by: Self.user),
            options: options
        ) { console.showProgress("copying", done: $0, of: total) }
        if json { try console.line(report.json(done)) } else { try report.write(done, to: console) }
        return .sound
    }

    /// The name of who runs this, or the number.
    private static var user: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return "user \(getuid())" }
        return String(cString: name)
    }
}
