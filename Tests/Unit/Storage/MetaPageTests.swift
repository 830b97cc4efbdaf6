import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A turned bit in LMDB's meta pages once ended the process with SIGILL at each start, lengthened the file to gigabytes or
/// passed `verify --deep`: LMDB believes what it maps. Every byte in use is turned here, in processes of their own.
@Suite struct MetaPageTests {
    /// The child's last line, which it can't write if a signal ends it.
    private func expectSound(_ result: ExitTest.Result?) {
        let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
        #expect(text.hasSuffix("all refused or sound\n"), "\(text.suffix(1000))")
    }

    @Test func everyDamageToTheFirstMetaPageIsRefusedOrSound() async {
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            DamagedMetaPages.report { try $0.run(page: 0) }
        }
        expectSound(child)
    }

    @Test func everyDamageToTheSecondMetaPageIsRefusedOrSound() async {
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            DamagedMetaPages.report { try $0.run(page: 1) }
        }
        expectSound(child)
    }

    /// A page in the list of free pages that is in use would be written over by later commits, without any error.
    @Test func everyDamageToTheListOfFreePagesIsRefusedOrSound() async {
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            DamagedMetaPages.report { try $0.runFreeList() }
        }
        expectSound(child)
    }

    /// LMDB may leave free pages off the end. Any other page that the file doesn't have is lost.
    @Test func aFileThatEndsEarlyIsRefusedOrSound() async {
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            DamagedMetaPages.report { try $0.runEarlyEnds() }
        }
        expectSound(child)
    }
}

extension LMDBMeta.Tree {
    fileprivate var counts: [UInt64] { [branchPages, leafPages, overflowPages, entries] }
}

/// A small snapshot with rows, large values and free pages, and what it must hold.
struct DamagedMetaPages {
    private let scratch: ScratchDirectory
    private let options: StorageOptions
    private let store: StoreID
    private let row: CheckpointRow
    private let audit: SnapshotAudit
    let sound: Bytes
    private let meta: LMDBMeta

    private var directory: LogDirectory { LogDirectory(root: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory(in: "/dev/shm")
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.useDirectIO = .off
        let table = TableID(rawValue: 1)
        for round in 0..<6 {
            let store = try SteppedStore(scratch.path, options: options)
            for number in 0..<120 {
                let key = Bytes("key \(number)".utf8)
                let size = number % 10 == 0 ? 9000 : 40
                _ = try store.log.commit { transaction in
                    if round == 5, number % 3 == 0 {
                        transaction.delete(table, key: key)
                    } else {
                        // No compression makes it smaller.
                        var noise = SeededGenerator(seed: UInt64(1000 * round + number))
                        let value = (0..<size).map { _ in UInt8.random(in: 0...255, using: &noise) }
                        transaction.put(table, key: key, value: value)
                    }
                }
            }
            store.flush()
            try store.close()
        }
        self.options = options
        sound = try PosixIO().readFile(LogDirectory(root: scratch.path).snapshotData, limit: 64 << 20)
        store = try #require(try FormatFile(io: PosixIO(), directory: LogDirectory(root: scratch.path)).read()).store
        meta = try #require(try LMDBStructure.check(LogDirectory(root: scratch.path).snapshotData))
        let snapshot = try LMDBSnapshot.open(LogDirectory(root: scratch.path), options, store: store, create: false)
        defer { snapshot.close() }
        row = try #require(snapshot.row)
        audit = try snapshot.audit()
        guard audit.digest == row.digest, !meta.free.isEmpty, meta.rows.overflowPages > 0, meta.rows.depth > 1 else {
            throw StorageError(.damaged, "not the store that this test is about")
        }
    }

    static func report(_ body: (DamagedMetaPages) throws -> Void) {
        do {
            try body(DamagedMetaPages())
            print("all refused or sound")
        } catch {
            print("failed: \(error)")
        }
    }

    func write(_ bytes: Bytes) throws {
        let io = PosixIO()
        let file = try io.open(directory.snapshotData, .update)
        defer { io.close(file) }
        try io.truncate(file, to: UInt64(bytes.count))
        try bytes.withUnsafeBytes { try io.writeAll(file, $0, at: 0) }
    }

    /// As if the tree were too large to be walked.
    func open() throws(StorageError) -> LMDBSnapshot {
        try LMDBSnapshot.open(directory, options, store: store, create: false, walkedPages: 0)
    }

    func run(page: Int) throws {
        let start = page * LogLimits.blockBytes
        try run(start..<start + LMDBMeta.encodedBytes)
    }

    /// All bytes in use of the tree's pages, or enough of them.
    func runFreeList() throws {
        let start = Int(meta.free.root) * LogLimits.blockBytes
        try run(start..<start + 64)
        // Nodes are at the page's end.
        try run(start + LogLimits.blockBytes - 128..<start + LogLimits.blockBytes)
    }

    func runEarlyEnds() throws {
        var refused = 0
        for bytes in stride(from: 2 * LogLimits.blockBytes, to: sound.count, by: LogLimits.blockBytes) {
            try write(Bytes(sound[..<bytes]))
            if try isRefused("\(bytes) bytes") { refused += 1 }
        }
        guard refused > sound.count / LogLimits.blockBytes / 2 else { throw StorageError(.damaged, "\(refused) refused") }
    }

    private func run(_ range: Range<Int>) throws {
        var refused = 0
        var soundCases = 0
        for offset in range {
            let byte = sound[offset]
            for value in (0..<8).map({ byte ^ 1 << UInt8($0) }) + [0, 0xFF] where value != byte {
                var bytes = sound
                bytes[offset] = value
                try write(bytes)
                if try isRefused("offset \(offset), \(byte) -> \(value)") { refused += 1 } else { soundCases += 1 }
            }
        }
        print("\(range): \(refused) refused, \(soundCases) sound")
    }

    /// The newest transaction's number is damaged and the other meta page is taken, as after a commit that was cut short:
    /// an older checkpoint, and the log since then if it is still there.
    private func checkThatTheLogHeals(_ name: String) throws {
        let copy = try ScratchDirectory(in: "/dev/shm")
        let io = PosixIO()
        for part in ["", "/wal", "/snapshot"] {
            mkdir(copy.path + part, 0o700)
            for file in try io.list(scratch.path + part) where !["wal", "snapshot", "lock.mdb"].contains(file) {
                let bytes = try io.readFile("\(scratch.path)\(part)/\(file)", limit: 64 << 20)
                let made = try io.open("\(copy.path)\(part)/\(file)", .create)
                defer { io.close(made) }
                try bytes.withUnsafeBytes { try io.writeAll(made, $0, at: 0) }
            }
        }
        do throws(StorageError) {
            let opened = try SteppedStore(copy.path, options: options)
            do { try opened.close() } catch { throw StorageError(.damaged, "\(name): \(error)") }
        } catch {
            guard error.row == .r10 || error.row == .r11 else { throw error }
            return
        }
        let healed = try LMDBSnapshot.open(LogDirectory(root: copy.path), options, store: store, create: false)
        defer { healed.close() }
        guard try healed.audit() == audit else { throw StorageError(.damaged, "\(name): not healed") }
    }

    /// False: it opens, holds everything, and goes on.
    private func isRefused(_ name: String) throws -> Bool {
        let snapshot: LMDBSnapshot
        do {
            snapshot = try open()
        } catch {
            guard error.row == .r17 else { throw error }
            return true
        }
        defer { snapshot.close() }
        if let found = snapshot.row, found.generation + 1 == row.generation {
            try checkThatTheLogHeals(name)
            return false
        }
        guard snapshot.row == row, try snapshot.audit() == audit else { throw StorageError(.damaged, "\(name): wrong") }
        let counts = try LMDBStructure.check(directory.snapshotData)?.rows.counts
        guard counts == meta.rows.counts else { throw StorageError(.damaged, "\(name): counts are believed") }
        for number in 1...2 {
            let change = Overlay()
            let lsn = row.position.lsn.rawValue + UInt64(number)
            let entry = TableEntry(key: Bytes("new".utf8), value: Bytes(repeating: UInt8(number), count: 9000), lsn: lsn)
            change.set(entry, in: change.table(TableID(rawValue: 2)))
            let written = try snapshot.apply(change, row.position)
            let audit = try snapshot.audit()
            guard audit.damaged.isEmpty, audit.digest == written.digest, audit.counts == written.counts else {
                throw StorageError(.damaged, "\(name): wrong after commit \(number)")
            }
        }
        guard snapshot.size.fileBytes < sound.count + 64 * LogLimits.blockBytes else {
            throw StorageError(.damaged, "\(name): the file has \(snapshot.size.fileBytes) bytes")
        }
        return false
    }
}
