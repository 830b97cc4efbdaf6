import CLMDB
import Glibc

// LMDB's table of readers: the checkpoint thread only.
extension LMDBSnapshot {
    /// Transactions of other processes whose image is no longer the newest. Empty too if the table can't be read.
    func readersOfOldImages() -> Set<ReaderWatch.Reader> {
        var dead: Int32 = 0
        // Takes out processes that were killed.
        guard mdb_reader_check(environment, &dead) == 0 else { return [] }
        var lines = ""
        let status = withUnsafeMutablePointer(to: &lines) { place in
            mdb_reader_list(
                environment,
                { text, context in
                    guard let text, let context else { return 0 }
                    context.assumingMemoryBound(to: String.self).pointee += String(cString: text)
                    return 0
                },
                place
            )
        }
        var info = MDB_envinfo()
        guard status >= 0, mdb_env_info(environment, &info) == 0 else { return [] }
        return Self.readers(lines).filter { $0.process != getpid() && $0.transaction < info.me_last_txnid }
    }

    /// Of the text that LMDB makes: a heading, then pid, thread and transaction of each reader; `-`: none just now.
    static func readers(_ lines: String) -> Set<ReaderWatch.Reader> {
        var readers: Set<ReaderWatch.Reader> = []
        for line in lines.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count == 3, let process = Int32(fields[0]), let transaction = UInt64(fields[2]) else { continue }
            readers.insert(ReaderWatch.Reader(process: process, transaction: transaction))
        }
        return readers
    }

    /// Bytes of pages that were freed since a reader's image, and which it may still read.
    func bytesKept(by reader: ReaderWatch.Reader) -> Int {
        (try? pagesFreed(since: reader.transaction)).map { $0 * size.pageBytes } ?? 0
    }

    private func pagesFreed(since transaction: UInt64) throws(SnapshotFailure) -> Int {
        var pages = 0
        try eachFreed { freedBy, _, freed in
            if UInt64(freedBy) > transaction { pages += freed.count }
        }
        return pages
    }
}
