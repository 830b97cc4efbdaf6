import CLMDB

/// LMDB follows any page number that it reads, wherever it leads: in a damaged tree that ends the process. So tools look
/// at every page by plain reading first.
extension LMDBSnapshot {
    /// Commits of an engine beside may replace the meta page before it was read.
    private static let walkAttempts = 10

    /// Walks all pages of the image that LMDB shows now, but for the rows on them.
    ///
    /// The read that is open meanwhile keeps an engine beside from writing over them. Takes as long as reading the branch
    /// and leaf pages.
    ///
    /// - Throws: `.damaged` (R17) with the page.
    func walkTree() throws(StorageError) {
        defer { endRead() }
        let data = path + "/data.mdb"
        for _ in 0..<Self.walkAttempts {
            let transaction = UInt64(mdb_txn_id(try beginRead()))
            if try LMDBStructure.count(data, transaction: transaction) { return }
            endRead()
        }
        throw StorageError(.overloaded, "the snapshot changed each time it was looked at; try again", path: data)
    }
}
