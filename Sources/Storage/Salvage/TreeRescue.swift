/// Walks a damaged tree of LMDB's file by plain reading: a page that makes no sense is noted and skipped with what is below
/// it, the others go on. Nothing that stands in the file can end the process or make the walk endless.
struct TreeRescue {
    /// A part that could not be read, as row keys, both excluded; nil: from the first row, or to the last.
    struct Hole {
        var flaws: [LMDBFlaw]
        var after: Bytes?
        var before: Bytes?
    }

    enum Verdict {
        case sound
        case unsound
        /// Nothing more is wanted.
        case enough
    }

    /// A row's key, and its value as it is stored, or why that can't be read.
    ///
    /// `isPageWhole`: the page makes sense, so that the key can be believed though the value can't.
    typealias Visit = (_ rowKey: Bytes, _ value: Result<Bytes, LMDBFlaw>, _ isPageWhole: Bool) throws -> Verdict

    /// Beyond this many holes the last one has no end.
    private static let maximumHoles = InspectionLimits.listedGaps
    /// Named of one hole.
    private static let maximumFlaws = 32
    /// Nothing larger was ever written.
    private static let maximumValueBytes = LogLimits.maximumRecordBytes + LogLimits.blockBytes

    private let file: LMDBFile
    private let pages: UInt64
    /// Pages that hold nothing now; nil: the list can't be read.
    private let free: PageSet?
    private let lastListed: UInt64
    private var seen: PageSet
    private(set) var holes: [Hole] = []
    private var isHoleOpen = false
    /// Pages above that may lack nodes: the hole reaches over all of their rows.
    private var partialPages = 0
    /// The greatest key of a sound row so far.
    private var last: Bytes?
    /// Keys did not ascend: some page stands where it doesn't belong.
    private(set) var isDisordered = false

    /// - Parameter readsFreeList: for whoever wants more than a look at a few pages.
    init(_ file: LMDBFile, _ meta: LMDBMeta, readsFreeList: Bool) {
        self.file = file
        pages = file.fileBytes / UInt64(file.pageBytes)
        let isListed = readsFreeList && meta.flaw(page: meta.number) == nil
        free = isListed ? (try? LMDBFreeList(file, meta))?.pages : nil
        lastListed = isListed ? meta.lastPage : 0
        seen = PageSet(last: pages)
    }

    mutating func run(_ root: UInt64, _ visit: Visit) throws {
        _ = try enter(root, depth: 1, upTo: nil, visit)
    }

    /// Why nothing can be read from a root on; nil: something may.
    mutating func flaw(of root: UInt64) -> LMDBFlaw? {
        if case .failure(let flaw) = read(root, 1, nil) { flaw } else { nil }
    }

    /// False: enough.
    private mutating func enter(_ number: UInt64, depth: UInt16, upTo: Bytes?, _ visit: Visit) throws -> Bool {
        switch read(number, depth, upTo) {
        case .failure(let flaw):
            note(flaw)
            return true
        case .success(let (page, flaw)):
            if let flaw {
                note(flaw)
                partialPages += 1
            }
            let goesOn = try page.isLeaf ? rows(page, visit) : children(page, depth, upTo, visit)
            if flaw != nil { partialPages -= 1 }
            return goesOn
        }
    }

    private mutating func read(_ number: UInt64, _ depth: UInt16, _ upTo: Bytes?)
        -> Result<(LMDBPage, LMDBFlaw?), LMDBFlaw>
    {
        guard number >= 2 else { return .failure(LMDBFlaw(page: number, "it is no page of a tree")) }
        guard number < pages else { return .failure(LMDBFlaw(page: number, "the file ends before it")) }
        guard depth <= LMDBMeta.maximumDepth else {
            return .failure(LMDBFlaw(page: number, "too many pages lead to it"))
        }
        guard seen.insert(number) else { return .failure(LMDBFlaw(page: number, "two pages lead to it")) }
        do throws(StorageError) {
            let bytes = try file.pageAsItIs(number)
            do throws(LMDBFlaw) {
                let (page, flaw) = try LMDBPage.rescue(bytes, number: number)
                if isOfThePast(page, upTo) { return .failure(LMDBFlaw(page: number, "it is listed as free")) }
                return .success((page, flaw))
            } catch {
                return .failure(error)
            }
        } catch {
            return .failure(LMDBFlaw(page: number, error.systemCall?.reason ?? error.message))
        }
    }

    /// A free page is what some page once was. It counts only where its keys don't belong either: the list may be wrong.
    private func isOfThePast(_ page: LMDBPage, _ upTo: Bytes?) -> Bool {
        guard page.isLeaf, let free, page.number <= lastListed, free.contains(page.number) else { return false }
        if let last, compareKeys(page.key(0), last) <= 0 { return true }
        return upTo.map { compareKeys(page.key(page.count - 1), $0) >= 0 } ?? false
    }

    private mutating func children(_ page: LMDBPage, _ depth: UInt16, _ upTo: Bytes?, _ visit: Visit) throws -> Bool {
        for index in 0..<page.count {
            let end = index + 1 < page.count ? page.key(index + 1) : upTo
            guard try enter(page.node(index).child, depth: depth + 1, upTo: end, visit) else { return false }
        }
        return true
    }

    private mutating func rows(_ page: LMDBPage, _ visit: Visit) throws -> Bool {
        for index in 0..<page.count {
            let key = page.key(index)
            switch try visit(key, value(page.node(index), of: page), partialPages == 0) {
            case .enough: return false
            case .unsound: continue
            case .sound: pass(key)
            }
        }
        return true
    }

    private mutating func pass(_ key: Bytes) {
        if let last, compareKeys(key, last) <= 0 {
            isDisordered = true
            return
        }
        last = key
        guard isHoleOpen, partialPages == 0, holes.count < Self.maximumHoles else { return }
        holes[holes.count - 1].before = key
        isHoleOpen = false
    }

    private mutating func note(_ flaw: LMDBFlaw) {
        guard isHoleOpen else {
            holes.append(Hole(flaws: [flaw], after: last, before: nil))
            isHoleOpen = true
            return
        }
        let index = holes.count - 1
        if holes[index].flaws.count < Self.maximumFlaws { holes[index].flaws.append(flaw) }
    }

    /// Of overflow pages nothing but their place is believed: the row's checksum tells whether it was right.
    private func value(_ node: LMDBPage.Node, of page: LMDBPage) -> Result<Bytes, LMDBFlaw> {
        guard node.isOnOverflowPages else { return .success(Bytes(page.bytes[node.data])) }
        let first = page.bytes.withUnsafeBytes { $0.loadLittle(UInt64.self, at: node.data.lowerBound) }
        guard node.dataBytes <= Self.maximumValueBytes, first >= 2, first < pages else {
            return .failure(LMDBFlaw(page: page.number, "a value of \(node.dataBytes) bytes on page \(first)"))
        }
        let room = file.fileBytes - first * UInt64(file.pageBytes)
        guard UInt64(node.dataBytes + LMDBPage.headerBytes) <= room else {
            return .failure(LMDBFlaw(page: first, "the file ends before its data"))
        }
        do throws(StorageError) {
            return .success(try file.overflow(first, count: node.dataBytes))
        } catch {
            return .failure(LMDBFlaw(page: first, error.systemCall?.reason ?? error.message))
        }
    }
}
