import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Every place at which a change of keys can be cut short, resumed or taken back, on the real snapshot: the store always
/// names every key that it needs, and opens with those.
@Suite struct KeyRotationTests {
    private static let rows = 60
    private let table = TableID(rawValue: 1)
    private static let (a, b) = (EncryptionKey.random(), EncryptionKey.random())

    /// A change of keys, and the option that it needs.
    struct Change: CustomTestStringConvertible {
        var testDescription: String
        var from: EncryptionKey?
        var to: EncryptionKey?
    }

    static let changes = [
        Change(testDescription: "A to B", from: a, to: b),
        Change(testDescription: "plain to A", from: nil, to: a),
        Change(testDescription: "A to plain", from: a, to: nil),
    ]

    private func options(_ current: EncryptionKey?, _ previous: EncryptionKey?..., existing: Bool = false)
        -> StorageOptions
    {
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.encryption = EncryptionKeys(current: current, previous: previous.compactMap { $0 })
        options.encryptsExistingStore = existing
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        return options
    }

    private func value(_ number: Int) -> Bytes { Bytes(repeating: UInt8(number), count: 100) }

    private func make(_ path: String, _ key: EncryptionKey?) throws {
        let store = try SteppedStore(path, options: options(key))
        for number in 0..<Self.rows {
            _ = try store.log.commit { $0.put(table, key: [UInt8(number)], value: value(number)) }
        }
        store.flush()
        try store.close()
    }

    /// A process that dies: nothing is closed.
    private func abandon(_ store: SteppedStore) {
        store.log.snapshot.close()
        store.log.writer.withLock { $0.log.closeFile() }
    }

    private func readable(_ store: SteppedStore) -> Int {
        (0..<Self.rows).count { number in
            let outcome = Outcome<Bytes?>()
            store.log.read { $0.get(table, key: [UInt8(number)]) }.whenDurable { outcome.set($0) }
            return (try? outcome.value?.get()) == value(number)
        }
    }

    /// Opens the store for the change, commits `steps` transactions of it, each of about 10 rows, and dies.
    private func begin(_ path: String, _ change: Change, steps: Int) throws {
        let store = try SteppedStore(path, options: options(change.to, change.from, existing: change.from == nil))
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        #expect(snapshot.needsReseal)
        try snapshot.reseal(bytes: 1200, transactions: steps)
        #expect(readable(store) == Self.rows)
        abandon(store)
    }

    /// Opens with some keys: every row is there, or the refusal names what is missing.
    private func check(_ path: String, _ options: StorageOptions) throws {
        let given = Set(([options.encryption.current].compactMap { $0 } + options.encryption.previous).map(\.id))
        do throws(StorageError) {
            let store = try SteppedStore(path, options: options)
            #expect(readable(store) == Self.rows)
            abandon(store)
        } catch {
            guard error.code == .unusableKey else {
                #expect(error.code == .damaged || error.code == .notEncrypted)
                return
            }
            let missing = [Self.a, Self.b].map(\.id).filter { !given.contains($0) }
            #expect(missing.contains { error.message.contains("\($0)") }, "\(error)")
        }
    }

    /// p18 of an audit: a rotation that was given up left rows under a key that nothing named.
    @Test(arguments: changes)
    func cutAnywhereThenResumedOrTakenBack(change: Change) throws {
        for steps in 0...8 {
            for isTakenBack in [false, true] {
                let scratch = try ScratchDirectory()
                let path = scratch.path + "/store"
                try make(path, change.from)
                try begin(path, change, steps: steps)
                // Whatever keys are given now, nothing wrong is shown.
                for current in [nil, Self.a, Self.b] { try check(path, options(current)) }
                let (current, previous) = isTakenBack ? (change.from, change.to) : (change.to, change.from)
                if isTakenBack, change.to == nil, steps == 0 {
                    // The snapshot still proves that everything is sealed: plain log behind it isn't believed.
                    let error = #expect(throws: StorageError.self) {
                        _ = try SteppedStore(path, options: options(current, previous, existing: true))
                    }
                    #expect(error?.row == .r15)
                    try SteppedStore(path, options: options(nil, Self.a)).close()
                }
                // The operator must say so only where plain rows are to be believed without a mark.
                let store = try SteppedStore(
                    path,
                    options: options(current, previous, existing: isTakenBack && change.to == nil)
                )
                #expect(readable(store) == Self.rows, "\(steps) \(isTakenBack)")
                _ = try store.log.commit { $0.put(table, key: [255], value: [1]) }
                store.flush()
                try store.close()
                // One more checkpoint retires the log that the other key sealed.
                let once = try SteppedStore(path, options: options(current, previous))
                _ = try once.log.commit { $0.put(table, key: [254], value: [1]) }
                once.flush()
                try once.close()
                let last = try SteppedStore(path, options: options(current))
                #expect(readable(last) == Self.rows, "\(steps) \(isTakenBack)")
                let snapshot = try #require(last.log.snapshot as? LMDBSnapshot)
                #expect(!snapshot.needsReseal && snapshot.row?.furtherKeys == [])
                #expect(try snapshot.audit().damaged.isEmpty)
                try last.close()
            }
        }
    }

    /// Cut, taken back, cut again: both keys stay named until one suffices.
    @Test func aRotationBackAndForth() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/store"
        try make(path, Self.a)
        let there = Self.changes[0]
        let back = Change(testDescription: "B to A", from: Self.b, to: Self.a)
        for (change, steps) in [(there, 2), (back, 1), (there, 3), (back, 1), (there, 1)] {
            try begin(path, change, steps: steps)
            for key in [Self.a, Self.b] {
                let error = #expect(throws: StorageError.self) { _ = try SteppedStore(path, options: options(key)) }
                #expect(error?.code == .unusableKey)
            }
        }
        let error = #expect(throws: StorageError.self) { _ = try SteppedStore(path, options: options(.random())) }
        #expect(error?.message.contains("\(Self.a.id)") == true && error?.message.contains("\(Self.b.id)") == true)
        let store = try SteppedStore(path, options: options(Self.b, Self.a))
        #expect(readable(store) == Self.rows)
        try store.close()
        let last = try SteppedStore(path, options: options(Self.b, Self.a))
        #expect(last.log.snapshot.row?.neededKeys == [Self.b.id])
        try last.close()
    }

    /// A plain row in a snapshot whose checkpoint row proves that there is none.
    @Test func aForgedPlainRowIsRefused() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/store"
        try make(path, Self.a)
        let id = try #require(try FormatFile(io: PosixIO(), directory: LogDirectory(root: path)).read()).store
        let forger = try LMDBSnapshot(path: path + "/snapshot", options: SnapshotOptions(options(nil, Self.a), store: id))
        let row = try #require(forger.row)
        try forger.inTransaction { (transaction) throws(SnapshotFailure) in
            var writer = try LMDBWriter(forger, transaction, after: row, store: id)
            try writer.put([0x58], lsn: 7, SnapshotKey.make(table, [7]))
        }
        forger.close()
        let store = try SteppedStore(path, options: options(Self.a))
        let outcome = Outcome<Bytes?>()
        store.log.read { $0.get(table, key: [7]) }.whenDurable { outcome.set($0) }
        let error = #expect(throws: StorageError.self) { _ = try outcome.value?.get() }
        #expect(error?.row == .r17 && error?.message.contains("not encrypted though all rows are") == true)
        #expect(readable(store) == Self.rows - 1)
        abandon(store)
        // Salvage leaves it out, and says why.
        let report = try StoreSalvage.run(
            from: path,
            to: scratch.path + "/saved",
            keys: EncryptionKeys(current: Self.a)
        )
        let left = (report.lost + report.recovered).filter { $0.key == [7] }
        #expect(left.count == 1 && left.allSatisfy(\.isUnproven), "\(report)")
    }

    /// A checkpoint row that was changed, or replaced by a plain one or by one of the version before.
    @Test func aForgedCheckpointRowIsRefused() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/store"
        try make(path, Self.a)
        let id = try #require(try FormatFile(io: PosixIO(), directory: LogDirectory(root: path)).read()).store
        let snapshotOptions = SnapshotOptions(options(nil, Self.a), store: id)
        let genuine = try LMDBSnapshot(path: path + "/snapshot", options: snapshotOptions)
        let row = try #require(genuine.row)
        genuine.close()
        func forge(_ bytes: Bytes) throws -> StorageError? {
            let forger = try LMDBSnapshot(path: path + "/snapshot", options: snapshotOptions)
            let key = SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow)
            let kept = row.encoded(key: Self.a)
            func write(_ content: Bytes) throws(SnapshotFailure) {
                try forger.inTransaction { (transaction) throws(SnapshotFailure) in
                    var writer = try LMDBWriter(forger, transaction, after: row, store: id)
                    writer.row = row
                    try writer.put(key, content)
                }
            }
            try write(bytes)
            let error = #expect(throws: StorageError.self) { _ = try SteppedStore(path, options: options(Self.a)) }
            try write(kept)
            forger.close()
            return error
        }
        var other = row
        other.position.end.nextLSN.rawValue -= 1
        #expect(try forge(other.encoded(key: Self.a).dropCode(of: row, Self.a))?.message.contains("was changed") == true)
        var plain = row
        plain.keyID = 0
        plain.isAuthenticated = false
        #expect(try forge(plain.encoded())?.code == .damaged)
        plain.keyID = row.keyID
        #expect(try forge(plain.encoded())?.message.contains("was changed") == true)
        #expect(try forge(CheckpointRowTests.older(plain))?.message.contains("an earlier format") == true)
        let store = try SteppedStore(path, options: options(Self.a))
        #expect(readable(store) == Self.rows)
        try store.close()
    }
}

extension Bytes {
    /// The fields of this row with the code of another one, and the right checksum.
    fileprivate func dropCode(of other: CheckpointRow, _ key: EncryptionKey) -> Bytes {
        let code = other.encoded(key: key).dropLast(4).suffix(Authenticator.codeBytes)
        let forged = Bytes(dropLast(4 + Authenticator.codeBytes)) + code
        return forged + CheckpointRowTests.checksum(forged)
    }
}
