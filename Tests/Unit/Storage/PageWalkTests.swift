import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A page of the tree that a device never wrote, or wrote over another one, ended the process of whoever read it: LMDB follows
/// what stands there. Tools look at all pages first, an engine at those of a small tree; every page is damaged here in many
/// ways, in a process of its own.
@Suite struct PageWalkTests {
    @Test func everyDamageToAPageIsNamedOrSound() async {
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            DamagedTree.report()
        }
        // A signal leaves no last line.
        let text = String(decoding: child?.standardOutputContent ?? [], as: UTF8.self)
        #expect(text.hasSuffix("all named or sound\n"), "\(text.suffix(1000))")
    }

    @Test func aSoundTreeIsWalkedBesideItsEngine() throws {
        let scratch = try ScratchDirectory()
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        let store = try Store.open(path: scratch.path, options: options)
        for round in 0..<5 {
            for number in 0..<200 {
                let key = Bytes("key \(number * 7919 % 1000)".utf8)
                try store.commit { $0.put(TableID(rawValue: 1), key: key, value: Bytes(repeating: 7, count: 300 + round)) }
                    .wait()
            }
            try store.checkpoint()
            let report = try SnapshotInspector(path: scratch.path, pages: .always).rows()
            #expect(report.isSound)
        }
        try store.close()
    }
}

private struct DamagedTree {
    enum Damage: CaseIterable {
        /// As if it had never been written.
        case zeros, noise
        /// Another page's content.
        case otherPage
        /// Its number, kind and bounds; where its first nodes are; the first nodes.
        case header, slots, nodes
    }

    /// Of those that put chance bytes.
    private static let rounds = 4

    static func report() {
        do {
            print(try DamagedTree().run())
        } catch {
            print("failed: \(error)")
        }
    }

    private let scratch: ScratchDirectory
    private let options: StorageOptions
    private let store: StoreID
    private let sound: Bytes

    private var directory: LogDirectory { LogDirectory(root: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory(in: "/dev/shm")
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.useDirectIO = .off
        let store = try Store.open(path: scratch.path, options: options)
        for round in 0..<3 {
            for number in 0..<300 {
                // Long keys make a tree of three levels.
                let key = Bytes("key \(number * 7919 % 1000) ".utf8) + Bytes(repeating: 0x6B, count: 300)
                let size = number % 20 == 0 ? 9000 : 60 + round
                var noise = SeededGenerator(seed: UInt64(1000 * round + number))
                let value = (0..<size).map { _ in UInt8.random(in: 0...255, using: &noise) }
                try store.commit { $0.put(TableID(rawValue: 1), key: key, value: value) }.wait()
            }
            try store.checkpoint()
        }
        try store.close()
        self.options = options
        self.store = try #require(try FormatFile(io: PosixIO(), directory: LogDirectory(root: scratch.path)).read()).store
        sound = try PosixIO().readFile(LogDirectory(root: scratch.path).snapshotData, limit: 1 << 26)
    }

    func run() throws -> String {
        var (named, found, shown) = (0, 0, 0)
        let pages = sound.count / LogLimits.blockBytes
        for page in 2..<pages {
            for damage in Damage.allCases {
                for round in 0..<(damage == .zeros ? 1 : Self.rounds) {
                    var noise = SeededGenerator(seed: UInt64(page * 100 + round))
                    try write(sound, damage, page, of: pages, &noise)
                    do {
                        try openAsAnEngine()
                        let snapshot = try SnapshotInspector(path: scratch.path, pages: .always)
                        let report = try snapshot.rows()
                        if report.isSound { shown += 1 } else { found += 1 }
                    } catch let error as StorageError {
                        guard error.row == .r17 else { return "page \(page), \(damage): \(error)" }
                        named += 1
                    }
                }
            }
        }
        guard pages > 50, named > 500, found > 20, shown > 20 else {
            return "\(pages) pages, \(named) named, \(found) found in rows, \(shown) in free pages"
        }
        return "\(pages) pages, \(named) named, \(found) found in rows, \(shown) in free pages: all named or sound"
    }

    private func openAsAnEngine() throws(StorageError) {
        let snapshot = try LMDBSnapshot.open(directory, options, store: store, create: false)
        defer { snapshot.close() }
        // Tolerates damaged rows; what LMDB can't follow was refused.
        _ = try? snapshot.audit()
    }

    private func write(
        _ bytes: Bytes,
        _ damage: Damage,
        _ page: Int,
        of pages: Int,
        _ noise: inout SeededGenerator
    ) throws {
        var bytes = bytes
        let start = page * LogLimits.blockBytes
        func chance(_ range: Range<Int>, _ count: Int) {
            for _ in 0..<count {
                bytes[start + Int.random(in: range, using: &noise)] = UInt8.random(in: 0...255, using: &noise)
            }
        }
        switch damage {
        case .zeros: for index in 0..<LogLimits.blockBytes { bytes[start + index] = 0 }
        case .noise: chance(0..<LogLimits.blockBytes, LogLimits.blockBytes)
        case .otherPage:
            let other = Int.random(in: 2..<pages, using: &noise) * LogLimits.blockBytes
            bytes.replaceSubrange(start..<start + LogLimits.blockBytes, with: sound[other..<other + LogLimits.blockBytes])
        case .header: chance(0..<LMDBPage.headerBytes, 1)
        case .slots: chance(LMDBPage.headerBytes..<LMDBPage.headerBytes + 8, 1)
        case .nodes: chance(3000..<LogLimits.blockBytes, 4)
        }
        let file = open(directory.snapshotData, O_WRONLY | O_CLOEXEC)
        guard file >= 0, pwrite(file, bytes, bytes.count, 0) == bytes.count, close(file) == 0 else {
            throw SystemCallError(call: "pwrite", number: errno, path: directory.snapshotData)
        }
    }
}
