import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Export, import, diff, and look-ups on snapshot and log together.
@Suite(.serialized) struct ExchangeTests {
    @Test func whatIsExportedIsImported() async throws {
        let store = try await CheckpointedStore.make()
        let home = try Scratch()
        let file = home.path + "/content.ndjson"
        #expect(Run("export", store.path, "--output", file).status == .sound)
        let printed = Run("export", store.path)
        #expect(printed.output == (try PosixIO().readFile(file, limit: 1 << 20)) && printed.lines.count == 21)
        let run = Run("import", file, "--to", home.path + "/new")
        #expect(run.status == .sound, "\(run.errors)")
        let same = Run("diff", store.path, home.path + "/new")
        #expect(same.status == .sound && same.text == "equal: 20 rows\n", "\(same.text) \(same.errors)")
        #expect(try await CheckpointedStore.content(home.path + "/new").count == 20)
    }

    @Test func truncatedOrChangedExportsAreRefused() async throws {
        let home = try Scratch()
        let file = home.path + "/content.ndjson"
        let store = try await CheckpointedStore.make()
        let export = Run("export", store.path)
        try #require(export.lines.count == 21, "\(export.errors)")
        let lines = export.lines
        let bad: [(String, String)] = [
            (lines.dropLast().joined(separator: "\n") + "\n", "without a trailer"),
            (([lines[0]] + lines.dropFirst(2)).joined(separator: "\n") + "\n", "the trailer counts 20 rows"),
            (
                ([lines[1], lines[0]] + lines.dropFirst(2)).joined(separator: "\n") + "\n",
                "line 2: the row does not follow"
            ),
            ("{\"table\":101}\n", "line 1: \"key\""), ("nonsense\n", "line 1: this is not"),
            ((lines + ["{}"]).joined(separator: "\n"), "something follows"),
        ]
        for (text, message) in bad {
            try PosixIO().replaceFile(file, in: home.path, with: Array(text.utf8))
            let run = Run("import", file, "--to", home.path + "/new")
            #expect(run.status == .damage && run.errors.contains(message), "\(run.errors)")
            #expect(access(home.path + "/new", F_OK) != 0 && access(home.path + "/new.partial", F_OK) != 0)
        }
    }

    @Test func differencesAreNamed() async throws {
        let first = try await CheckpointedStore.make()
        let second = try await CheckpointedStore.make(rows: 19, changes: 5)
        let run = Run("diff", first.path, second.path, "--ignore-lsn")
        #expect(run.status == .no)
        #expect(run.text.contains("only in the first") && run.text.contains("key 19"))
        #expect(run.lines.last == "-- 1 only in the first, 0 only in the other, 1 different, 18 equal", "\(run.text)")
    }

    @Test func aDamagedStoreIsNotExported() async throws {
        let store = try await CheckpointedStore.make()
        try CheckpointedStore.damageRow(store, value: "first 3")
        let run = Run("export", store.path)
        #expect(run.status == .damage && !run.text.contains("trailer"))
    }

    /// Log and snapshot decide together; what neither knows is said.
    @Test func valuesComeFromLogOrSnapshot() async throws {
        let store = try await CheckpointedStore.make(retained: 0)
        let now = Run("get", store.path, "key 3", "--table", "101", "--json")
        #expect(now.text.contains("\"value\":\"first 3\"") && now.text.contains("\"source\":\"snapshot\""))
        let changed = Run("get", store.path, "key 2", "--table", "101", "--json")
        #expect(changed.text.contains("\"value\":\"second 1\"") && changed.text.contains("\"source\":\"log\""))
        let then = Run("get", store.path, "key 3", "--table", "101", "--at", "10", "--json")
        #expect(then.text.contains("\"value\":\"first 3\""), "set by LSN 4 and unchanged up to the snapshot")
        let history = Run("history", store.path, "key 3", "--table", "101")
        #expect(history.text.contains("the snapshot of LSN 20 holds it as set by LSN 4: first 3"), "\(history.text)")
    }

    /// A page of garbage drops rows without a word from LMDB: never exported, and called complete only if an older image and
    /// the log have all of them.
    @Test(arguments: [0xFF, 0x00] as [UInt8])
    func missingRowsAreNoticed(byte: UInt8) async throws {
        let store = try await CheckpointedStore.make(rows: 300, changes: 0, retained: 0)
        try CheckpointedStore.rewrite(store.path + "/snapshot/data.mdb") { bytes in
            let row = Array("first 150".utf8)
            let place = bytes.indices.first { bytes[$0] == row[0] && bytes[$0...].starts(with: row) } ?? 0
            let page = place / 4096
            for index in (page * 4096)..<((page + 1) * 4096) { bytes[index] = byte }
        }
        #expect(Executable.shell("$TOOL verify --deep \(store.path)").status == 3)
        #expect(Executable.shell("$TOOL export \(store.path)").status == 3)
        let home = try Scratch()
        let saved = Executable.shell("$TOOL salvage \(store.path) --to \(home.path)/saved")
        let isWhole = try await CheckpointedStore.content("\(home.path)/saved").count == 300
        #expect(saved.status == (isWhole ? 0 : 3), "\(saved.output)")
        #expect(saved.output.contains(isWhole ? "complete: nothing is lost" : "incomplete"), "\(saved.output)")
    }

    @Test func theSnapshotSaysWhatItIs() async throws {
        let store = try await CheckpointedStore.make()
        let run = Run("snapshot", store.path, "--rows", "--table", "101", "--limit", "2")
        #expect(run.status == .sound && run.text.contains("LSN              20"), "\(run.text)")
        #expect(run.lines.last?.contains("key 1") == true, "\(run.text)")
        let deep = Run("verify", store.path, "--deep")
        #expect(deep.status == .sound && deep.text.contains("20 rows compared: as the log says"), "\(deep.text)")
    }
}
