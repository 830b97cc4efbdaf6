/// Walks the leaf pages of one tree of LMDB's file in key order, by its own bounded reading.
///
/// Every page must be in range and of the kind that its depth asks for, and every key must be greater than the one before
/// and within what the pages above say.
struct LMDBTreeWalk {
    enum Order {
        /// Rows: by bytes, the shorter one first.
        case bytes
        /// Free pages: by number, in the machine's order.
        case numbers
    }

    /// Pages visited, by kind: all of the tree after a walk from its begin to its end.
    struct Counts: Equatable {
        var branch: UInt64 = 0
        var leaf: UInt64 = 0
        var overflow: UInt64 = 0
        var entries: UInt64 = 0
    }

    private struct Level {
        var page: LMDBPage
        var index: Int
    }

    let file: LMDBFile
    let tree: LMDBMeta.Tree
    let lastPage: UInt64
    let order: Order
    private var levels: [Level] = []
    private var lastKey: Bytes?
    private(set) var counts = Counts()
    /// Branch pages that were met since they were last taken.
    private var branches: [UInt64] = []

    init(_ file: LMDBFile, _ tree: LMDBMeta.Tree, lastPage: UInt64, order: Order) {
        self.file = file
        self.tree = tree
        self.lastPage = lastPage
        self.order = order
    }

    /// The leaf page with the first key that isn't below `key`, or the one before it. nil: the tree is empty.
    mutating func first(from key: Bytes? = nil) throws(StorageError) -> LMDBPage? {
        guard !tree.isEmpty else { return nil }
        levels = []
        lastKey = nil
        return try descend(to: tree.root, key)
    }

    /// nil: that was the last one.
    mutating func next() throws(StorageError) -> LMDBPage? {
        levels.removeLast()
        while let level = levels.last {
            guard level.index + 1 < level.page.count else {
                levels.removeLast()
                continue
            }
            levels[levels.count - 1].index += 1
            return try descend(to: level.page.node(level.index + 1).child, nil)
        }
        return nil
    }

    mutating func takeBranches() -> [UInt64] {
        defer { branches.removeAll(keepingCapacity: true) }
        return branches
    }

    private mutating func descend(to root: UInt64, _ key: Bytes?) throws(StorageError) -> LMDBPage {
        var number = root
        while true {
            guard (2...lastPage).contains(number) else {
                throw LMDBFlaw(page: levels.last?.page.number ?? number, "it leads to page \(number)").refusal(file.path)
            }
            let page = try file.page(number)
            // The depth bounds this loop, on pages that lead in a circle too.
            guard page.isLeaf == (levels.count + 1 == tree.depth) else {
                throw LMDBFlaw(page: number, "not the kind of page of its depth").refusal(file.path)
            }
            if page.isLeaf {
                counts.leaf += 1
                counts.entries += UInt64(page.count)
            } else {
                counts.branch += 1
                branches.append(number)
            }
            let index = key.map { child(of: page, $0) } ?? 0
            try checkOrder(page)
            levels.append(Level(page: page, index: index))
            guard !page.isLeaf else { return page }
            number = page.node(index).child
        }
    }

    /// The child that holds a key: the last one whose first key isn't above it.
    private func child(of page: LMDBPage, _ key: Bytes) -> Int {
        guard !page.isLeaf else { return 0 }
        var low = 0
        var high = page.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if isAscending(page.key(middle), key, orEqual: true) { low = middle } else { high = middle }
        }
        return low
    }

    /// Keys of a page ascend, from the key above it to the key behind that.
    private mutating func checkOrder(_ page: LMDBPage) throws(StorageError) {
        // A branch page's first key counts for nothing.
        let start = page.isLeaf ? 0 : 1
        var before = page.isLeaf ? lastKey : nil
        for index in start..<max(start, page.count) {
            let key = page.key(index)
            guard isPossible(key) else { throw flaw(page, "a key of \(key.count) bytes") }
            if let before, !isAscending(before, key, orEqual: false) { throw flaw(page, "its keys don't ascend") }
            before = key
        }
        let first = start < page.count ? page.key(start) : nil
        if let first, let bound = bound(0), !isAscending(bound, first, orEqual: true) {
            throw flaw(page, "its first key is below what leads to it")
        }
        if let before, let bound = bound(1), !isAscending(before, bound, orEqual: false) {
            throw flaw(page, "its last key is above what leads to it")
        }
        if page.isLeaf { lastKey = before }
    }

    /// The nearest key above: of what leads here (0), or of what is behind it (1).
    private func bound(_ step: Int) -> Bytes? {
        for level in levels.reversed() {
            let index = level.index + step
            if index > 0, index < level.page.count { return level.page.key(index) }
        }
        return nil
    }

    private func isPossible(_ key: Bytes) -> Bool {
        order == .numbers ? key.count == 8 : (1...SnapshotKey.maximumBytes).contains(key.count)
    }

    private func isAscending(_ first: Bytes, _ second: Bytes, orEqual: Bool) -> Bool {
        let result: Int
        switch order {
        case .bytes: result = compareKeys(first, second)
        case .numbers:
            let numbers = [first, second].map { $0.withUnsafeBytes { $0.loadLittle(UInt64.self, at: 0) } }
            result = numbers[0] < numbers[1] ? -1 : numbers[0] == numbers[1] ? 0 : 1
        }
        return orEqual ? result <= 0 : result < 0
    }

    private func flaw(_ page: LMDBPage, _ reason: String) -> StorageError {
        LMDBFlaw(page: page.number, reason).refusal(file.path)
    }

    /// First overflow page of a node's data, checked, and how many there are; nil: the data is in the page.
    mutating func overflow(_ node: LMDBPage.Node, of page: LMDBPage) throws(StorageError) -> (first: UInt64, pages: UInt64)? {
        guard node.isOnOverflowPages else { return nil }
        let first = page.bytes.withUnsafeBytes { $0.loadLittle(UInt64.self, at: node.data.lowerBound) }
        let pages = try file.overflowPages(at: first, holding: node.dataBytes, lastPage: lastPage)
        counts.overflow += pages
        return (first, pages)
    }
}
