import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// `restore --log`: a log that is not whole, or not of the store that the backup was made of, is named as what it is.
@Suite(.serialized) struct RestoreLogTests {
    private func goOn(_ store: String, _ rows: ClosedRange<Int>) throws {
        let open = try Store.open(path: store, options: StoreFixture.keepingLog)
        try StoreFixture.put(open, rows)
        try open.close()
    }

    /// HEAD says that the newest segment is missing, or that there was a log at all: refused as `verify` does, unless the
    /// wanted position is there.
    @Test(arguments: [false, true]) func anEndThatIsMissing(isAll: Bool) throws {
        let home = try Scratch()
        let (store, backup) = (home.path + "/store", home.path + "/b")
        try StoreFixture.closed(store, rows: 20, options: StoreFixture.keepingLog)
        #expect(Run("backup", store, "--to", backup).status == .sound)
        try goOn(store, 21...90)
        let numbers = try StoreFixture.segments(store)
        for number in isAll ? numbers : numbers.suffix(1) { unlink(StoreFixture.segment(store, number)) }
        #expect(Run("verify", store).status == .damage)
        let all = Run("restore", backup, "--to", home.path + "/r", "--log", store)
        #expect(all.status == .damage && all.errors.contains("HEAD"), "\(all.status) \(all.text) \(all.errors)")
        #expect(access(home.path + "/r", F_OK) != 0)
        let through = Run("restore", backup, "--to", home.path + "/r", "--log", store, "--through", isAll ? "15" : "35")
        #expect(through.status == .sound, "\(through.errors)")
        #expect(
            try StoreFixture.rows(home.path + "/r", options: StoreFixture.keepingLog) == Array(1...(isAll ? 15 : 35))
        )
    }

    /// The backup is of a restored store, the log of the store before that; and the other way round.
    @Test func aLogOfAnotherIncarnation() throws {
        let home = try Scratch()
        let (store, restored) = (home.path + "/store", home.path + "/restored")
        try StoreFixture.closed(store, rows: 20, options: StoreFixture.keepingLog)
        #expect(Run("backup", store, "--to", home.path + "/b1").status == .sound)
        #expect(Run("restore", home.path + "/b1", "--to", restored).status == .sound)
        try goOn(store, 21...90)
        try goOn(restored, 120...130)
        #expect(Run("backup", store, "--to", home.path + "/b-store").status == .sound)
        #expect(Run("backup", restored, "--to", home.path + "/b-restored").status == .sound)
        for (backup, log) in [("b-restored", store), ("b-store", restored)] {
            let run = Run("restore", home.path + "/" + backup, "--to", home.path + "/r", "--log", log)
            #expect(
                run.status == .usage && run.errors.contains("another incarnation"),
                "\(backup): \(run.text) \(run.errors)"
            )
            #expect(access(home.path + "/r", F_OK) != 0)
        }
        // What goes on where the backup ends is taken, also behind a cut or with the same incarnation.
        let own = Run("restore", home.path + "/b1", "--to", home.path + "/r", "--log", store)
        #expect(own.status == .sound, "\(own.errors)")
        #expect(try StoreFixture.rows(home.path + "/r", options: StoreFixture.keepingLog) == Array(1...90))
    }

    /// A copy that went on by itself keeps the incarnation.
    @Test func aLogOfAFork() throws {
        let home = try Scratch()
        let (store, fork) = (home.path + "/store", home.path + "/fork")
        try StoreFixture.closed(store, rows: 20, options: StoreFixture.keepingLog)
        _ = try StoreFilesCopy(source: store, target: fork).run { _ in }
        try goOn(store, 21...30)
        try goOn(fork, 41...50)
        #expect(Run("backup", store, "--to", home.path + "/b").status == .sound)
        let run = Run("restore", home.path + "/b", "--to", home.path + "/r", "--log", fork)
        #expect(run.status == .usage && run.errors.contains("went on by itself"), "\(run.text) \(run.errors)")
    }
}
