import Testing

@testable import Storage
@testable import iii_storage_inspect

/// A store of the engine in the operator's words: scopes and keys, streams, groups and items, no tables.
@Suite(.serialized) struct EngineRowTests {
    private func check(_ name: String, _ words: [String], in scratch: Scratch, _ status: ProcessStatus = .sound) throws
    {
        for isJSON in [false, true] {
            let words = words + (isJSON ? ["--json"] : [])
            let run = Run(words.map { Snapshot.replace("/STORE", by: scratch.path, in: $0) })
            #expect(run.status == status, "\(words): \(run.errors)")
            for line in run.lines where isJSON { #expect(JSONCheck.keys(line) != nil, "\(line)") }
            try Snapshot.check("engine-\(name)\(isJSON ? "-json" : "")", run, words, in: scratch)
        }
    }

    @Test func listsAndValues() throws {
        let scratch = try Scratch()
        _ = try EngineStore(scratch.path + "/s")
        let before = try scratch.fingerprint()
        try check("state", ["state", "/STORE/s"], in: scratch)
        try check("state-scope", ["state", "/STORE/s", "notes"], in: scratch)
        try check("state-page", ["state", "/STORE/s", "a/b", "--limit", "1"], in: scratch)
        try check("state-after", ["state", "/STORE/s", "--after", "again"], in: scratch)
        try check("state-none", ["state", "/STORE/s", "once"], in: scratch, .no)
        try check("streams", ["streams", "/STORE/s"], in: scratch)
        try check("streams-groups", ["streams", "/STORE/s", "chat"], in: scratch)
        try check("streams-items", ["streams", "/STORE/s", "chat", "room-1"], in: scratch)
        try check("streams-none", ["streams", "/STORE/s", "chat", "room-9"], in: scratch, .no)
        let first = ["--scope", "notes", "--key", "first"]
        try check("get", ["get", "/STORE/s"] + first, in: scratch)
        try check("get-then", ["get", "/STORE/s"] + first + ["--at", "2026-07-04T12:00:06Z"], in: scratch)
        try check(
            "get-item",
            ["get", "/STORE/s", "--stream", "chat", "--group", "room-1", "--item", "m2"],
            in: scratch
        )
        try check("get-gone", ["get", "/STORE/s", "--scope", "notes", "--key", "second"], in: scratch, .no)
        try check("history", ["history", "/STORE/s"] + first, in: scratch)
        let gone = ["--stream", "chat", "--group", "room-1", "--item", "m1"]
        try check("history-item", ["history", "/STORE/s"] + gone, in: scratch)
        try check("records", ["records", "/STORE/s"], in: scratch)
        #expect(try scratch.fingerprint() == before, "nothing is touched")
    }

    /// A long name stands in keys by its beginning and a hash: where a row has all of it, all of it is shown.
    @Test func longNamesAreShownWhole() throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/s").path
        let long = EngineStore.long
        #expect(Run("state", store, "a/b").lines.contains { $0.hasPrefix(long) })
        let get = Run("get", store, "--scope", "a/b", "--key", long)
        #expect(get.text.contains("state \"a/b\"/\(long)\n") && get.text.contains("value   true"), "\(get.text)")
        let records = Run("records", store, "--full", "--kind", "put")
        #expect(records.text.contains("state \"a/b\"/\(long)  "), "\(records.text)")
        #expect(Run("history", store, "--scope", "a/b", "--key", long).lines.count == 4)
    }

    /// Names come from the snapshot where the log no longer has them; ids that were given again have the name of their time.
    @Test func namesAreThoseOfTheirTime() throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/s", retained: 0)
        let last = Run("records", store.path, "--from", String(store.checkpoint.rawValue + 1))
        for text in ["state notes/first", "state once/k", "state again/k", "stream chat/room-1/m2"] {
            #expect(last.text.contains("  \(text)  "), "\(text): \(last.text)")
        }
        #expect(
            last.text.contains("delete  state notes/second ") && last.text.contains("delete  stream chat/room-1/m1 ")
        )
        #expect(!last.text.contains("#"), "\(last.text)")
    }

    @Test func differencesAndDamageAreNamed() throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/s")
        let live = Run("diff", scratch.path + "/s", scratch.path + "/s.live")
        #expect(live.status == .sound, "\(live.text)")
        _ = try EngineStore(scratch.path + "/other", retained: 0)
        let io = PosixIO()
        let more = try Store.open(path: scratch.path + "/other.live", options: StorageOptions())
        try more.commit { $0.delete(TableID(rawValue: 4), key: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]) }.wait()
        try more.close()
        let other = Run("diff", store.path, scratch.path + "/other.live", "--ignore-lsn")
        #expect(other.status == .no && other.text.contains("only in the first  state notes/first "), "\(other.text)")
        // The row of m1 in room-2, in the snapshot: its key has but numbers.
        let file = store.path + "/snapshot/data.mdb"
        let bytes = try io.readFile(file, limit: 1 << 24)
        var damaged = bytes
        let row: [UInt8] = Array("1m1".utf8) + [0, 0, 0, 2]
        for start in bytes.indices.dropLast(row.count) where bytes[start...].starts(with: row) { damaged[start] ^= 1 }
        try io.replaceFile(file, in: store.path + "/snapshot", with: damaged)
        let verify = Run("verify", store.path, "--deep")
        #expect(
            verify.status == .damage && verify.text.contains("lost row      stream chat/room-2/m1: "),
            "\(verify.text)"
        )
        let salvage = Run("salvage", store.path, "--to", scratch.path + "/saved")
        #expect(salvage.text.contains("recovered     stream chat/room-2/m1 (LSN"), "\(salvage.text)")
        #expect(!salvage.text.contains("#"), "\(salvage.text)")
    }

    @Test(
        arguments: [
            ["get", "/tmp", "--scope", "s"], ["get", "/tmp", "--scope", "s", "--key", "k", "--stream", "x"],
            ["get", "/tmp", "k"], ["get", "/tmp", "--stream", "s", "--group", "g"], ["history", "/tmp"],
            ["history", "/tmp", "k", "--scope", "s", "--key", "k"], ["state", "/tmp", "--limit", "0"],
        ]
    )
    func oneValueHasToBeNamed(words: [String]) {
        let run = Run(words)
        #expect(run.status == .usage && run.output.isEmpty && run.errors.hasPrefix("error: "), "\(run.errors)")
    }
}
