import Adapters
import Storage

/// What `state` and `streams` have in common.
struct ContentCommand {
    private let store: StoreArguments
    private let page: PageArguments
    private let kind: ContentKind
    private let console: Console
    private let inspector: LogInspector
    private let reader: StoreReader
    private let listing: ContentListing
    private let condition: StoreCondition

    init(_ store: StoreArguments, _ page: PageArguments, _ kind: ContentKind, _ console: Console) throws {
        self.store = store
        self.page = page
        self.kind = kind
        self.console = console
        inspector = try store.open(console).passingOverCovered(store.key, console)
        reader = try StoreReader(path: inspector.path, keys: try store.key.keys())
        condition = try StoreCondition.look(inspector.path, store.key, reader.log, console)
        try condition.requireShowable(store.key, inspector.path)
        listing = ContentListing(reader, kind)
    }

    func listGroups(below path: [String], _ report: ContentLines) throws -> ProcessStatus {
        guard let found = try listing.groups(below: path, after: page.after, limit: page.limit) else {
            return try refuse(path)
        }
        return try print(found, report, last: found.elements.last?.name) { group in
            store.json ? (report.json(group, in: path), []) : (.null, report.row(group))
        }
    }

    func listEntries(of path: [String], _ report: ContentLines) throws -> ProcessStatus {
        guard let found = try listing.entries(of: path, after: page.after, limit: page.limit) else {
            return try refuse(path)
        }
        let times = try CommitTimes(found.elements.map(\.lsn), inspector)
        return try print(found, report, last: found.elements.last?.key) { entry in
            store.json
                ? (report.json(entry, times[entry.lsn], in: path), []) : (.null, report.row(entry, times[entry.lsn]))
        }
    }

    private func print<Element>(
        _ found: ContentListing.Page<Element>,
        _ report: ContentLines,
        last: String?,
        _ line: (Element) -> (json: JSON, row: [String])
    ) throws -> ProcessStatus {
        var table = Table(report.columns, on: console)
        for element in found.elements {
            let line = line(element)
            if store.json { try console.line(line.json) } else { try table.row(line.row) }
        }
        let next = found.hasMore ? last : nil
        if store.json {
            try console.line([
                "type": "page", "lines": .number(UInt64(found.elements.count)),
                "throughLSN": .number(reader.through.rawValue),
                "next": JSON(next),
            ])
        } else {
            try table.finish()
            if let next { try console.write("-- more: \(Self.after(next))\n") }
        }
        if !reader.isOneMoment { console.warn(StoreContent.changedPhrase(reader)) }
        return condition.finish(inspector.path, console)
    }

    /// As a shell takes it: a name that begins with a dash is no option only behind a `=`.
    static func after(_ name: String) -> String {
        let text = quoted(name)
        return text == name && !name.hasPrefix("-") ? "--after \(text)" : "--after=\(text)"
    }

    /// For a shell.
    private static func quoted(_ name: String) -> String {
        let isPlain =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_.:/".utf8.contains(byte)
            }
        return isPlain
            ? name : "'" + name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// The answer is no; damage that may be the reason comes first.
    private func refuse(_ path: [String]) throws -> ProcessStatus {
        let status = condition.finish(inspector.path, console)
        let nouns = kind == .state ? ["scope"] : ["stream", "group"]
        let names = zip(nouns, path).map { "\($0) \(ContentLines.name($1))" }.joined(separator: ", ")
        throw CommandFailure(
            "there is no \(names)",
            path: inspector.path,
            remedy: "list what there is with iii-storage-inspect \(kind == .state ? "state" : "streams") STORE",
            status: status == .sound ? .no : status
        )
    }
}
