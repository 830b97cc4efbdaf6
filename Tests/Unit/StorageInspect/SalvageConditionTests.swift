import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// "Complete" is said only of a store of which nothing is missing, and nothing of two stores is mixed.
@Suite(.serialized) struct SalvageConditionTests {
    private func salvage(_ home: Scratch, _ store: String, _ words: String...) throws -> (run: Run, rows: [Int]) {
        let run = Run(["salvage", store, "--to", home.path + "/saved"] + words)
        #expect(run.status == .damage && !run.text.contains("complete: nothing"), "\(run.text) \(run.errors)")
        return (run, words.isEmpty ? try StoreFixture.rows(home.path + "/saved") : [])
    }

    private func removeLog(_ store: String, _ numbers: [UInt64]) {
        for number in numbers { unlink(StoreFixture.segment(store, number)) }
    }

    /// HEAD knows that there was one more.
    @Test func theNewestSegmentIsMissing() throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 20, rows: 90)
        let newest = try #require(try StoreFixture.segments(store).last)
        removeLog(store, [newest])
        let (run, rows) = try salvage(home, store)
        #expect(run.text.contains("log segment \(newest) is missing: HEAD"), "\(run.text)")
        #expect(rows == Array(1...rows.count) && rows.count >= 60, "\(rows.count)")
    }

    @Test(arguments: [false, true]) func allSegmentsAreMissing(headToo: Bool) throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 20, rows: 90)
        removeLog(store, try StoreFixture.segments(store))
        if headToo {
            unlink(store + "/wal/HEAD")
            rmdir(store + "/wal")
            #expect(access(store + "/wal", F_OK) != 0)
        }
        let (run, rows) = try salvage(home, store)
        #expect(run.text.contains(headToo ? "there is no log" : "none is here"), "\(run.text)")
        #expect(rows == Array(1...20))
    }

    /// The snapshot of another store beside this one's log.
    @Test func theSnapshotOfAnotherStore() throws {
        let home = try Scratch()
        let (store, other) = (home.path + "/store", home.path + "/other")
        try StoreFixture.closed(store, rows: 40, options: StoreFixture.keepingLog)
        let open = try Store.open(path: other, options: StoreFixture.keepingLog)
        try StoreFixture.put(open, 900...990)
        try open.close()
        try replaceSnapshot(of: store, by: other)
        let (run, rows) = try salvage(home, store)
        #expect(rows == Array(1...40), "\(rows)")
        #expect(run.text.contains("the log was taken, the snapshot was not"), "\(run.text)")
    }

    /// A copy of the store that went on by itself: same id, other records. What is a whole by itself is taken, alone.
    @Test(arguments: [false, true]) func theSnapshotOfAFork(isLogWhole: Bool) throws {
        let home = try Scratch()
        let (store, fork) = (home.path + "/store", home.path + "/fork")
        let (rows, forked) = (1...60, 61...90)
        try makeFork(store, fork)
        if !isLogWhole { removeLog(store, Array(try StoreFixture.segments(store).prefix(2))) }
        try replaceSnapshot(of: store, by: fork)
        let verify = Run("verify", store)
        #expect(verify.status == .damage && verify.text.contains("R10"), "\(verify.text)")
        let (run, saved) = try salvage(home, store)
        #expect(saved == (isLogWhole ? Array(rows) : Array(1...40) + Array(forked)), "\(saved)")
        let taken = isLogWhole ? "the log was taken, the snapshot was not" : "the snapshot was taken, the log was not"
        #expect(run.text.contains(taken), "\(run.text)")
    }

    /// Somebody without the key puts a plain snapshot in place of a sealed one: no row of it is sealed by the salvage.
    @Test(arguments: [false, true]) func aPlainSnapshotOfAnEncryptedStore(isLogWhole: Bool) throws {
        let home = try Scratch()
        let (store, forged, key) = (home.path + "/store", home.path + "/forged", home.path + "/key")
        #expect(Run("keygen", "--output", key).status == .sound)
        var options = StoreFixture.keepingLog
        try StoreFixture.closed(store, rows: 40, options: options)
        _ = try StoreFilesCopy(source: store, target: forged).run { _ in }
        let forger = try Store.open(path: forged, options: options)
        try forger.commit { $0.put(StoreFixture.table, key: StoreFixture.key(7), value: Bytes("forged".utf8)) }.wait()
        try forger.close()
        options.encryption.current = try EncryptionKey(file: key)
        options.encryptsExistingStore = true
        let open = try Store.open(path: store, options: options)
        try StoreFixture.put(open, 41...60)
        try open.close()
        if !isLogWhole { removeLog(store, Array(try StoreFixture.segments(store).prefix(1))) }
        try replaceSnapshot(of: store, by: forged)
        let (run, _) = try salvage(home, store, "--key-file", key)
        options.encryptsExistingStore = false
        let get = Run("get", home.path + "/saved", "--table", "1", "key 7", "--key-file", key)
        #expect(!get.text.contains("forged"), "\(get.text) \(run.text)")
        #expect(isLogWhole == get.text.contains("value 7"), "\(get.text) \(get.errors)")
        #expect(
            run.text.contains(isLogWhole ? "the snapshot was not" : "rows that are not encrypted were left out"),
            "\(run.text)"
        )
    }

    private func replaceSnapshot(of store: String, by other: String) throws {
        let bytes = try PosixIO().readFile(other + "/snapshot/data.mdb", limit: 1 << 24)
        try PosixIO().replaceFile(store + "/snapshot/data.mdb", in: store + "/snapshot", with: bytes)
    }

    /// Both have rows 1 to 40; the store goes on to 60, the fork with 61 to 90.
    private func makeFork(_ store: String, _ fork: String) throws {
        try StoreFixture.closed(store, rows: 40, options: StoreFixture.keepingLog)
        _ = try StoreFilesCopy(source: store, target: fork).run { _ in }
        for (path, rows) in [(store, 41...60), (fork, 61...90)] {
            let open = try Store.open(path: path, options: StoreFixture.keepingLog)
            try StoreFixture.put(open, rows)
            try open.close()
        }
    }
}
