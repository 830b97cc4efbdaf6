import ArgumentParser

/// Which part of a long list.
struct PageArguments: ParsableArguments {
    static let maximumLimit = 1_000_000

    @Option(help: "At most so many lines. Default: 1000.")
    var limit = 1000

    @Option(help: ArgumentHelp("Begin behind this name: the last one of the page before.", valueName: "name"))
    var after: String?

    func validate() throws {
        guard (1...Self.maximumLimit).contains(limit) else {
            throw ValidationError("--limit must be from 1 to \(Self.maximumLimit)")
        }
    }
}
