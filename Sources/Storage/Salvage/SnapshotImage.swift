/// One image of a damaged snapshot: a meta page, and what the tree that it leads to says of itself.
struct SnapshotImage {
    /// A checkpoint row as it was found.
    enum Row {
        case sound(CheckpointRow)
        /// Not there, damaged, or not genuine.
        case none(String)
    }

    var meta: LMDBMeta
    var row: Row
    /// Why the newer meta page, or what it leads to, is not used; nil: this is the newest one.
    var isOlderBecause: String?

    var checkpoint: CheckpointRow? {
        if case .sound(let row) = row { row } else { nil }
    }

    /// The newest image that can be used: one with its checkpoint row before one without.
    ///
    /// - Returns: nil with the reason if neither meta page leads anywhere.
    /// - Throws: `.needsVersion`, and what reading the file throws.
    static func find(_ file: LMDBFile, _ keys: EncryptionKeys) throws(StorageError) -> (SnapshotImage?, reason: String)
    {
        let bytes = try file.metaBytes()
        var without: SnapshotImage?
        var reasons: [String] = []
        for candidate in candidates(bytes, &reasons) {
            file.assume(pageBytes: candidate.pageBytes)
            let reason = reasons.isEmpty ? nil : reasons.joined(separator: "; ")
            if candidate.rows.isEmpty {
                let image = SnapshotImage(meta: candidate, row: .none("it is empty"), isOlderBecause: reason)
                // Rows that can be reached are more than the state before the first checkpoint.
                return (without ?? image, reasons.joined(separator: "; "))
            }
            if let flaw = rootFlaw(file, candidate) {
                reasons.append("page \(flaw.page): \(flaw.reason)")
                continue
            }
            let row = try readRow(file, candidate, keys)
            let image = SnapshotImage(meta: candidate, row: row, isOlderBecause: reason)
            guard case .none(let what) = row else { return (image, reasons.joined(separator: "; ")) }
            reasons.append(what)
            if without == nil { without = image }
        }
        return (without, reasons.isEmpty ? "the file is too short" : reasons.joined(separator: "; "))
    }

    /// Meta pages whose roots can be looked at, the newer one first. What else is wrong with them does not matter: counts,
    /// the free list and the last page are not needed to read rows.
    private static func candidates(_ bytes: Bytes, _ reasons: inout [String]) -> [LMDBMeta] {
        let metas = bothMetas(bytes)
        let sizes = metas.map(\.pageBytes).filter(isPageSize)
        var usable: [LMDBMeta] = []
        for (index, var meta) in metas.enumerated() {
            let page = UInt64(index)
            if let flaw = meta.headFlaw(page: page) {
                reasons.append("page \(page): \(flaw)")
                continue
            }
            if !isPageSize(meta.pageBytes) { meta.free.pad = UInt32(sizes.first ?? LogLimits.blockBytes) }
            usable.append(meta)
        }
        return usable.sorted { $0.transaction > $1.transaction }
    }

    /// Where the second one stands depends on the page size, which the first one may not tell any more.
    private static func bothMetas(_ bytes: Bytes) -> [LMDBMeta] {
        bytes.withUnsafeBytes { bytes in
            guard bytes.count >= LMDBMeta.encodedBytes else { return [] }
            let first = LMDBMeta(bytes.part(0, LMDBMeta.encodedBytes))
            let sizes = [LMDBMeta.pageSizes.lowerBound, 8192, 16_384, LMDBMeta.pageSizes.upperBound]
            let tried = isPageSize(first.pageBytes) ? [first.pageBytes] : sizes
            var second: LMDBMeta?
            for size in tried where second?.headFlaw(page: 1) != nil || second == nil {
                guard bytes.count >= size + LMDBMeta.encodedBytes else { continue }
                second = LMDBMeta(bytes.part(size, LMDBMeta.encodedBytes))
            }
            return [first] + (second.map { [$0] } ?? [])
        }
    }

    private static func isPageSize(_ bytes: Int) -> Bool {
        LMDBMeta.pageSizes.contains(bytes) && bytes & (bytes - 1) == 0
    }

    private static func rootFlaw(_ file: LMDBFile, _ meta: LMDBMeta) -> LMDBFlaw? {
        var root = TreeRescue(file, meta, readsFreeList: false)
        return root.flaw(of: meta.rows.root)
    }

    /// It is the first row of all.
    private static func readRow(_ file: LMDBFile, _ meta: LMDBMeta, _ keys: EncryptionKeys) throws(StorageError) -> Row
    {
        let wanted = SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow)
        var found: Bytes?
        var walk = TreeRescue(file, meta, readsFreeList: false)
        // The visitor throws nothing.
        try? walk.run(meta.rows.root) { key, value, _ in
            if key == wanted { found = try? value.get() }
            return compareKeys(key, wanted) >= 0 ? .enough : .sound
        }
        guard let found else { return .none("there is no checkpoint row") }
        return try judge(found, keys, file.path)
    }

    private static func judge(_ bytes: Bytes, _ keys: EncryptionKeys, _ path: String) throws(StorageError) -> Row {
        switch bytes.withUnsafeBytes({ CheckpointRow.read($0) }) {
        case .invalid(let reason): return .none("checkpoint row: \(reason)")
        case .needsVersion(let what):
            throw .newerWriter(at: StorageError.Spot(path: path, segment: .none, offset: 0), what)
        case .valid(let row):
            guard row.isAuthenticated else {
                // Since rows are authenticated, none names a key without being so.
                let isForged = !row.isOlder && row.keyID != 0
                return isForged ? .none("the checkpoint row was changed: its authentication code is gone") : .sound(row)
            }
            // Without that key nothing of it can be read anyway.
            guard let key = keys.key(KeyID(rawValue: row.keyID)) else { return .sound(row) }
            let isGenuine = bytes.withUnsafeBytes { row.isGenuine($0, key: key) }
            return isGenuine ? .sound(row) : .none("the checkpoint row was changed: its authentication code is wrong")
        }
    }
}
