import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// A damaged snapshot whose early log is gone: every row that a page still leads to is saved, whatever else is wrong.
@Suite(.serialized) struct SalvageTreeTests {
    private static let pageBytes = 4096
    /// Fields of a meta page, by offset.
    private enum Field: Int, CaseIterable {
        case freeEntries = 72
        case freeRoot = 80
        case branchPages = 96
        case leafPages = 104
        case entries = 120
        case root = 128
        case lastPage = 136
        case transaction = 144
    }

    /// Rows 1 to 200 in one checkpoint, to 220 in the next, to 230 in the log alone.
    private static func make(_ path: String, retained: UInt64 = 0) throws {
        var options = StoreFixture.options
        options.retainLogBytes = retained
        let store = try Store.open(path: path + ".live", options: options)
        try StoreFixture.put(store, 1...200)
        try store.checkpoint()
        try StoreFixture.put(store, 201...220)
        try store.checkpoint()
        try StoreFixture.put(store, 221...230)
        _ = try StoreFilesCopy(source: path + ".live", target: path).run { _ in }
        try store.close()
        let first = try LogInspector(path: path).facts().segments.first?.number ?? 0
        #expect(retained == 0 ? first > 10 : first == 1, "the log begins with segment \(first)")
    }

    /// Segments that begin before a record.
    private static func removeLog(_ path: String, through lsn: UInt64) throws {
        var begins: [(String, UInt64)] = []
        try LogInspector(path: path).walk { event in
            if case .segment(let segment) = event, let header = segment.header {
                begins.append((segment.path, header.firstLSN.rawValue))
            }
        }
        for (path, begin) in begins where begin <= lsn { unlink(path) }
    }

    private static func data(_ path: String) -> String { path + "/snapshot/data.mdb" }

    private static func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        try CheckpointedStore.rewrite(data(path), body)
    }

    private static func get(_ bytes: [UInt8], _ page: Int, _ field: Field) -> UInt64 {
        bytes.withUnsafeBytes { $0.loadLittle(UInt64.self, at: page * pageBytes + field.rawValue) }
    }

    private static func set(_ bytes: inout [UInt8], _ page: Int, _ field: Field, _ value: UInt64) {
        bytes.withUnsafeMutableBytes { $0.baseAddress?.storeLittle(value, at: page * pageBytes + field.rawValue) }
    }

    private static func newest(_ bytes: [UInt8]) -> Int {
        get(bytes, 0, .transaction) > get(bytes, 1, .transaction) ? 0 : 1
    }

    private static func zero(_ bytes: inout [UInt8], page: Int) {
        for index in page * pageBytes..<(page + 1) * pageBytes { bytes[index] = 0 }
    }

    /// Leaf pages of the newest tree, with the numbers of their rows.
    private static func leaves(_ path: String) throws -> [(page: Int, rows: [Int])] {
        let file = try #require(try LMDBFile(data(path)))
        let meta = try file.meta()
        var walk = LMDBTreeWalk(file, meta.rows, lastPage: meta.lastPage, order: .bytes)
        var leaves: [(Int, [Int])] = []
        var leaf = try walk.first()
        while let page = leaf {
            let keys = (0..<page.count).map { String(decoding: page.key($0).dropFirst(2), as: UTF8.self) }
            leaves.append((Int(page.number), keys.compactMap { Int($0.dropFirst("key ".utf8.count)) }))
            leaf = try walk.next()
        }
        return leaves
    }

    private static func salvage(_ home: Scratch, _ store: String, _ name: String) throws -> (run: Run, rows: [Int]) {
        let before = try home.fingerprint(store)
        let run = Run("salvage", store, "--to", home.path + "/" + name)
        #expect(try home.fingerprint(store) == before, "the source is only read")
        guard run.status == .sound || run.status == .damage else { return (run, []) }
        let deep = Run("verify", home.path + "/" + name, "--deep")
        #expect(deep.status == .sound, "\(deep.text)")
        return (run, try StoreFixture.rows(home.path + "/" + name))
    }

    /// Nothing that rows depend on: all of them are there, and counts and digest say so.
    @Test func figuresThatNoRowNeeds() throws {
        let home = try Scratch()
        let original = home.path + "/original"
        try Self.make(original)
        let cases: [(String, (inout [UInt8]) -> Void)] = [
            ("entries", { for page in 0...1 { Self.set(&$0, page, .entries, Self.get($0, page, .entries) + 1) } }),
            (
                "leaf-pages",
                { for page in 0...1 { Self.set(&$0, page, .leafPages, Self.get($0, page, .leafPages) + 1) } }
            ),
            ("branch-pages", { for page in 0...1 { Self.set(&$0, page, .branchPages, 1 << 50) } }),
            ("free-entries", { for page in 0...1 { Self.set(&$0, page, .freeEntries, 77) } }),
            (
                "free-root",
                { bytes in
                    let root = Int(Self.get(bytes, Self.newest(bytes), .freeRoot))
                    Self.zero(&bytes, page: root)
                }
            ),
            ("last-page", { for page in 0...1 { Self.set(&$0, page, .lastPage, 3) } }),
            ("no-last-page", { for page in 0...1 { Self.set(&$0, page, .lastPage, .max) } }),
        ]
        for (name, change) in cases {
            let store = home.path + "/" + name
            _ = try StoreFilesCopy(source: original, target: store).run { _ in }
            try Self.change(store, change)
            #expect(Run("verify", store).status == .damage, "\(name): the engine refuses it")
            let (run, rows) = try Self.salvage(home, store, name + "-saved")
            #expect(run.status == .sound && rows == Array(1...230), "\(name): \(rows.count) \(run.text) \(run.errors)")
        }
    }

    /// One page of the tree: only its own rows are missing, but for those in the log, and the report names the page.
    @Test func aLeafOfNoise() throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try Self.make(store)
        let leaves = try Self.leaves(store)
        #expect(leaves.count > 4)
        let (page, numbers) = leaves[leaves.count / 2]
        var random = SystemSeed(seed: 7)
        try Self.change(store) { bytes in
            for index in page * Self.pageBytes..<(page + 1) * Self.pageBytes { bytes[index] = random.byte() }
        }
        let retained = Int(try LogInspector(path: store).walk().retainedFrom.rawValue)
        let lost = numbers.filter { $0 < retained }
        let (run, rows) = try Self.salvage(home, store, "saved")
        #expect(run.status == .damage && rows == (1...230).filter { !lost.contains($0) }, "\(rows) \(run.text)")
        #expect(run.text.contains("page \(page): ") && run.text.contains("\(numbers.count) rows of"), "\(run.text)")
    }

    /// A file that ends early, at any page.
    @Test func aFileThatEndsEarly() throws {
        let home = try Scratch()
        let original = home.path + "/original"
        try Self.make(original)
        let leaves = try Self.leaves(original)
        let pages = try PosixIO().readFile(Self.data(original), limit: 1 << 24).count / Self.pageBytes
        for page in 2..<pages {
            let store = "\(home.path)/store-\(page)"
            _ = try StoreFilesCopy(source: original, target: store).run { _ in }
            try Self.change(store) { $0.removeLast($0.count - page * Self.pageBytes) }
            let (run, rows) = try Self.salvage(home, store, "saved-\(page)")
            #expect(run.status == .damage || rows == Array(1...230), "\(page): \(run.text)")
            guard !run.text.contains("older image"), !run.text.contains("not readable: ") else { continue }
            let gone = Set(leaves.filter { $0.page >= page }.flatMap(\.rows))
            #expect(Set(rows).isSuperset(of: (1...230).filter { !gone.contains($0) }), "\(page): \(run.text)")
        }
    }

    /// The retained log tells what the page told.
    @Test func aLeafOfNoiseAndTheLog() throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try Self.make(store, retained: .max)
        let page = try Self.leaves(store)[1].page
        try Self.change(store) { Self.zero(&$0, page: page) }
        let (run, rows) = try Self.salvage(home, store, "saved")
        #expect(run.status == .damage && rows == Array(1...230), "\(rows.count) \(run.text)")
    }

    /// A place on the page that leads beyond it costs one row, and a page that says that it holds fewer rows than it does
    /// costs none.
    @Test(arguments: [false, true]) func aPageOfWhichAPartIsWrong(holdsMore: Bool) throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try Self.make(store)
        let (page, numbers) = try Self.leaves(store)[2]
        try Self.change(store) { bytes in
            let start = page * Self.pageBytes
            bytes.withUnsafeMutableBytes { bytes in
                guard let place = bytes.baseAddress.map({ $0 + start }) else { return }
                let lower = UInt16(16 + 2 * (numbers.count - 3))
                place.storeLittle(holdsMore ? lower : 0xFFF0, at: holdsMore ? 12 : 16 + 2 * 5)
            }
        }
        let (run, rows) = try Self.salvage(home, store, "saved")
        let lost = holdsMore ? [] : [numbers[5]]
        #expect(rows == (1...230).filter { !lost.contains($0) }, "\(rows.count) \(run.text)")
        #expect(run.status == (holdsMore ? .sound : .damage), "\(run.text)")
    }

    /// The older image with the log behind it is as good as the newer one, if the log reaches back to it.
    @Test(arguments: [0, UInt64.max], ["meta", "root page", "root"]) func theOlderImage(retained: UInt64, what: String)
        throws
    {
        let home = try Scratch()
        let store = home.path + "/store"
        try Self.make(store, retained: retained)
        if retained == 0 { try Self.removeLog(store, through: 205) }
        try Self.change(store) { bytes in
            let newest = Self.newest(bytes)
            switch what {
            case "meta": Self.zero(&bytes, page: newest)
            case "root": Self.set(&bytes, newest, .root, 0)
            default: Self.zero(&bytes, page: Int(Self.get(bytes, newest, .root)))
            }
        }
        let (run, rows) = try Self.salvage(home, store, "saved")
        #expect(run.text.contains("older image"), "\(run.text)")
        if retained == 0 {
            #expect(run.status == .damage && run.text.contains("LSN 201 to "), "\(run.text)")
            #expect(Set(rows).isSuperset(of: Array(1...200) + Array(221...230)), "\(rows) \(run.text)")
        } else {
            #expect(run.status == .sound && rows == Array(1...230), "\(rows.count) \(run.text)")
        }
    }

    /// Whatever stands in the file: no signal, nothing invented, and "complete" only if all of it is there.
    @Test func anyDamage() throws {
        let home = try Scratch()
        let original = home.path + "/original"
        try Self.make(original)
        for seed in 1...30 as ClosedRange<UInt64> {
            var random = SystemSeed(seed: seed)
            let store = "\(home.path)/store-\(seed)"
            _ = try StoreFilesCopy(source: original, target: store).run { _ in }
            try Self.change(store) { bytes in
                for _ in 0...random.below(6) {
                    let page = random.below(bytes.count / Self.pageBytes) * Self.pageBytes
                    switch random.below(3) {
                    case 0: bytes[page + random.below(160)] ^= 1 << UInt8(random.below(8))
                    case 1: bytes[page + random.below(Self.pageBytes)] = random.byte()
                    default: for index in page..<(page + Self.pageBytes) { bytes[index] = random.byte() }
                    }
                }
            }
            let (run, rows) = try Self.salvage(home, store, "saved-\(seed)")
            #expect([.sound, .damage, .newerFormat].contains(run.status), "seed \(seed): \(run.status) \(run.errors)")
            #expect(rows.allSatisfy { (1...230).contains($0) }, "seed \(seed)")
            #expect(run.status != .sound || rows == Array(1...230), "seed \(seed): \(run.text)")
        }
    }
}

/// Knuth's linear congruential generator: the same bytes at every run.
private struct SystemSeed {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 33) }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }

    private mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
