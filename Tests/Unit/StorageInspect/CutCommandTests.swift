import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// The cut: at the place of the refusal and nowhere else, everything before it stays.
@Suite struct CutCommandTests {
    /// Damage of a store with rows 1 to 60, 10 of them in the snapshot; how many rows stay.
    enum Damage: CaseIterable {
        case payload, firstBatch, header, missingSegment

        /// Segment 1 holds rows 1 to 14 and its last batch, segment 2 rows 15 to 28, segment 3 from 29 on.
        func apply(_ store: String) throws {
            let second = StoreFixture.segment(store, 2)
            switch self {
            case .payload: try StoreFixture.damage(second, at: 5 * LogLimits.blockBytes + 90)
            case .firstBatch: try StoreFixture.damage(second, at: LogLimits.blockBytes)
            case .header: try StoreFixture.damage(second, at: 40)
            case .missingSegment: #expect(unlink(second) == 0)
            }
        }
    }

    /// LMDB's lock file is written by readers too.
    private func fingerprint(_ scratch: Scratch, _ store: String) throws -> [String] {
        try scratch.fingerprint(store).filter { !$0.contains("/lock.mdb ") }
    }

    private func refusal(_ store: String) -> StorageError? {
        do {
            try Store.open(path: store, options: StoreFixture.options).close()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: Damage.allCases)
    func cutWhereTheEngineRefuses(damage: Damage) throws {
        let scratch = try Scratch()
        let (store, copy) = (scratch.path + "/store", scratch.path + "/copy")
        try StoreFixture.killed(store, checkpointAfter: 10, rows: 60)
        let firstOfSecond = try firstRow(inSegment: 2, store)
        try damage.apply(store)
        let refusal = try #require(self.refusal(store))
        let place = "\(try #require(refusal.segment)):\(refusal.offset ?? 0)"
        let before = try fingerprint(scratch, store)

        let arguments = ["cut", store, "--copy-to", copy, "--accept-data-loss"]
        for wrong in ["1:4096", "3:4096", "2:8192", "9:0"] where wrong != place {
            let run = Run(arguments + [wrong, "--yes"])
            #expect(run.status == .usage && run.errors.contains("not at all"), "\(damage) \(wrong): \(run.errors)")
        }
        let asked = Run(arguments + [place])
        #expect(asked.status == .usage && asked.errors.contains("add --yes"), "\(damage): \(asked.errors)")
        #expect(asked.text.contains("lost"), "shown before anything happens")
        #expect(try fingerprint(scratch, store) == before && access(copy, F_OK) != 0, "nothing was changed")

        let run = Run(arguments + [place, "--yes"])
        #expect(run.status == .sound, "\(damage): \(run.errors)")
        let kept = damage == .payload ? firstOfSecond + 3 : firstOfSecond - 1
        #expect(try StoreFixture.rows(store) == Array(1...kept), "\(damage)")
        #expect(self.refusal(copy)?.message == refusal.message, "the copy is as it was")
        #expect(Run("verify", store).status == .sound)
        #expect(self.refusal(store) == nil)
    }

    private func firstRow(inSegment number: UInt64, _ store: String) throws -> Int {
        var first: Int?
        try LogInspector(path: store).walk { event in
            if case .batch(let batch) = event, batch.segment == number, first == nil {
                first = Int(batch.firstLSN.rawValue)
            }
        }
        return try #require(first)
    }

    /// What is shown and done, and the note that stays in the log.
    @Test func reportAndNote() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 10, rows: 60)
        try Damage.payload.apply(store)
        let words = ["cut", "/STORE/store", "--accept-data-loss", "2:20480", "--copy-to", "/STORE/copy"]
        let real = words.map { Snapshot.replace("/STORE", by: scratch.path, in: $0) }
        try Snapshot.check("cut-plan", Run(real), words, in: scratch)
        try Snapshot.check("cut-plan-json", Run(real + ["--json"]), words + ["--json"], in: scratch)
        try Snapshot.check("cut", Run(real + ["--yes"]), words + ["--yes"], in: scratch)
        let notes = Run("records", store, "--kind", "note", "--full")
        #expect(notes.text.contains("log cut at 2:20480 by "), "\(notes.text)")
    }

    @Test func nothingToCut() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 10, rows: 20)
        let run = Run("cut", store, "--accept-data-loss", "1:4096", "--copy-to", scratch.path + "/c", "--yes")
        #expect(run.status == .usage && run.errors.contains("nothing to cut"), "\(run.errors)")
        for place in ["1", "1:", ":1", "0:1", "a:b", "1:2:3"] {
            let run = Run("cut", store, "--accept-data-loss", place, "--copy-to", scratch.path + "/c")
            #expect(run.status == .usage, "\(place)")
        }
    }

    /// An engine has it open: not even a plan is carried out.
    @Test func notWhileItIsOpen() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 10, rows: 60)
        try Damage.payload.apply(store)
        let lock = try DirectoryLock.take(LogDirectory(root: store))
        defer { lock.release() }
        let run = Run("cut", store, "--accept-data-loss", "2:20480", "--copy-to", scratch.path + "/c", "--yes")
        #expect(run.status == .usage && run.errors.contains("already open"), "\(run.errors)")
        #expect(access(scratch.path + "/c", F_OK) != 0)
    }
}
