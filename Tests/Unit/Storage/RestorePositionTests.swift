import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// A restore gives exactly the position or time that was asked for, or fails, says which ones it can give, and leaves
/// nothing behind. Before, a moment earlier than the backup's checkpoint gave the content of a later one.
@Suite struct RestorePositionTests {
    /// How a backup is made, and whether the log of the store, which went on, is given to the restore.
    struct Variant: CustomTestStringConvertible {
        var isEncrypted: Bool
        /// By a process beside the engine: the log begins at the checkpoint.
        var isCopy: Bool
        var hasLog: Bool

        static let all = [false, true].flatMap { encrypted in
            [false, true].flatMap { copy in
                [false, true].map { Variant(isEncrypted: encrypted, isCopy: copy, hasLog: $0) }
            }
        }

        var testDescription: String {
            "\(isEncrypted ? "encrypted" : "plain"), \(isCopy ? "copy" : "backup"), \(hasLog ? "with" : "without") log"
        }
    }

    fileprivate static let transactions = 3
    /// Committed after the backup: only the log given holds them.
    fileprivate static let later = 1

    @Test(arguments: Variant.all)
    func everyPositionAndCheckpoint(variant: Variant) throws {
        for checkpoint in 0...Self.transactions {
            let history = try History(variant, checkpoint: checkpoint)
            let last = Self.transactions + (variant.hasLog ? Self.later : 0)
            for lsn in 0...UInt64(2 * last + 1) {
                let transaction = Int(lsn / 2)
                // The second half of a transaction is left out with its first.
                let isHeld = transaction >= 1 && lsn <= 2 * last && (history.isWhole || lsn >= 2 * checkpoint)
                try history.expect(.through(LSN(rawValue: lsn)), isHeld ? transaction : nil)
            }
            for half in 0...(2 * last + 3) {
                let time = History.time(0) + UInt64(half) * History.tick / 2
                let latest = variant.hasLog || variant.isCopy ? History.time(last) : history.madeAt
                let isHeld =
                    time >= History.time(1) && time <= latest && (history.isWhole || time >= History.time(checkpoint))
                try history.expect(.until(time), isHeld ? min(half / 2, last) : nil)
            }
            try history.expect(.everything, last)
        }
    }

    /// What the manifest of an older version doesn't say is not guessed.
    @Test func aBackupThatDoesNotSayWhatItCovers() throws {
        let history = try History(Variant(isEncrypted: false, isCopy: false, hasLog: false), checkpoint: 2)
        let path = history.backup + "/" + BackupManifest.name
        var manifest = try BackupManifest(decoding: try PosixIO().readFile(path, limit: 1 << 16))
        #expect(manifest.coveredUntil == history.madeAt)
        manifest.coveredUntil = nil
        try PosixIO().replaceFile(path, in: history.backup, with: manifest.encoded())
        try history.expect(.until(History.time(Self.transactions)), Self.transactions)
        try history.expect(.until(History.time(Self.transactions) + 1), nil)
    }

    @Test func theRefusalNamesWhatCanBeHad() throws {
        let history = try History(Variant(isEncrypted: false, isCopy: true, hasLog: false), checkpoint: 3)
        #expect(!history.isWhole)
        let early = try #require(history.refusal(.until(History.time(1))))
        #expect(
            early.message.hasPrefix(
                "the backup can't give 1970-01-01T00:00:01.000000000Z: it gives LSN 6 to 6, "
                    + "1970-01-01T00:00:03.000000000Z to 1970-01-01T00:00:03.000000000Z; "
            ),
            "\(early.message)"
        )
        let late = try #require(history.refusal(.through(LSN(rawValue: 7))))
        #expect(late.message.hasPrefix("the backup can't give LSN 7: it gives LSN 6 to 6, "), "\(late.message)")
        let first = try History(Variant(isEncrypted: false, isCopy: false, hasLog: false), checkpoint: 0)
        let inside = try #require(first.refusal(.through(LSN(rawValue: 1))))
        #expect(inside.message.contains("the first transaction ends later"), "\(inside.message)")
    }

    /// What comes after the position may be missing or damaged in any way.
    @Test(arguments: ["missing", "header", "payload"])
    func damageAfterThePosition(kind: String) throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        let options = History.options(ManualClock(), nil)
        let (path, log) = (scratch.path + "/store", scratch.path + "/log")
        let store = try Store.open(path: path, options: options)
        for number in 1...5 { try History.put(store, number) }
        _ = try store.backup(to: scratch.path + "/backup")
        for number in 6...100 { try History.put(store, number) }
        _ = try StoreFilesCopy(source: path, target: log).run { _ in }
        try store.close()
        // Each segment holds 14 transactions.
        let segment = LogDirectory(root: log).segment(SegmentNumber(rawValue: 4))
        if kind == "missing" { try PosixIO().unlink(segment) }
        if kind != "missing" {
            let file = try PosixIO().open(segment, .update)
            let offset: UInt64 = kind == "header" ? 40 : 2 * 4096 + 90
            _ = try withUnsafeBytes(of: UInt8(0x55)) { try PosixIO().pwrite(file, $0, at: offset) }
            PosixIO().close(file)
        }
        for transaction in [1, 5, 6, 20, 42] {
            let target = scratch.path + "/at-\(transaction)"
            let report = try StoreRestore.run(
                backup: scratch.path + "/backup",
                target: target,
                position: .through(LSN(rawValue: UInt64(2 * transaction))),
                log: log,
                options: options
            )
            #expect(report.through == LSN(rawValue: UInt64(2 * transaction)))
            #expect(try History.rows(target, options) == History.model(transaction))
        }
        #expect(throws: StorageError.self) {
            try StoreRestore.run(
                backup: scratch.path + "/backup",
                target: scratch.path + "/none",
                position: .through(LSN(rawValue: 180)),
                log: log,
                options: options
            )
        }
        #expect(try PosixIO().list(scratch.path).allSatisfy { !$0.hasPrefix("none") })
    }

    @Test func theLogOfAnotherStore() throws {
        let history = try History(Variant(isEncrypted: false, isCopy: false, hasLog: false), checkpoint: 1)
        let other = history.scratch.path + "/other"
        try Store.open(path: other).close()
        for (log, words) in [(other, "the log is of another store"), (other + "-none", "no store")] {
            let error = #expect(throws: StorageError.self) {
                try StoreRestore.run(backup: history.backup, target: other + "-new", log: log)
            }
            #expect(error?.code == .unusableDirectory && "\(error as Any)".contains(words), "\(error as Any)")
        }
        #expect(try !PosixIO().exists(other + "-new") && !PosixIO().exists(other + "-new.partial"))
    }

    /// A log that memory can't hold is taken into the snapshot on the way, segment by segment.
    @Test(arguments: [1, 3, 7, 40, 41, 100])
    func aLongLogIsTakenInOnTheWay(upTo transaction: Int) throws {
        let scratch = try ScratchDirectory()
        let options = History.options(ManualClock(), nil)
        let store = try Store.open(path: scratch.path + "/store", options: options)
        for number in 1...100 { try History.put(store, number) }
        _ = try StoreFilesCopy(source: scratch.path + "/store", target: scratch.path + "/copy").run { _ in }
        try store.close()
        let directory = LogDirectory(root: scratch.path + "/copy")
        var opening = LogOpening(io: PosixIO(), root: directory.root, options: options) {
            (id, create) throws(StorageError) in
            try LMDBSnapshot.open(directory, options, store: id, create: create)
        }
        opening.overlayBytesLimit = 1
        opening.limit = .through(LSN(rawValue: UInt64(2 * transaction)))
        let opened = try opening.run()
        #expect(opened.overlay.isEmpty && opened.report.recoveredLSN == LSN(rawValue: UInt64(2 * transaction)))
        // Every segment but the last was a checkpoint of its own.
        #expect(Int(opened.snapshot.row?.generation ?? 0) == opened.report.segmentsRead)
        let log = LogStore(options: options, io: PosixIO(), opened: opened)
        log.refuseCommits()
        try log.closeLog()
        #expect(try History.rows(directory.root, options) == History.model(transaction))
    }
}

/// A store of transactions with two records each; the first ones are in the snapshot.
private final class History {
    static let tick: UInt64 = 1_000_000_000
    private static let table = TableID(rawValue: 1)
    private static let key = EncryptionKey.random()

    let scratch: ScratchDirectory
    let backup: String
    let isWhole: Bool
    let madeAt: UInt64
    private let log: String?
    private let options: StorageOptions
    private var restores = 0

    static func time(_ transaction: Int) -> UInt64 { UInt64(transaction) * tick }

    init(_ variant: RestorePositionTests.Variant, checkpoint: Int) throws {
        let (transactions, later) = (RestorePositionTests.transactions, RestorePositionTests.later)
        scratch = try ScratchDirectory(in: "/dev/shm")
        backup = scratch.path + "/backup"
        let clock = ManualClock()
        options = Self.options(clock, variant.isEncrypted ? Self.key : nil)
        let path = scratch.path + "/store"
        // Closing takes a checkpoint; every opening begins a segment.
        for number in stride(from: 1, through: checkpoint, by: 1) {
            clock.now.withLock { $0 = Self.time(number) }
            let store = try Store.open(path: path, options: options)
            try Self.put(store, number)
            try store.close()
        }
        let store = try Store.open(path: path, options: options)
        for number in stride(from: checkpoint + 1, through: transactions, by: 1) {
            clock.now.withLock { $0 = Self.time(number) }
            try Self.put(store, number)
        }
        madeAt = Self.time(transactions) + Self.tick / 2
        clock.now.withLock { [madeAt] in $0 = madeAt }
        if variant.isCopy {
            _ = try StoreCopy.run(store: path, to: backup, options: options)
        } else {
            _ = try store.backup(to: backup)
        }
        log = variant.hasLog ? scratch.path + "/log" : nil
        if let log {
            for number in (transactions + 1)...(transactions + later) {
                clock.now.withLock { $0 = Self.time(number) }
                try Self.put(store, number)
            }
            _ = try StoreFilesCopy(source: path, target: log).run { _ in }
        }
        let hasBeginning = try PosixIO().exists(LogDirectory(root: backup).segment(.first))
        isWhole = variant.hasLog || hasBeginning
        try store.close()
    }

    static func options(_ clock: ManualClock, _ key: EncryptionKey?) -> StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        options.sealAfterIdleNanoseconds = 0
        options.lingerNanoseconds = 0
        options.retainLogBytes = .max
        options.clock = clock.storageClock
        options.encryption.current = key
        return options
    }

    static func put(_ store: Store, _ number: Int) throws {
        try store.commit { transaction in
            transaction.put(table, key: Bytes("key \(number % 3)".utf8), value: Bytes("value \(number)".utf8))
            transaction.put(table, key: Bytes("last".utf8), value: Bytes("\(number)".utf8))
        }.wait()
    }

    static func model(_ transaction: Int) -> [String: String] {
        var rows: [String: String] = [:]
        for number in 1...transaction {
            rows["key \(number % 3)"] = "value \(number)"
            rows["last"] = "\(number)"
        }
        return rows
    }

    static func rows(_ path: String, _ options: StorageOptions) throws -> [String: String] {
        var rows: [String: String] = [:]
        let report = try SnapshotInspector(path: path, keys: options.encryption).rows { row in
            rows[String(decoding: row.key, as: UTF8.self)] = String(decoding: row.value, as: UTF8.self)
            return true
        }
        #expect(report.isSound)
        return rows
    }

    /// nil: the position can't be had.
    func expect(_ position: RestorePosition, _ transaction: Int?) throws {
        restores += 1
        let target = scratch.path + "/restored-\(restores)"
        do {
            let report = try StoreRestore.run(
                backup: backup,
                target: target,
                position: position,
                log: log,
                options: options
            )
            guard let transaction else {
                Issue.record("\(position) can't be had, but LSN \(report.through) was reported")
                return
            }
            #expect(report.through == LSN(rawValue: UInt64(2 * transaction)), "\(position)")
            #expect(try Self.rows(target, options) == Self.model(transaction), "\(position)")
            #expect(try !PosixIO().exists(target + "/quarantine"), "what came later is not wanted")
        } catch let error as StorageError {
            #expect(transaction == nil && error.code == .positionNotHeld, "\(position): \(error)")
            #expect(try !PosixIO().exists(target))
        }
        #expect(try !PosixIO().exists(target + ".partial"))
    }

    func refusal(_ position: RestorePosition) -> StorageError? {
        do {
            _ = try StoreRestore.run(
                backup: backup,
                target: scratch.path + "/refused",
                position: position,
                log: log,
                options: options
            )
            return nil
        } catch {
            return error
        }
    }
}

/// The wall clock stands still until a test moves it.
private final class ManualClock: Sendable {
    let now = Mutex<UInt64>(1)

    var storageClock: StorageClock {
        StorageClock(
            wallNanoseconds: { self.now.withLock { $0 } },
            monotonicNanoseconds: StorageClock.system.monotonicNanoseconds
        )
    }
}
