/// Looks at the two meta pages of an LMDB file without LMDB, which trusts what it maps.
enum SnapshotProbe {
    /// A sound file without any row: the store has not seen its first checkpoint. False if it can't be told.
    static func holdsNothing(_ path: String) -> Bool {
        guard let file = try? LMDBFile(path), let meta = try? file.meta() else { return false }
        return meta.rows.isEmpty
    }
}
