import Adapters
import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// import-upstream and export-upstream: what is in the files is in the store, and the other way round.
@Suite struct UpstreamCommandTests {
    private static let scopes: [(String, [(key: String, value: Bytes)])] = [
        ("users", [("b", Bytes("1".utf8)), ("a", Bytes(#"{"name":"x"}"#.utf8)), ("", Bytes("null".utf8))]),
        ("a/b", [("k", Bytes(#""v""#.utf8))]), ("empty", []), ("stream:chat:1", [("m", Bytes("1".utf8))]),
        ("stream:chat:2", [("n", Bytes("2".utf8)), ("m", Bytes("3".utf8))]),
        ("stream:chat2:1", [("m", Bytes("4".utf8))]),
        ("long " + String(repeating: "n", count: 200), [(String(repeating: "k", count: 600), Bytes("[1,2]".utf8))]),
    ]

    private func volume(_ scratch: Scratch, _ name: String = "volume") throws -> String {
        let path = scratch.path + "/" + name
        mkdir(path, 0o700)
        let writer = UpstreamVolumeWriter(path: path)
        for (scope, entries) in Self.scopes { try writer.write(index: scope, entries) }
        return path
    }

    private func check(_ name: String, _ words: [String], _ status: ProcessStatus, _ scratch: Scratch) throws {
        let run = Run(words.map { Snapshot.replace("/STORE", by: scratch.path, in: $0) })
        #expect(run.status == status, "\(name): \(run.errors)")
        for line in run.lines where words.contains("--json") { #expect(JSONCheck.keys(line) != nil, "\(line)") }
        try Snapshot.check(name, run, words, in: scratch)
    }

    @Test func thereAndBack() throws {
        let scratch = try Scratch()
        let volume = try volume(scratch)
        let before = try scratch.fingerprint(volume)
        try check("import", ["import-upstream", "/STORE/volume", "--to", "/STORE/s"], .sound, scratch)
        try check("import-json", ["import-upstream", "/STORE/volume", "--to", "/STORE/s2", "--json"], .sound, scratch)
        #expect(try scratch.fingerprint(volume) == before, "the volume is only read")
        try check("export", ["export-upstream", "/STORE/s", "--to", "/STORE/v"], .sound, scratch)
        try check("export-json", ["export-upstream", "/STORE/s", "--to", "/STORE/v2", "--json"], .sound, scratch)
        let names = try PosixIO().list(volume).filter { $0 != "empty.bin" }.sorted()
        #expect(try PosixIO().list(scratch.path + "/v").sorted() == names, "a scope without entries has no rows")
        for name in names {
            let original = try PosixIO().readFile("\(volume)/\(name)", limit: 1 << 20)
            #expect(try PosixIO().readFile("\(scratch.path)/v/\(name)", limit: 1 << 20) == original, "\(name)")
        }
    }

    @Test func damageStreamsAndOthers() throws {
        let scratch = try Scratch()
        let volume = try volume(scratch)
        let writer = UpstreamVolumeWriter(path: volume)
        try writer.write(index: "stream:chat:room:1", [(key: "m1", value: Bytes("{}".utf8))])
        let lock = #"{"expires_at_ms":1,"owner":"x"}"#
        try writer.write(index: "cron_locks", [(key: "job", value: Bytes(lock.utf8))])
        try writer.write(index: "_queue_lists", [(key: "queue:default:waiting", value: Bytes("[]".utf8))])
        let io = PosixIO()
        let users = try io.readFile(volume + "/users.bin", limit: 1 << 20)
        try io.replaceFile(volume + "/cut.bin", in: volume, with: users.dropLast(9))
        try io.replaceFile(volume + "/zeros.bin", in: volume, with: [UInt8](repeating: 0, count: 64))
        try io.replaceFile(volume + "/x.bin.tmp", in: volume, with: [1])
        try io.replaceFile(volume + "/notes", in: volume, with: [1])
        try check("import-damaged", ["import-upstream", "/STORE/volume", "--to", "/STORE/s"], .damage, scratch)
        try check(
            "import-salvage",
            ["import-upstream", "/STORE/volume", "--to", "/STORE/t", "--salvage"],
            .damage,
            scratch
        )
        let skipped = try StoredContent(StoreReader(path: scratch.path + "/s"), .state).paths()
        let salvaged = try StoredContent(StoreReader(path: scratch.path + "/t"), .state).paths()
        #expect(Set(salvaged).subtracting(skipped) == [["cut"]])
        let groups = try StoredContent(StoreReader(path: scratch.path + "/s"), .stream).paths()
        #expect(groups == [["chat", "1"], ["chat", "2"], ["chat", "room:1"], ["chat2", "1"]])
    }

    /// `--for` says who had the directory.
    @Test func theOwnerDecides() throws {
        let scratch = try Scratch()
        let volume = try volume(scratch)
        #expect(Run("import-upstream", volume, "--for", "state", "--to", scratch.path + "/s").status == .sound)
        let scopes = Run("state", scratch.path + "/s").text
        for name in ["stream:chat:1", "stream:chat2:1", "users", "a/b"] { #expect(scopes.contains(name), "\(scopes)") }
        #expect(Run("streams", scratch.path + "/s").lines.count == 1, "only the headline")
        let run = Run("import-upstream", volume, "--for", "stream", "--to", scratch.path + "/t")
        #expect(
            run.status == .usage && run.errors.contains("a%2Fb.bin and 3 more can't be attributed"),
            "\(run.errors)"
        )
        #expect(access(scratch.path + "/t", F_OK) != 0 && access(scratch.path + "/t.partial", F_OK) != 0)
    }

    @Test func refusals() throws {
        let scratch = try Scratch()
        let volume = try volume(scratch)
        for words in [
            ["import-upstream", volume], ["import-upstream", scratch.path + "/none", "--to", scratch.path + "/s"],
            ["import-upstream", volume, "--to", volume],
            ["export-upstream", volume, "--to", scratch.path + "/v"],
        ] {
            let run = Run(words)
            #expect(run.status == .usage && run.errors.hasPrefix("error: "), "\(words): \(run.errors)")
        }
        mkdir(scratch.path + "/s.partial", 0o700)
        try PosixIO().replaceFile(scratch.path + "/s.partial/mine", in: scratch.path + "/s.partial", with: [1])
        let run = Run("import-upstream", volume, "--to", scratch.path + "/s")
        #expect(run.status == .usage && run.errors.contains("not what an interrupted run"), "\(run.errors)")
        #expect(access(scratch.path + "/s.partial/mine", F_OK) == 0)
    }

    /// Names that upstream can't save are left out and named.
    @Test func scopesThatUpstreamCannotHold() throws {
        let scratch = try Scratch()
        let store = try Store.open(path: scratch.path + "/s", options: StoreFixture.options)
        let entries = [(key: "k", value: Bytes("1".utf8))]
        var state = try ContentImport(store: store, .state)
        for scope in [String(repeating: "ü", count: 100), "fine", "stream:a:b"] { try state.add([scope], entries) }
        try state.finish()
        var streams = try ContentImport(store: store, .stream)
        for path in [["a", "b"], ["a", "b:c"], ["a:b", "c"]] { try streams.add(path, entries) }
        try streams.finish()
        #expect(throws: StorageError.self) { try ContentImport(store: store, .state) }
        try store.close()
        try check("export-refused", ["export-upstream", "/STORE/s", "--to", "/STORE/v"], .no, scratch)
        #expect(
            try PosixIO().list(scratch.path + "/v").sorted()
                == ["fine.bin", "stream%3Aa%3Ab%3Ac.bin", "stream%3Aa%3Ab.bin"]
        )
    }
}
