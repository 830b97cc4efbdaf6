import Engine

/// The entries of one index, in the order in which upstream inserted them. Keys are unique by their bytes.
///
/// Holds the file's bytes and 16 bytes per entry: no tree. Keys are decoded when an entry is asked for; values are the
/// file's own bytes, valid JSON each.
public struct UpstreamIndex: Sendable {
    /// The scope of a state volume, `stream:{stream}:{group}` of a stream volume.
    public let name: String
    /// Keys that stood in the file more than once: the last value counts, at the first one's place.
    public let duplicates: UpstreamDuplicates
    private let bytes: [UInt8]
    private let members: [UpstreamMember]

    init(name: String, bytes: [UInt8], scan: UpstreamScan) {
        self.name = name
        self.bytes = bytes
        members = scan.members
        duplicates = scan.duplicates
    }

    /// Size of the file.
    public var fileBytes: Int { bytes.count }
    /// Of all values together.
    public var valueBytes: Int { members.reduce(0) { $0 + $1.value.count } }
    /// Key and value as they stand in the file; nil: there are no entries.
    public var largestEntryBytes: Int? { members.lazy.map(\.textBytes).max() }
}

public struct UpstreamEntry: Sendable {
    public let key: String
    /// JSON text without white space around it. Shares the file's memory: copy it to keep it longer than the index.
    public let value: ArraySlice<UInt8>
}

extension UpstreamIndex: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }

    public subscript(position: Int) -> UpstreamEntry {
        let member = members[position]
        return UpstreamEntry(key: member.key(in: bytes), value: bytes[member.value])
    }
}

/// Keys that a file holds more than once.
public struct UpstreamDuplicates: Sendable, Hashable {
    static let maximumNamed = 16

    /// How many members were replaced by a later one.
    public internal(set) var count = 0
    /// The first of the keys.
    public internal(set) var keys: [String] = []

    mutating func add(_ key: @autoclosure () -> String) {
        count += 1
        if keys.count < Self.maximumNamed { keys.append(key()) }
    }
}
