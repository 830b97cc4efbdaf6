/// The pages that LMDB takes as free, from its own tree: from the commit that freed them to their count and numbers,
/// descending.
///
/// A page in this list that is in use would be written over by the next commits, without any error.
struct LMDBFreeList {
    /// Beyond this many free pages (4 GiB) only the list's structure is looked at: an opening must not take long.
    static let maximumListed: UInt64 = 1 << 20
    /// Beyond this many pages (256 GiB) too: a set of them would take memory.
    static let maximumPages: UInt64 = 1 << 26

    private(set) var count: UInt64 = 0
    /// nil: too many to look at each.
    private(set) var pages: PageSet?
    private let file: LMDBFile
    private let meta: LMDBMeta

    /// Reads and checks the whole list.
    ///
    /// - Throws: `.damaged` (R17) for a list that can't be one.
    init(_ file: LMDBFile, _ meta: LMDBMeta) throws(StorageError) {
        self.file = file
        self.meta = meta
        if meta.lastPage <= Self.maximumPages { pages = PageSet(last: meta.lastPage) }
        var walk = LMDBTreeWalk(file, meta.free, lastPage: meta.lastPage, order: .numbers)
        var own: [UInt64] = []
        var leaf = try walk.first()
        while let page = leaf {
            own.append(page.number)
            for index in 0..<page.count { try take(page, page.node(index), &walk) }
            leaf = try walk.next()
        }
        let counts = walk.counts
        guard counts.branch == meta.free.branchPages, counts.leaf == meta.free.leafPages,
            counts.overflow == meta.free.overflowPages, counts.entries == meta.free.entries
        else { throw flaw(meta.free.root, "the tree of free pages has other counts than its meta page says") }
        guard let pages else { return }
        for number in own + [meta.free.root, meta.rows.root] where number <= meta.lastPage && pages.contains(number) {
            throw flaw(number, "it is in use and in the list of free pages")
        }
    }

    private mutating func take(_ page: LMDBPage, _ node: LMDBPage.Node, _ walk: inout LMDBTreeWalk) throws(StorageError) {
        let transaction = page.bytes.withUnsafeBytes { $0.loadLittle(UInt64.self, at: node.key.lowerBound) }
        guard transaction >= 1, transaction <= meta.transaction else {
            throw flaw(page.number, "pages freed by transaction \(transaction) of \(meta.transaction)")
        }
        guard node.dataBytes >= 8, node.dataBytes % 8 == 0 else {
            throw flaw(page.number, "a list of \(node.dataBytes) bytes")
        }
        let words: Bytes
        if let run = try walk.overflow(node, of: page) {
            let isRead = count + UInt64(node.dataBytes / 8) <= Self.maximumListed
            if !isRead { pages = nil }
            words = try file.overflow(run.first, count: isRead && pages != nil ? node.dataBytes : 8)
        } else {
            words = Bytes(page.bytes[node.data])
        }
        let listed = words.withUnsafeBytes { $0.loadLittle(UInt64.self, at: 0) }
        guard listed <= UInt64(node.dataBytes / 8 - 1) else {
            throw flaw(page.number, "\(listed) pages in \(node.dataBytes) bytes")
        }
        count += listed
        guard count <= meta.lastPage - 1 else { throw flaw(page.number, "more free pages than the file has") }
        try insert(words, listed, page.number)
    }

    private mutating func insert(_ words: Bytes, _ listed: UInt64, _ place: UInt64) throws(StorageError) {
        guard var set = pages else { return }
        // The only reference while it changes.
        pages = nil
        var before = UInt64.max
        for index in 0..<Int(listed) {
            let number = words.withUnsafeBytes { $0.loadLittle(UInt64.self, at: 8 + 8 * index) }
            guard number >= 2, number <= meta.lastPage, number < before, set.insert(number) else {
                throw flaw(place, "free page \(number) after \(before), of \(meta.lastPage), or listed twice")
            }
            before = number
        }
        pages = set
    }

    private func flaw(_ page: UInt64, _ reason: String) -> StorageError {
        LMDBFlaw(page: page, reason).refusal(file.path)
    }
}
