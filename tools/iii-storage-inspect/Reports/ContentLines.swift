import Adapters
import Storage

/// Scopes, streams, groups and entries as rows and as JSON.
struct ContentLines {
    /// In JSON: the type of a line; and the member that names it.
    var type: String
    /// Members that name what is listed.
    var parents: [String]
    var member: String
    var columns: [Table.Column]

    static let scopes = groups("scope", [], [.left("SCOPE"), .right("KEYS"), .right("BYTES")])
    static let streams = groups("stream", [], [.left("STREAM"), .right("GROUPS"), .right("ITEMS"), .right("BYTES")])
    static let groups = groups("group", ["stream"], [.left("GROUP"), .right("ITEMS"), .right("BYTES")])
    static let keys = entries("entry", ["scope"], "key", "KEY")
    static let items = entries("item", ["stream", "group"], "item", "ITEM")

    private static func groups(_ type: String, _ parents: [String], _ columns: [Table.Column]) -> ContentLines {
        ContentLines(type: type, parents: parents, member: type, columns: columns)
    }

    private static func entries(_ type: String, _ parents: [String], _ member: String, _ title: String) -> ContentLines
    {
        ContentLines(
            type: type,
            parents: parents,
            member: member,
            columns: [.left(title), .right("BYTES"), .right("LSN"), .left("COMMITTED")]
        )
    }

    private var hasGroups: Bool { type == "stream" }

    static func name(_ text: String) -> String {
        text.isEmpty ? "\"\"" : ByteText.key(Bytes(text.utf8), isFull: true)
    }

    func row(_ group: ContentListing.Group) -> [String] {
        [Self.name(group.name)] + (hasGroups ? [String(group.groups)] : [])
            + [String(group.entries), Amounts.bytes(group.bytes)]
    }

    func json(_ group: ContentListing.Group, in path: [String]) -> JSON {
        JSON.object([("type", .string(type))])
            .adding(zip(parents, path).map { ($0, .string($1)) })
            .adding([(member, .string(group.name))])
            .adding(hasGroups ? [("groups", .number(UInt64(group.groups)))] : [])
            .adding([("entries", .number(group.entries)), ("bytes", .number(group.bytes))])
    }

    func row(_ entry: ContentListing.Entry, _ committedAt: UInt64?) -> [String] {
        [
            Self.name(entry.key), String(entry.bytes), entry.lsn.description,
            committedAt.map { Timestamp(nanoseconds: $0).short } ?? "-",
        ]
    }

    func json(_ entry: ContentListing.Entry, _ committedAt: UInt64?, in path: [String]) -> JSON {
        JSON.object([("type", .string(type))])
            .adding(zip(parents, path).map { ($0, .string($1)) })
            .adding([
                (member, .string(entry.key)), ("valueBytes", .number(UInt64(entry.bytes))),
                ("lsn", .number(entry.lsn.rawValue)),
                ("committedAt", JSON(committedAt.map { Timestamp(nanoseconds: $0).precise })),
            ])
    }
}

/// The times of LSNs, as far as the log holds their batches.
struct CommitTimes {
    private var known: [LSN: UInt64] = [:]

    /// One pass over the log.
    init(_ wanted: [LSN], _ inspector: LogInspector) throws {
        let sorted = Set(wanted).sorted()
        var next = 0
        try inspector.walk { event in
            guard case .batch(let batch) = event, batch.verdict == .sound, let last = batch.lastLSN else { return }
            while next < sorted.count, sorted[next] <= last {
                if sorted[next] >= batch.firstLSN { known[sorted[next]] = batch.committedAt }
                next += 1
            }
        }
    }

    subscript(_ lsn: LSN) -> UInt64? { known[lsn] }
}
