/// Both meta pages: LMDB takes the one with the higher transaction number.
enum LMDBMetaPair {
    /// The meta page that LMDB would take.
    ///
    /// - Parameter bytes: the file's first bytes, both meta pages.
    /// - Returns: nil with the reason if it, or what LMDB reads of the other one, makes no sense. The part of the other
    ///   page that a commit writes isn't judged: a power cut in the commit that wrote it may have left anything there, and
    ///   the next commit writes it anew.
    static func pick(_ bytes: UnsafeRawBufferPointer) -> Result<LMDBMeta, LMDBFlaw> {
        guard bytes.count >= LMDBMeta.encodedBytes else { return .failure(LMDBFlaw(page: 0, "the file is too short")) }
        let first = LMDBMeta(bytes.part(0, LMDBMeta.encodedBytes))
        if let flaw = first.headFlaw(page: 0) { return .failure(LMDBFlaw(page: 0, flaw)) }
        // It says where the second one is.
        let pageBytes = first.pageBytes
        guard LMDBMeta.pageSizes.contains(pageBytes), bytes.count >= pageBytes + LMDBMeta.encodedBytes else {
            return .failure(LMDBFlaw(page: 0, "a page size of \(pageBytes)"))
        }
        let second = LMDBMeta(bytes.part(pageBytes, LMDBMeta.encodedBytes))
        if let flaw = second.headFlaw(page: 1) { return .failure(LMDBFlaw(page: 1, flaw)) }
        return pick(first, second)
    }

    /// The meta page that one transaction wrote; its fields are not judged.
    static func meta(of transaction: UInt64, in bytes: UnsafeRawBufferPointer) -> LMDBMeta? {
        guard bytes.count >= LMDBMeta.encodedBytes else { return nil }
        let first = LMDBMeta(bytes.part(0, LMDBMeta.encodedBytes))
        if first.transaction == transaction { return first }
        guard LMDBMeta.pageSizes.contains(first.pageBytes),
            bytes.count >= first.pageBytes + LMDBMeta.encodedBytes
        else { return nil }
        let second = LMDBMeta(bytes.part(first.pageBytes, LMDBMeta.encodedBytes))
        return second.transaction == transaction ? second : nil
    }

    private static func pick(_ first: LMDBMeta, _ second: LMDBMeta) -> Result<LMDBMeta, LMDBFlaw> {
        let picked = first.transaction < second.transaction ? second : first
        let other = first.transaction < second.transaction ? first : second
        if let flaw = picked.flaw(page: picked.number) { return .failure(LMDBFlaw(page: picked.number, flaw)) }
        // Each commit takes the next number and the other page. A new file has 0 in both.
        let isNew = picked.transaction == 0 && other.transaction == 0
        guard isNew || picked.transaction == other.transaction &+ 1 else {
            return .failure(
                LMDBFlaw(
                    page: picked.number,
                    "transaction \(picked.transaction) beside \(other.transaction) in page \(other.number)"
                )
            )
        }
        guard other.pageBytes == picked.pageBytes else {
            return .failure(LMDBFlaw(page: other.number, "a page size of \(other.pageBytes)"))
        }
        return .success(picked)
    }
}

/// Something in LMDB's file that can't be.
struct LMDBFlaw: Error, Equatable {
    var page: UInt64
    var reason: String

    init(page: UInt64, _ reason: String) {
        self.page = page
        self.reason = reason
    }

    func refusal(_ path: String) -> StorageError {
        .snapshotDamaged(path, "page \(page): \(reason)")
    }
}
