/// The pages that a pass has met, as long as no checkpoint came in between: every page once, none of them free, and in the
/// end as many as the meta page says. A page that is in use twice would be written over by the next commits.
///
/// In memory only: a pass that goes on after a checkpoint or a restart does without.
struct ScrubPages {
    private var used: PageSet?
    private var leaf: UInt64 = 0
    private var overflow: UInt64 = 0
    private var entries: UInt64 = 0
    private let path: String

    init(_ file: LMDBFile, _ meta: LMDBMeta) throws(StorageError) {
        used = try LMDBFreeList(file, meta).pages
        path = file.path
    }

    mutating func take(leaf page: LMDBPage) throws(StorageError) {
        leaf += 1
        entries += UInt64(page.count)
        try take(page.number)
    }

    mutating func take(overflow run: (first: UInt64, pages: UInt64)) throws(StorageError) {
        overflow += run.pages
        for number in run.first..<run.first + run.pages { try take(number) }
    }

    private mutating func take(_ number: UInt64) throws(StorageError) {
        guard used?.insert(number) == false else { return }
        throw LMDBFlaw(page: number, "it is in use twice, or in use and free").refusal(path)
    }

    /// After the last page.
    func requireCounts(of tree: LMDBMeta.Tree) throws(StorageError) {
        guard leaf == tree.leafPages, overflow == tree.overflowPages, entries == tree.entries else {
            throw .snapshotDamaged(
                path,
                "\(leaf) leaf and \(overflow) overflow pages with \(entries) rows, the meta page says \(tree.leafPages) and \(tree.overflowPages) with \(tree.entries)"
            )
        }
    }
}
