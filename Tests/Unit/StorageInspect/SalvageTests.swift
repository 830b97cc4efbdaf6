import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Each kind of damage: what is certain is in the new store, what is lost is named.
@Suite(.serialized) struct SalvageTests {
    private func salvage(_ store: Scratch, _ status: ProcessStatus) async throws -> (Run, [Bytes: String]) {
        let home = try Scratch()
        let target = home.path + "/saved"
        let before = try store.fingerprint(store.path + "/wal")
        let run = Run("salvage", store.path, "--to", target)
        #expect(run.status == status, "\(run.text) \(run.errors)")
        #expect(try store.fingerprint(store.path + "/wal") == before, "the source is only read")
        let deep = Run("verify", target, "--deep")
        #expect(deep.status == .sound, "\(deep.text)")
        return (run, try await CheckpointedStore.content(target))
    }

    private func expected(_ change: (inout [Int: String]) -> Void = { _ in }) -> [Bytes: String] {
        var content = CheckpointedStore.expected()
        change(&content)
        return Dictionary(uniqueKeysWithValues: content.map { (CheckpointedStore.key($0.key), $0.value) })
    }

    @Test func nothingIsDamaged() async throws {
        let (run, content) = try await salvage(try await CheckpointedStore.make(), .sound)
        #expect(content == expected() && run.text.contains("complete: nothing is lost"))
    }

    /// The retained log still has the change that the damaged row held.
    @Test func aDamagedRowComesBackFromTheLog() async throws {
        let store = try await CheckpointedStore.make()
        try CheckpointedStore.damageRow(store, value: "first 3")
        #expect(Run("verify", store.path, "--deep").status == .damage)
        let (run, content) = try await salvage(store, .sound)
        #expect(content == expected() && run.text.contains("table 101 key key 3 (LSN 4) from the log"), "\(run.text)")
    }

    @Test func aDamagedRowIsLostByKey() async throws {
        let store = try await CheckpointedStore.make()
        try CheckpointedStore.damageRow(store, value: "first 3")
        // The log's own copy is damaged too.
        try CheckpointedStore.rewrite(store.segment(1)) { $0[4 * 4096 + 100] ^= 1 }
        let (run, content) = try await salvage(store, .damage)
        #expect(content == expected { $0[3] = nil }, "\(run.text)")
        #expect(run.text.contains("lost row      table 101 key key 3"), "\(run.text)")
    }

    @Test func noSnapshotButTheWholeLog() async throws {
        let store = try await CheckpointedStore.make()
        unlink(store.path + "/snapshot/data.mdb")
        let (run, content) = try await salvage(store, .damage)
        #expect(content == expected(), "\(run.text)")
    }

    /// Pages that LMDB can't follow, or that kill the process which reads them. The state before the first checkpoint and
    /// the whole log are all there ever was.
    @Test(arguments: [0xFF, 0x00, 0x5A] as [UInt8])
    func anUnreadableSnapshot(byte: UInt8) async throws {
        let store = try await CheckpointedStore.make()
        try CheckpointedStore.rewrite(store.path + "/snapshot/data.mdb") { bytes in
            for index in 8192..<bytes.count { bytes[index] = byte }
        }
        let verify = Run("verify", store.path, "--deep")
        #expect(verify.status == .damage && verify.errors.isEmpty, "\(verify.text) \(verify.errors)")
        let (run, content) = try await salvage(store, .sound)
        #expect(content == expected() && run.text.contains("older image"), "\(run.text)")
    }

    /// A batch behind the snapshot: its change is missing, older rows are named as uncertain.
    @Test func aGapBehindTheSnapshot() async throws {
        let store = try await CheckpointedStore.make()
        let batches = Run("batches", store.path, "--json").lines.compactMap { JSON(parsing: Bytes($0.utf8)) }
        let batch = try #require(batches.first { $0["firstLSN"]?.integer == 23 && $0["records"]?.integer == 1 })
        let segment = try #require(batch["segment"]?.integer)
        let offset = Int(try #require(batch["offset"]?.integer))
        try CheckpointedStore.rewrite(store.segment(segment)) { $0[offset + 106] ^= 1 }
        let (run, content) = try await salvage(store, .damage)
        #expect(content == expected { $0[4] = "first 4" }, "\(run.text)")
        #expect(
            run.text.contains("lost          LSN 23") && run.text.contains("likely lost: table 101 key key 4"),
            "\(run.text)"
        )
        #expect(run.text.contains("last certain  LSN 22"), "\(run.text)")
        #expect(run.text.contains("key 19 (LSN 20)"), "uncertain rows are named: \(run.text)")
    }

    /// A whole segment behind the snapshot is gone: what came after it is still saved, and the gap is named.
    @Test func aMissingSegment() async throws {
        let home = try Scratch()
        let store = home.path + "/store"
        try StoreFixture.killed(store, checkpointAfter: 20, rows: 90)
        let segments = try LogInspector(path: store).facts().segments.map(\.number)
        #expect(segments.count > 4)
        let missing = segments[segments.count - 3]
        unlink(StoreFixture.segment(store, missing))
        #expect(Run("verify", store).status == .damage)
        let run = Run("salvage", store, "--to", home.path + "/saved")
        #expect(run.status == .damage && run.text.contains("segment \(missing)"), "\(run.text) \(run.errors)")
        let rows = try StoreFixture.rows(home.path + "/saved")
        #expect(rows.contains(20) && rows.contains(90) && rows.count < 90, "\(rows)")
        #expect(rows == rows.sorted() && Set(1...90).isSuperset(of: rows))
        // A key that may have changed in the gap has no certain value.
        let get = Run("get", store, "--table", "1", "key 20")
        #expect(get.status != .sound, "\(get.text) \(get.errors)")
    }

    @Test func noFormat() async throws {
        let store = try await CheckpointedStore.make()
        unlink(store.path + "/FORMAT")
        let (_, content) = try await salvage(store, .sound)
        #expect(content == expected())
    }

    @Test func theTargetMustBeNew() async throws {
        let store = try await CheckpointedStore.make()
        let run = Run("salvage", store.path, "--to", store.path)
        #expect(run.status == .usage && run.errors.hasPrefix("error: "), "\(run.errors)")
    }
}
