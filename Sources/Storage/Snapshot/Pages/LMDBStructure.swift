/// What can be said of LMDB's file without reading its rows: before LMDB maps it, which takes every field for true and may
/// end the process, lengthen the file or write over rows if one isn't.
enum LMDBStructure {
    /// Up to so many pages in use (256 MiB) are counted where the figures disagree.
    static let countedPages: UInt64 = 65_536
    /// Beside a running engine the file may change under the look.
    private static let attempts = 10

    /// Checks meta pages, list of free pages, the way to the first row, and the file's length.
    ///
    /// - Returns: nil if there is no file yet, or an empty one.
    /// - Throws: `.damaged` (R17) with the page.
    @discardableResult
    static func check(_ path: String) throws(StorageError) -> LMDBMeta? {
        var attempt = 1
        while true {
            guard let file = try LMDBFile(path), file.fileBytes > 0 else { return nil }
            let before = try file.metaBytes()
            do throws(StorageError) {
                let meta = try file.meta()
                try check(file, meta)
                return meta
            } catch {
                guard attempt < attempts, try file.metaBytes() != before else { throw error }
                attempt += 1
            }
        }
    }

    private static func check(_ file: LMDBFile, _ meta: LMDBMeta) throws(StorageError) {
        let free = try LMDBFreeList(file, meta)
        guard free.count <= meta.lastPage - 1 - meta.usedPages else {
            throw flaw(file, "\(meta.usedPages) pages in use and \(free.count) free ones of \(meta.lastPage + 1)")
        }
        try checkEnd(file, meta, free)
        var rows = LMDBTreeWalk(file, meta.rows, lastPage: meta.lastPage, order: .bytes)
        _ = try rows.first()
        // LMDB accounts for every page. Where it doesn't add up, a count may be wrong that later counts rest on.
        guard free.count != meta.lastPage - 1 - meta.usedPages, meta.usedPages <= countedPages else { return }
        try count(file, meta, free)
    }

    /// LMDB may leave pages off the end of the file: those that one commit took and freed again. They are in the list of
    /// free pages then; any other page that the file doesn't have is lost.
    private static func checkEnd(_ file: LMDBFile, _ meta: LMDBMeta, _ free: LMDBFreeList) throws(StorageError) {
        let present = file.fileBytes / UInt64(meta.pageBytes)
        guard present <= meta.lastPage else { return }
        let missing = meta.lastPage + 1 - present
        guard missing <= free.count, present > 1 else {
            throw flaw(file, "the file ends \(missing) pages early, and \(free.count) are free")
        }
        guard let pages = free.pages else { return }
        for number in present...meta.lastPage where !pages.contains(number) {
            throw LMDBFlaw(page: number, "the file ends before it, and it isn't free").refusal(file.path)
        }
    }

    /// Walks the free list and the whole tree of rows of one image.
    ///
    /// - Returns: false if the file has gone on to other images.
    static func count(_ path: String, transaction: UInt64) throws(StorageError) -> Bool {
        guard let file = try LMDBFile(path), let meta = try file.meta(of: transaction) else { return false }
        try count(file, meta, try LMDBFreeList(file, meta))
        return true
    }

    /// Walks the whole tree of rows, without the rows: every page once, none of them free, as many as the meta page says.
    ///
    /// Takes as long as reading the leaf pages. The caller sees to it that the image doesn't change.
    static func count(_ file: LMDBFile, _ meta: LMDBMeta, _ free: LMDBFreeList, _ visit: (LMDBPage) -> Void = { _ in })
        throws(StorageError)
    {
        var walk = LMDBTreeWalk(file, meta.rows, lastPage: meta.lastPage, order: .bytes)
        var leaf = try walk.first()
        var used = meta.lastPage <= LMDBFreeList.maximumPages ? free.pages : nil
        while let page = leaf {
            for branch in walk.takeBranches() { try take(branch, 1, &used, file) }
            try take(page.number, 1, &used, file)
            for index in 0..<page.count {
                guard let run = try walk.overflow(page.node(index), of: page) else { continue }
                try take(run.first, run.pages, &used, file)
            }
            visit(page)
            leaf = try walk.next()
        }
        let counts = walk.counts
        guard counts.branch == meta.rows.branchPages, counts.leaf == meta.rows.leafPages,
            counts.overflow == meta.rows.overflowPages, counts.entries == meta.rows.entries
        else {
            throw flaw(
                file,
                "\(counts.branch) + \(counts.leaf) + \(counts.overflow) pages with \(counts.entries) rows, the meta page says \(meta.rows.branchPages) + \(meta.rows.leafPages) + \(meta.rows.overflowPages) with \(meta.rows.entries)"
            )
        }
    }

    private static func take(_ first: UInt64, _ pages: UInt64, _ used: inout PageSet?, _ file: LMDBFile)
        throws(StorageError)
    {
        guard used != nil else { return }
        for number in first..<first + pages where used?.insert(number) == false {
            throw LMDBFlaw(page: number, "it is in use twice, or in use and free").refusal(file.path)
        }
    }

    private static func flaw(_ file: LMDBFile, _ reason: String) -> StorageError {
        .snapshotDamaged(file.path, reason)
    }
}
