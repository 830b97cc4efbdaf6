/// One of the two meta pages of an LMDB 0.9 file, as bytes: LMDB itself trusts what it maps.
///
/// Layout on a 64-bit little-endian machine. Bytes 40..<152 are written anew by each commit, in one write inside one
/// device sector; the transaction number's parity is the page's number.
///
/// | offset | size | field |
/// |---:|---:|---|
/// | 0 | 8 | page number: 0 or 1 |
/// | 8 | 2 | unused |
/// | 10 | 2 | page flags: 0x08, meta |
/// | 12 | 4 | unused |
/// | 16 | 4 | magic 0xBEEFC0DE |
/// | 20 | 4 | version 1 |
/// | 24 | 8 | address of a fixed map: 0 |
/// | 32 | 8 | size of the map (written with each commit too) |
/// | 40 | 48 | tree of free pages; its first field is the page size |
/// | 88 | 48 | tree of rows |
/// | 136 | 8 | number of the last page |
/// | 144 | 8 | transaction number |
///
/// A tree: page size or zero u32, flags u16, depth u16, branch pages u64, leaf pages u64, overflow pages u64, entries u64,
/// root u64 (all ones: the tree is empty).
struct LMDBMeta: Equatable, Sendable {
    struct Tree: Equatable, Sendable {
        var pad: UInt32
        var flags: UInt16
        var depth: UInt16
        var branchPages: UInt64
        var leafPages: UInt64
        var overflowPages: UInt64
        var entries: UInt64
        var root: UInt64

        var isEmpty: Bool { root == .max }
    }

    static let encodedBytes = 152
    static let magic: UInt32 = 0xBEEF_C0DE
    static let version: UInt32 = 1
    static let pageFlags: UInt16 = 0x08
    /// Keys of the tree of free pages are numbers; LMDB adds no other flag for us.
    static let freeTreeFlags: UInt16 = 0x08
    /// LMDB takes the machine's page size, up to this one.
    static let pageSizes = 4096...32_768
    /// Levels of LMDB's own stack.
    static let maximumDepth: UInt16 = 32
    /// Bytes that a process can map.
    static let maximumMapBytes: UInt64 = 1 << 47

    var number: UInt64
    var pageFlags: UInt16
    var magic: UInt32
    var version: UInt32
    var address: UInt64
    var mapBytes: UInt64
    var free: Tree
    var rows: Tree
    var lastPage: UInt64
    var transaction: UInt64

    var pageBytes: Int { Int(free.pad) }

    /// - Parameter bytes: the first `encodedBytes` of the page.
    init(_ bytes: UnsafeRawBufferPointer) {
        number = bytes.loadLittle(UInt64.self, at: 0)
        pageFlags = bytes.loadLittle(UInt16.self, at: 10)
        magic = bytes.loadLittle(UInt32.self, at: 16)
        version = bytes.loadLittle(UInt32.self, at: 20)
        address = bytes.loadLittle(UInt64.self, at: 24)
        mapBytes = bytes.loadLittle(UInt64.self, at: 32)
        free = Tree(bytes.part(40, 48))
        rows = Tree(bytes.part(88, 48))
        lastPage = bytes.loadLittle(UInt64.self, at: 136)
        transaction = bytes.loadLittle(UInt64.self, at: 144)
    }
}

extension LMDBMeta.Tree {
    init(_ bytes: UnsafeRawBufferPointer) {
        pad = bytes.loadLittle(UInt32.self, at: 0)
        flags = bytes.loadLittle(UInt16.self, at: 4)
        depth = bytes.loadLittle(UInt16.self, at: 6)
        branchPages = bytes.loadLittle(UInt64.self, at: 8)
        leafPages = bytes.loadLittle(UInt64.self, at: 16)
        overflowPages = bytes.loadLittle(UInt64.self, at: 24)
        entries = bytes.loadLittle(UInt64.self, at: 32)
        root = bytes.loadLittle(UInt64.self, at: 40)
    }

    /// nil if the counts make no sense together.
    var pages: UInt64? {
        let (some, overflowed) = branchPages.addingReportingOverflow(leafPages)
        let (all, overflowedAgain) = some.addingReportingOverflow(overflowPages)
        return overflowed || overflowedAgain ? nil : all
    }

    /// What is wrong with the fields alone; nil: nothing.
    func flaw(lastPage: UInt64, pageBytes: Int) -> String? {
        guard let pages, pages <= lastPage - 1 else { return "more pages than the file has" }
        guard !isEmpty else {
            return depth == 0 && pages == 0 && entries == 0 ? nil : "an empty tree with depth \(depth), \(pages) pages"
        }
        guard (2...lastPage).contains(root) else { return "its root is page \(root) of \(lastPage)" }
        guard (1...LMDBMeta.maximumDepth).contains(depth) else { return "a depth of \(depth)" }
        guard branchPages >= UInt64(depth) - 1, (depth > 1) == (branchPages > 0), depth > 1 || leafPages == 1 else {
            return "\(branchPages) branch pages at a depth of \(depth)"
        }
        // An entry takes a slot and a header at least.
        let most = leafPages.multipliedReportingOverflow(by: UInt64(pageBytes / 10))
        guard leafPages > 0, entries >= leafPages, !most.overflow, entries <= most.partialValue else {
            return "\(entries) entries in \(leafPages) leaf pages"
        }
        return nil
    }
}

extension LMDBMeta {
    /// What is wrong with the part that no commit writes; LMDB looks at it in both pages.
    func headFlaw(page: UInt64) -> String? {
        guard number == page else { return "it says that it is page \(number)" }
        guard pageFlags == Self.pageFlags else { return "page flags \(pageFlags)" }
        guard magic == Self.magic else { return "wrong magic" }
        guard version == Self.version else { return "version \(version)" }
        guard address == 0 else { return "an address of a fixed map" }
        return nil
    }

    /// What is wrong with the part that each commit writes; nil: every field is within its range.
    func flaw(page: UInt64) -> String? {
        guard Self.pageSizes.contains(pageBytes), pageBytes & (pageBytes - 1) == 0 else {
            return "a page size of \(pageBytes)"
        }
        guard free.flags == Self.freeTreeFlags, rows.flags == 0, rows.pad == 0 else {
            return "flags \(free.flags) and \(rows.flags) of the trees"
        }
        guard lastPage >= 1, lastPage < Self.maximumMapBytes / UInt64(pageBytes) else { return "last page \(lastPage)" }
        guard mapBytes >= (lastPage + 1) * UInt64(pageBytes), mapBytes <= Self.maximumMapBytes else {
            return "a map of \(mapBytes) bytes"
        }
        guard transaction & 1 == page || transaction == 0 else { return "transaction \(transaction) in page \(page)" }
        if let flaw = free.flaw(lastPage: lastPage, pageBytes: pageBytes) { return "tree of free pages: \(flaw)" }
        if let flaw = rows.flaw(lastPage: lastPage, pageBytes: pageBytes) { return "tree of rows: \(flaw)" }
        guard usedPages <= lastPage - 1 else { return "more pages in use than the file has" }
        guard free.isEmpty || free.root != rows.root else { return "both trees have one root" }
        return nil
    }

    /// Pages of both trees. Only after `flaw`: the sum fits.
    var usedPages: UInt64 { (free.pages ?? 0) + (rows.pages ?? 0) }
}
