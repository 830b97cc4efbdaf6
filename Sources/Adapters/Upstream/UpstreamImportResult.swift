/// What one pass over the files of a volume came to.
public struct UpstreamImportResult: Sendable {
    public struct Counts: Sendable, Hashable {
        /// Scopes, or groups of streams; those without entries leave nothing in a store and don't count.
        public var groups = 0
        public var entries = 0
        /// Of the values.
        public var bytes = 0

        public init(groups: Int = 0, entries: Int = 0, bytes: Int = 0) {
            self.groups = groups
            self.entries = entries
            self.bytes = bytes
        }
    }

    /// Names of a kind that are listed; the count goes on.
    public static let maximumNamed = 64

    public var counts: [ContentKind: Counts] = [:]
    /// Of queues and cron: not taken.
    public var others: [(index: String, owner: UpstreamOwner, entries: Int)] = []
    public var otherCount = 0
    public var damaged: [UpstreamDamage] = []
    /// Entries that were salvaged from damaged files; part of `counts`.
    public var salvagedEntries = 0
    /// Names of indexes with equal keys, and how many.
    public var duplicates: [(index: String, count: Int)] = []
    public var duplicateKeys = 0
    /// Indexes of streams whose names can be read in several ways.
    public var ambiguous: [String] = []
    public var ambiguousCount = 0
    /// Of all files read.
    public var fileBytes = 0
    /// Key and value of the largest entry that is taken, as they stand in its file, and the index that has it.
    public var largestEntryBytes = 0
    public var largestEntry = ""

    public var entries: Int { counts.values.reduce(0) { $0 + $1.entries } }

    mutating func note(_ reading: UpstreamReading) {
        switch reading {
        case .sound(let index): fileBytes += index.fileBytes
        case .damaged(let damage):
            fileBytes += damage.file.bytes
            damaged.append(damage)
        }
    }

    mutating func note(_ index: UpstreamIndex, of owner: UpstreamOwner, isSalvage: Bool) {
        if isSalvage { salvagedEntries += index.count }
        if index.duplicates.count > 0 {
            duplicateKeys += index.duplicates.count
            duplicates.appendIfNamed((index.name, index.duplicates.count))
        }
        guard let kind = owner.kind else {
            otherCount += 1
            return others.appendIfNamed((index.name, owner, index.count))
        }
        if kind == .stream, UpstreamStreamName(index: index.name)?.isAmbiguous == true {
            ambiguousCount += 1
            ambiguous.appendIfNamed(index.name)
        }
        noteEntries(of: index, kind)
    }

    private mutating func noteEntries(of index: UpstreamIndex, _ kind: ContentKind) {
        counts[kind, default: Counts()].groups += index.isEmpty ? 0 : 1
        counts[kind, default: Counts()].entries += index.count
        counts[kind, default: Counts()].bytes += index.valueBytes
        guard let largest = index.largestEntryBytes, largest > largestEntryBytes else { return }
        largestEntryBytes = largest
        largestEntry = index.name
    }
}

extension Array {
    fileprivate mutating func appendIfNamed(_ element: Element) {
        if count < UpstreamImportResult.maximumNamed { append(element) }
    }
}
