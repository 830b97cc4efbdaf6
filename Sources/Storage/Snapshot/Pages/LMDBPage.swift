/// A branch or leaf page of LMDB 0.9, from bytes that may be anything: every offset is checked before it is followed.
///
/// Header: page number u64, unused u16, flags u16, end of the slots u16, begin of the nodes u16; then a u16 offset per
/// node. A node: size of its data, or the child's page, u16 low and u16 high; flags u16 (a child's page: its highest
/// part), key bytes u16, key, data.
struct LMDBPage {
    static let headerBytes = 16
    static let nodeBytes = 8
    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let overflow: UInt16 = 0x04
    /// The data of a node is the number of its first overflow page.
    static let onOverflowPages: UInt16 = 0x01

    let number: UInt64
    let bytes: Bytes
    let isLeaf: Bool
    let count: Int

    struct Node {
        /// Of the key, in the page.
        var key: Range<Int>
        /// Leaf: bytes of the data.
        var dataBytes: Int
        var flags: UInt16
        /// Branch: the child's page.
        var child: UInt64
        /// Of what the page holds of the data: all of it, or the number of its first overflow page.
        var data: Range<Int>

        var isOnOverflowPages: Bool { flags & LMDBPage.onOverflowPages != 0 }
    }

    init(_ bytes: Bytes, number: UInt64) throws(LMDBFlaw) {
        self.bytes = bytes
        self.number = number
        let (stated, flags, lower, upper) = bytes.withUnsafeBytes { bytes in
            (
                bytes.loadLittle(UInt64.self, at: 0), bytes.loadLittle(UInt16.self, at: 10),
                Int(bytes.loadLittle(UInt16.self, at: 12)), Int(bytes.loadLittle(UInt16.self, at: 14))
            )
        }
        guard stated == number else { throw LMDBFlaw(page: number, "it says that it is page \(stated)") }
        guard flags == Self.branch || flags == Self.leaf else { throw LMDBFlaw(page: number, "page flags \(flags)") }
        guard lower >= Self.headerBytes, lower & 1 == 0, lower <= upper, upper <= bytes.count else {
            throw LMDBFlaw(page: number, "slots up to \(lower), nodes from \(upper)")
        }
        isLeaf = flags == Self.leaf
        count = (lower - Self.headerBytes) / 2
        guard count > 0 else { throw LMDBFlaw(page: number, "it is empty") }
        for index in 0..<count { try check(index, upper) }
    }

    private func check(_ index: Int, _ upper: Int) throws(LMDBFlaw) {
        let offset = slot(index)
        guard offset >= upper, offset + Self.nodeBytes <= bytes.count else {
            throw LMDBFlaw(page: number, "node \(index) at \(offset)")
        }
        let node = node(index)
        guard node.data.upperBound <= bytes.count else {
            throw LMDBFlaw(page: number, "node \(index) ends at \(node.data.upperBound)")
        }
        // Ours have no sorted duplicates and no trees inside trees.
        guard !isLeaf || node.flags & ~Self.onOverflowPages == 0 else {
            throw LMDBFlaw(page: number, "node \(index) with flags \(node.flags)")
        }
    }

    private func slot(_ index: Int) -> Int {
        bytes.withUnsafeBytes { Int($0.loadLittle(UInt16.self, at: Self.headerBytes + 2 * index)) }
    }

    func node(_ index: Int) -> Node {
        let offset = slot(index)
        return bytes.withUnsafeBytes { bytes in
            let low = UInt64(bytes.loadLittle(UInt16.self, at: offset))
            let high = UInt64(bytes.loadLittle(UInt16.self, at: offset + 2))
            let flags = bytes.loadLittle(UInt16.self, at: offset + 4)
            let keyBytes = Int(bytes.loadLittle(UInt16.self, at: offset + 6))
            let keyStart = offset + Self.nodeBytes
            let size = Int(low | high << 16)
            let inPage = isLeaf ? (flags & Self.onOverflowPages != 0 ? 8 : size) : 0
            return Node(
                key: keyStart..<keyStart + keyBytes,
                dataBytes: isLeaf ? size : 0,
                flags: isLeaf ? flags : 0,
                child: isLeaf ? 0 : low | high << 16 | UInt64(flags) << 32,
                data: keyStart + keyBytes..<keyStart + keyBytes + inPage
            )
        }
    }

    func key(_ index: Int) -> Bytes { Bytes(bytes[node(index).key]) }
}
