/// Looks at the two meta pages of an LMDB file without LMDB, which trusts what it maps.
///
/// Layout of a meta page in LMDB 0.9, little-endian: at 16 the magic, at 40 the page size, at 120 the number of rows of
/// the main tree, at 144 the transaction number; the page with the higher one counts.
enum SnapshotProbe {
    private static let magic: UInt32 = 0xBEEF_C0DE
    private static let pageSizes = 512...65_536
    private static let metaBytes = 152

    /// A sound file without any row: the store has not seen its first checkpoint. False if it can't be told.
    static func holdsNothing(_ path: String) -> Bool {
        guard let bytes = try? PosixIO().readFile(path, limit: pageSizes.upperBound + LogLimits.blockBytes) else {
            return false
        }
        return bytes.withUnsafeBytes { bytes in
            guard let first = meta(bytes, at: 0), let second = meta(bytes, at: first.pageBytes) else { return false }
            return (second.transaction > first.transaction ? second : first).rows == 0
        }
    }

    private struct Meta {
        var pageBytes: Int
        var rows: UInt64
        var transaction: UInt64
    }

    private static func meta(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Meta? {
        guard bytes.count >= offset + metaBytes else { return nil }
        let page = bytes.part(offset, metaBytes)
        let pageBytes = Int(page.loadLittle(UInt32.self, at: 40))
        guard page.loadLittle(UInt32.self, at: 16) == magic, pageSizes.contains(pageBytes) else { return nil }
        return Meta(
            pageBytes: pageBytes,
            rows: page.loadLittle(UInt64.self, at: 120),
            transaction: page.loadLittle(UInt64.self, at: 144)
        )
    }
}
