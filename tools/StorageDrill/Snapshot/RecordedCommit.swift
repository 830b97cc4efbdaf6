/// One LMDB commit of a recording: the pages that it wrote, then the meta page that names them.
struct RecordedCommit {
    static let pageBytes = 4096
    static let metaPages = 2

    struct Page {
        var number: Int
        /// Where its bytes stand in the journal; nil: zeros.
        var source: Int?
        /// A sync that began after the write had returned before the meta page was written.
        var isSynced: Bool
    }

    /// The checkpoint that it belongs to; a key rotation has several commits.
    var generation: UInt64
    var isLastOfGeneration: Bool
    /// The file before.
    var base: [UInt8]
    var pages: [Page]
    /// Bytes of the meta page.
    var metaOffset: Int
    var meta: [UInt8]
    /// The meta page was durable before the commit returned.
    var isMetaDurable = false

    /// Every page durable before the meta page: what a power cut may leave is the old content or the new.
    var isOrdered: Bool { pages.allSatisfy(\.isSynced) }

    /// Levels of the tree that the commit made.
    var depth: Int {
        // The main tree's depth, in a meta page's own bytes (SnapshotProbe).
        let place = 16 + 24 + 48 + 6
        let page = metaOffset / Self.pageBytes * Self.pageBytes
        return [place, place + 1].reversed().reduce(0) { total, offset in
            let written = page + offset - metaOffset
            let byte = meta.indices.contains(written) ? meta[written] : base[page + offset]
            return total << 8 | Int(byte)
        }
    }
}

/// Finds the commits of `snapshot/data.mdb` in a journal, in which mark g stands where checkpoint g had returned.
struct CommitFinder {
    private let journal: Journal
    private var nodes: Set<UInt64> = []
    private var content: [UInt8] = []
    private var generation: UInt64 = 0
    /// Pages since the last meta page, by number; with the entry that wrote them.
    private var pages: [Int: (page: RecordedCommit.Page, entry: Int)] = [:]
    private var base: [UInt8] = []
    private var open: (commit: RecordedCommit, entry: Int)?
    private var found: [RecordedCommit] = []

    init(_ journal: Journal) {
        self.journal = journal
    }

    /// Commits of the generations in a range.
    static func commits(in journal: Journal, _ generations: ClosedRange<UInt64>) -> [RecordedCommit] {
        var finder = CommitFinder(journal)
        for index in journal.entries.indices { finder.take(index, generations) }
        return finder.found
    }

    private mutating func take(_ index: Int, _ generations: ClosedRange<UInt64>) {
        let entry = journal.entries[index]
        switch entry.kind {
        case .open where entry.path.hasSuffix("snapshot/data.mdb"): nodes.insert(entry.node)
        case .write where nodes.contains(entry.node): write(entry, index, generations)
        case .truncate where nodes.contains(entry.node): resize(Int(entry.value))
        case .writeEnd where journal.counterparts[index] == open?.entry && open != nil:
            open?.commit.isMetaDurable = true
        case .syncEnd:
            guard entry.result == 0, let begin = journal.counterparts[index],
                nodes.contains(journal.entries[begin].node)
            else { return }
            for number in pages.keys where pages[number]?.entry ?? 0 < begin { pages[number]?.page.isSynced = true }
            if let meta = open?.entry, meta < begin { open?.commit.isMetaDurable = true }
        case .mark:
            settle(isLast: true)
            generation = entry.value
        default: break
        }
    }

    private mutating func settle(isLast: Bool) {
        guard var commit = open?.commit else { return }
        open = nil
        commit.isLastOfGeneration = isLast
        found.append(commit)
    }

    private mutating func write(_ entry: JournalEntry, _ index: Int, _ generations: ClosedRange<UInt64>) {
        let page = Int(entry.value) / RecordedCommit.pageBytes
        if pages.isEmpty { settle(isLast: false) }
        if page < RecordedCommit.metaPages {
            if generations.contains(generation + 1) {
                let commit = RecordedCommit(
                    generation: generation + 1,
                    isLastOfGeneration: false,
                    base: pages.isEmpty ? content : base,
                    pages: pages.values.map(\.page).sorted { $0.number < $1.number },
                    metaOffset: Int(entry.value),
                    meta: bytes(entry)
                )
                open = (commit, index)
            }
            pages = [:]
        } else {
            if pages.isEmpty { base = content }
            for number in page..<page + Int(entry.length) / RecordedCommit.pageBytes {
                let source =
                    entry.flags.contains(.zeros)
                    ? nil : entry.data.lowerBound + (number - page) * RecordedCommit.pageBytes
                pages[number] = (RecordedCommit.Page(number: number, source: source, isSynced: false), index)
            }
        }
        let end = Int(entry.value) + Int(entry.length)
        if end > content.count { resize(end) }
        content.replaceSubrange(Int(entry.value)..<end, with: bytes(entry))
    }

    private mutating func resize(_ bytes: Int) {
        if bytes < content.count {
            content.removeLast(content.count - bytes)
        } else {
            content += [UInt8](repeating: 0, count: bytes - content.count)
        }
    }

    private func bytes(_ entry: JournalEntry) -> [UInt8] {
        entry.flags.contains(.zeros)
            ? [UInt8](repeating: 0, count: Int(entry.length)) : Array(journal.bytes(entry.data))
    }
}
