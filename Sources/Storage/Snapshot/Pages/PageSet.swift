/// A set of page numbers up to a bound, a bit each.
struct PageSet {
    private var words: [UInt64]
    private(set) var count: UInt64 = 0

    /// Holds pages 0...last.
    init(last: UInt64) {
        words = [UInt64](repeating: 0, count: Int(last / 64) + 1)
    }

    func contains(_ page: UInt64) -> Bool {
        words[Int(page / 64)] & 1 << (page % 64) != 0
    }

    /// False: it was there already.
    mutating func insert(_ page: UInt64) -> Bool {
        guard !contains(page) else { return false }
        words[Int(page / 64)] |= 1 << (page % 64)
        count += 1
        return true
    }
}
