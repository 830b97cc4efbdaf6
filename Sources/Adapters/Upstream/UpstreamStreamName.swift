/// The index that holds a group of a stream: `stream:{stream}:{group}` (stream.md §7.1).
///
/// Nothing escapes a colon in either part, so a name with more than one has several readings. Group ids with colons
/// (`user:42`) are common and stream names with colons aren't, so the first colon is taken for the separator, and
/// whoever imports says that the name was ambiguous.
public struct UpstreamStreamName: Sendable, Hashable {
    public var stream: String
    public var group: String
    /// Whether another split would give the same index.
    public var isAmbiguous: Bool

    private static let prefix = "stream:"

    public static func index(stream: String, group: String) -> String { "\(prefix)\(stream):\(group)" }

    /// Nil for an index that isn't a stream's: a scope, locks, jobs.
    public init?(index: String) {
        guard index.utf8.starts(with: Self.prefix.utf8) else { return nil }
        let rest = index.utf8.dropFirst(Self.prefix.utf8.count)
        guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let group = rest[rest.index(after: colon)...]
        stream = String(decoding: rest[..<colon], as: UTF8.self)
        self.group = String(decoding: group, as: UTF8.self)
        isAmbiguous = group.contains(UInt8(ascii: ":"))
    }
}
