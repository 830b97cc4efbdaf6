/// The states of the file that a power cut in the middle of one commit is imagined to leave.
///
/// Subsets of the pages written, times three states of the meta page; and, last, what is there for certain when the
/// commit has returned.
struct CommitStates {
    /// Up to so many pages every subset is made.
    static let exhaustivePages = 10
    static let seededSubsets = 500
    /// Pages that are neither old nor new: some of their sectors are.
    static let tornSubsets = 50
    static let sectorBytes = 512

    enum Meta: CaseIterable {
        case old, new, torn
    }

    let commit: RecordedCommit
    private let journal: Journal
    private let seed: UInt64

    init(_ commit: RecordedCommit, _ journal: Journal, seed: UInt64) {
        self.commit = commit
        self.journal = journal
        self.seed = seed
    }

    private var wholeSubsets: Int {
        let pages = commit.pages.count
        if pages <= Self.exhaustivePages { return 1 << pages }
        return 2 + pages + pages * (pages - 1) / 2 + Self.seededSubsets
    }

    private var subsets: Int { wholeSubsets + Self.tornSubsets }

    /// The last one is what was acknowledged.
    var count: Int { subsets * Meta.allCases.count + 1 }

    private enum Fate {
        case written, lost, torn
    }

    /// What became of each page.
    private func fates(_ subset: Int) -> [Fate] {
        let pages = commit.pages.count
        var random = SeededGenerator(seed: seed, UInt64(subset))
        if subset >= wholeSubsets {
            return (0..<pages).map { _ in
                let fate = Int.random(in: 0..<4, using: &random)
                return fate == 0 ? .lost : fate == 1 ? .torn : .written
            }
        }
        if pages <= Self.exhaustivePages { return (0..<pages).map { subset >> $0 & 1 == 0 ? .written : .lost } }
        switch subset {
        case 0: return [Fate](repeating: .written, count: pages)
        case 1: return [Fate](repeating: .lost, count: pages)
        case 2..<2 + pages: return (0..<pages).map { $0 == subset - 2 ? .lost : .written }
        case ..<(wholeSubsets - Self.seededSubsets):
            let pair = pair(subset - 2 - pages, pages)
            return (0..<pages).map { $0 == pair.0 || $0 == pair.1 ? .lost : .written }
        default: return (0..<pages).map { _ in random.chance(1, in: 2) ? .lost : .written }
        }
    }

    /// The n-th pair of different numbers below `count`.
    private func pair(_ number: Int, _ count: Int) -> (Int, Int) {
        var (first, rest) = (0, number)
        while rest >= count - 1 - first {
            rest -= count - 1 - first
            first += 1
        }
        return (first, first + 1 + rest)
    }

    struct State {
        var bytes: [UInt8]
        /// Generations that it must show; nil: no state that this disk can leave, so it may also be refused.
        var expected: ClosedRange<UInt64>?
        var description: String
    }

    func state(at index: Int) -> State {
        if index == count - 1 { return acknowledgedState() }
        let metas = Meta.allCases
        let meta = metas[index % metas.count]
        let fates = fates(index / metas.count)
        var random = SeededGenerator(seed: seed ^ 0x7061_6765, UInt64(index))
        var bytes = commit.base
        for (page, fate) in zip(commit.pages, fates) { write(page, fate, &bytes, &random) }
        let what = write(meta, &bytes, &random)
        let lost = zip(commit.pages, fates).filter { $0.1 != .written }.map { "\($0.0.number)" }
        return State(
            bytes: bytes,
            expected: expected(meta, fates),
            description:
                "\(lost.count) of \(fates.count) pages not written (\(lost.prefix(12).joined(separator: " "))), meta \(what)"
        )
    }

    /// Before its pages were durable the meta page was not written. A torn one is no state of a disk that writes whole
    /// sectors: it fills less than one.
    private func expected(_ meta: Meta, _ fates: [Fate]) -> ClosedRange<UInt64>? {
        let (old, new) = (commit.generation - 1, commit.isLastOfGeneration ? commit.generation : commit.generation - 1)
        switch meta {
        case .old: return old...old
        case .torn: return nil
        case .new:
            let isPossible = zip(commit.pages, fates).allSatisfy { $1 == .written || !$0.isSynced }
            return isPossible ? new...new : nil
        }
    }

    private func acknowledgedState() -> State {
        var bytes = commit.base
        var random = SeededGenerator(seed: seed)
        for page in commit.pages where page.isSynced { write(page, .written, &bytes, &random) }
        if commit.isMetaDurable { _ = write(.new, &bytes, &random) }
        let new = commit.isLastOfGeneration ? commit.generation : commit.generation - 1
        return State(bytes: bytes, expected: new...new, description: "what was durable when the commit had returned")
    }

    private func write(
        _ page: RecordedCommit.Page,
        _ fate: Fate,
        _ bytes: inout [UInt8],
        _ random: inout SeededGenerator
    ) {
        let start = page.number * RecordedCommit.pageBytes
        switch fate {
        case .lost:
            // A file that was to grow is as long as before, or longer with zeros.
            if random.chance(1, in: 2) { grow(&bytes, to: start + RecordedCommit.pageBytes) }
        case .written: copy(page, 0..<RecordedCommit.pageBytes, &bytes)
        case .torn:
            for sector in stride(from: 0, to: RecordedCommit.pageBytes, by: Self.sectorBytes)
            where random.chance(1, in: 2) {
                copy(page, sector..<sector + Self.sectorBytes, &bytes)
            }
        }
    }

    private func copy(_ page: RecordedCommit.Page, _ part: Range<Int>, _ bytes: inout [UInt8]) {
        let start = page.number * RecordedCommit.pageBytes
        grow(&bytes, to: start + part.upperBound)
        let target = start + part.lowerBound..<start + part.upperBound
        guard let source = page.source else {
            return bytes.replaceSubrange(target, with: repeatElement(0, count: part.count))
        }
        bytes.replaceSubrange(target, with: journal.bytes(source + part.lowerBound..<source + part.upperBound))
    }

    private func grow(_ bytes: inout [UInt8], to count: Int) {
        if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
    }

    /// Torn: the start of what was written is new and the rest old, or the reverse.
    private func write(_ meta: Meta, _ bytes: inout [UInt8], _ random: inout SeededGenerator) -> String {
        guard meta != .old, !commit.meta.isEmpty else { return "old" }
        var part = commit.meta.indices
        if meta == .torn {
            let cut = Int.random(in: 1..<max(2, commit.meta.count / 8), using: &random) * 8
            part = random.chance(1, in: 2) ? 0..<min(cut, part.upperBound) : min(cut, part.upperBound)..<part.upperBound
        }
        let start = commit.metaOffset
        bytes.replaceSubrange(start + part.lowerBound..<start + part.upperBound, with: commit.meta[part])
        return meta == .new ? "new" : "new in bytes \(part) of \(commit.meta.count)"
    }
}
