import CLMDB
import Glibc

/// Pages of the snapshot's file that hold nothing, as far as their place matters: a value larger than a page needs
/// contiguous ones, and what the newest commit freed only the next but one may write to.
struct FreePages: Equatable, Sendable {
    /// How many runs of contiguous pages there are, by length.
    private(set) var runs: [Int: Int] = [:]
    /// Freed by the newest commit.
    private(set) var unsettled = 0

    /// Pages of all runs that can hold so many in one piece.
    func pages(inRunsOf length: Int) -> Int {
        runs.reduce(0) { $0 + $1.key / length * length * $1.value }
    }

    init(settled pages: [UInt], unsettled: Int) {
        self.unsettled = unsettled
        let pages = pages.sorted()
        var start = 0
        for index in pages.indices where index + 1 == pages.count || pages[index + 1] != pages[index] + 1 {
            runs[index + 1 - start, default: 0] += 1
            start = index + 1
        }
    }
}

// The room inside the file: the checkpoint thread only.
extension LMDBSnapshot {
    /// With more room than this on the disk nobody needs to know which pages are free.
    static let tightBytes = UInt64(256 * LogLimits.mebibyte)
    /// Fewer are left to the next commit.
    private static let worthSettlingPages = 16

    func reusableBytes(inRunsOf pages: Int) -> Int {
        facts.withLock { $0.free.map { $0.pages(inRunsOf: pages) * LogLimits.blockBytes } ?? $0.size.freeBytes }
    }

    /// Looks which pages are free if the disk is nearly full.
    ///
    /// `settling`: also makes those usable that the latest commit freed: a store that deletes made empty would else grow its
    /// file before it takes them.
    func learnFreePages(settling: Bool) {
        guard let free = try? PosixIO().freeBytes(path), free < Self.tightBytes else {
            return facts.withLock { $0.free = nil }
        }
        do {
            var pages = try freePages()
            if settling, pages.unsettled >= Self.worthSettlingPages {
                try settleFreePages()
                pages = try freePages()
            }
            facts.withLock { $0.free = pages }
        } catch {
            // The figures serve decisions about room only; what fails here for good fails the next checkpoint.
            facts.withLock { $0.free = FreePages(settled: [], unsettled: 0) }
        }
    }

    /// One more commit, of the same row, makes those usable that the latest one freed.
    func settleFreePages() throws(SnapshotFailure) {
        guard let row else { return }
        defer { scrub?.writerEnds() }
        try inTransaction { (transaction) throws(SnapshotFailure) in
            var writer = try LMDBWriter(self, transaction, after: row, store: options.store)
            writer.row = row
            try writer.putRow()
        }
        // It may have made the file longer.
        try? learn()
    }

    /// After a checkpoint for which there was no room: gives back the end of the file that it had begun to write, behind
    /// the last page of any commit.
    func giveBackUnusedEnd() {
        do {
            try learn()
        } catch {
            return
        }
        _ = truncate(path + "/data.mdb", off_t(size.fileBytes))
        learnFreePages(settling: false)
    }

    func freePages() throws(SnapshotFailure) -> FreePages {
        var settled: [UInt] = []
        var unsettled = 0
        try eachFreed { freedBy, newest, pages in
            if freedBy >= newest { unsettled += pages.count } else { pages.append(to: &settled) }
        }
        return FreePages(settled: settled, unsettled: unsettled)
    }

    /// Page numbers in LMDB's own tree.
    struct FreedPages {
        let count: Int
        /// The first of them is behind the count.
        fileprivate let words: UnsafeMutableRawPointer

        func append(to numbers: inout [UInt]) {
            for index in 0..<count {
                numbers.append(words.loadUnaligned(fromByteOffset: (index + 1) * MemoryLayout<UInt>.size, as: UInt.self))
            }
        }
    }

    /// LMDB keeps its free pages in a tree of its own: from the commit that freed them to a count and their numbers. The
    /// visitor gets that commit, the newest one, and the pages.
    func eachFreed(_ visit: (UInt, UInt, FreedPages) -> Void) throws(SnapshotFailure) {
        var made: OpaquePointer?
        do {
            try orThrow(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &made), "mdb_txn_begin", path)
        } catch {
            throw error.failure
        }
        defer { mdb_txn_abort(made) }
        var opened: OpaquePointer?
        let status = mdb_cursor_open(made, 0, &opened)
        guard status == 0, let cursor = opened else {
            throw LMDBError(call: "mdb_cursor_open", status: status, path: path).failure
        }
        defer { mdb_cursor_close(cursor) }
        let newest = UInt(mdb_txn_id(made))
        var key = MDB_val()
        var value = MDB_val()
        while mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 {
            guard key.mv_size == MemoryLayout<UInt>.size, let words = value.mv_data else { continue }
            let count = min(Int(words.loadUnaligned(as: UInt.self)), value.mv_size / MemoryLayout<UInt>.size - 1)
            visit(key.mv_data.loadUnaligned(as: UInt.self), newest, FreedPages(count: count, words: words))
        }
    }
}
