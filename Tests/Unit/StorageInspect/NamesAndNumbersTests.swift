import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Names that something has are never replaced, and numbers out of files are bounded before they are counted with.
@Suite(.serialized) struct NamesAndNumbersTests {
    private static func write(_ text: String, to path: String, _ scratch: Scratch) throws {
        try PosixIO().replaceFile(path, in: scratch.path, with: Array(text.utf8))
    }

    private static func read(_ path: String) throws -> String {
        String(decoding: try PosixIO().readFile(path, limit: 1 << 20), as: UTF8.self)
    }

    /// `export w --output w/FORMAT` destroyed the store, and exited with 0.
    @Test func anExportReplacesNothing() throws {
        let scratch = try Scratch()
        let (store, file) = (scratch.path + "/store", scratch.path + "/rows")
        try StoreFixture.closed(store, rows: 20)
        for target in [store + "/FORMAT", store + "/snapshot", "/dev/full"] {
            let run = Run("export", store, "--output", target)
            #expect(run.status == .usage && run.errors.contains("something is there already"), "\(run.errors)")
        }
        #expect(try StoreFixture.rows(store) == Array(1...20))
        let whole = Run("export", store).text
        // What an interrupted run leaves is emptied by the next one.
        for left in ["", String(whole.prefix(5)), String(whole.prefix(300))] {
            try Self.write(left, to: file + ".partial", scratch)
            chmod(file + ".partial", 0o600)
            #expect(Run("export", store, "--output", file).status == .sound, "\(left)")
            #expect(try Self.read(file) == whole && access(file + ".partial", F_OK) != 0)
            unlink(file)
        }
        try Self.write("a letter", to: file + ".partial", scratch)
        let stranger = Run("export", store, "--output", file)
        #expect(
            stranger.status == .usage && stranger.errors.contains("something is there already"),
            "\(stranger.errors)"
        )
        #expect(try Self.read(file + ".partial") == "a letter")
        unlink(file + ".partial")
        symlink(store + "/FORMAT", file + ".partial")
        #expect(Run("export", store, "--output", file).status == .usage)
        #expect(try StoreFixture.rows(store) == Array(1...20))
    }

    /// A foreign `DIR.verify` left a backup that looked complete and that nobody had proved.
    @Test func aBackupLooksAtItsNamesFirst() throws {
        let scratch = try Scratch()
        let (store, backup) = (scratch.path + "/store", scratch.path + "/b")
        try StoreFixture.closed(store, rows: 5)
        for name in [".verify", ".partial"] {
            try Self.write("mine", to: backup + name, scratch)
            let before = try scratch.fingerprint(store)
            #expect(Run("backup", store, "--to", backup).status == .usage)
            for path in [backup, backup + ".partial"] where path != backup + name {
                #expect(access(path, F_OK) != 0, "\(path)")
            }
            #expect(try scratch.fingerprint(store) == before && Self.read(backup + name) == "mine")
            unlink(backup + name)
        }
        #expect(Run("backup", store, "--to", backup).status == .sound)
    }

    /// The proof fails: nothing stays that looks like a backup.
    @Test func aBackupThatCanNotBeProvedIsRemoved() throws {
        let scratch = try Scratch()
        let (store, backup) = (scratch.path + "/store", scratch.path + "/b")
        try StoreFixture.closed(store, rows: 5)
        #expect(Run("backup", store, "--to", backup).status == .sound)
        StoreRestore.discard(backup)
        #expect(access(backup, F_OK) != 0)
    }

    @Test func exitCodesOfOutputsAndParents() throws {
        let scratch = try Scratch()
        let (store, backup) = (scratch.path + "/store", scratch.path + "/b")
        try StoreFixture.closed(store, rows: 5)
        #expect(Run("backup", store, "--to", backup).status == .sound)
        #expect(Run("export", store, "--output", scratch.path + "/rows").status == .sound)
        #expect(Executable.shell("$TOOL verify \(store) > /dev/full").status == 74)
        let none = scratch.path + "/none/target"
        for words in [
            ["backup", store, "--to", none], ["restore", backup, "--to", none], ["salvage", store, "--to", none],
            ["import", scratch.path + "/rows", "--to", none], ["export-upstream", store, "--to", none],
            ["export", store, "--output", none], ["keygen", "--output", none],
        ] {
            let run = Run(words)
            #expect(run.status == .usage, "\(words): \(run.status) \(run.errors)")
        }
    }

    /// Rows with a trailer whose checksum is right.
    private static func export(_ rows: [(table: Int, key: String, lsn: UInt64)], through: UInt64, only: TableID? = nil)
        -> String
    {
        var text = ""
        var trailer = ExportTrailer(through: LSN(rawValue: through), onlyTable: only)
        for row in rows {
            let line =
                #"{"table":\#(row.table),"key":"\#(row.key)","keyEncoding":"utf8","value":"v","valueEncoding":"utf8","lsn":\#(row.lsn)}"#
                + "\n"
            trailer.add(Bytes(line.utf8), of: TableID(rawValue: UInt16(row.table)))
            text += line
        }
        return text + trailer.json.line + "\n"
    }

    @Test func importsAreBounded() throws {
        let scratch = try Scratch()
        let (file, target) = (scratch.path + "/rows", scratch.path + "/new")
        let row = (table: 101, key: "k", lsn: UInt64(1))
        let bad: [(String, String)] = [
            (Self.export([row], through: .max), "throughLSN"),
            (Self.export([row], through: .max - 1), "throughLSN"),
            (Self.export([(101, "k", .max - 1)], through: 5), "\"lsn\" must be a number"),
            (Self.export([(0, "k", 1)], through: 5), "from 1 to 65534"),
        ]
        for (text, message) in bad {
            try Self.write(text, to: file, scratch)
            let run = Run("import", file, "--to", target)
            #expect(run.status == .damage && run.errors.contains(message), "\(run.errors)")
            for path in [target, target + ".partial"] { #expect(access(path, F_OK) != 0) }
        }
        try Self.write(Self.export([row], through: StorageLimits.lsn.rawValue), to: file, scratch)
        #expect(Run("import", file, "--to", target).status == .sound)
        let store = try Store.open(path: target, options: StoreFixture.options)
        try store.commit { $0.put(TableID(rawValue: 101), key: [1], value: [1]) }.wait()
        try store.close()
    }

    /// A store of one table's rows shows ghosts: names without values, or values without names.
    @Test func anExportOfOneTableIsNoStore() throws {
        let scratch = try Scratch()
        let (file, target) = (scratch.path + "/rows", scratch.path + "/new")
        let store = try EngineStore(scratch.path + "/store").path
        #expect(Run("export", store, "--table", "4", "--output", file).status == .sound)
        let run = Run("import", file, "--to", target)
        #expect(run.status == .usage && run.errors.contains("only table 4"), "\(run.errors)")
        for path in [target, target + ".partial"] { #expect(access(path, F_OK) != 0) }
        #expect(Run("import", file, "--to", target, "--incomplete").status == .sound)
    }

    @Test(arguments: [UInt64.max, 1 << 62, 1 << 40, 3]) func aManifestWithWrongSizes(bytes: UInt64) throws {
        let scratch = try Scratch()
        let (store, backup, target) = (scratch.path + "/store", scratch.path + "/b", scratch.path + "/r")
        try StoreFixture.closed(store, rows: 5)
        #expect(Run("backup", store, "--to", backup).status == .sound)
        let path = backup + "/MANIFEST"
        var manifest = try BackupManifest(decoding: try PosixIO().readFile(path, limit: 1 << 20))
        manifest.files[0].bytes = bytes
        try PosixIO().replaceFile(path, in: backup, with: manifest.encoded())
        for words in [["restore", backup, "--to", target], ["backup", "--verify", backup]] {
            let run = Run(words)
            #expect(run.status == .damage, "\(words): \(run.errors)")
        }
        for path in [target, target + ".partial"] { #expect(access(path, F_OK) != 0) }
    }

    @Test func valuesThatBeginWithADash() throws {
        #expect(ContentCommand.after("a.b") == "--after a.b")
        #expect(ContentCommand.after("-dash") == "--after=-dash")
        #expect(ContentCommand.after("it's") == #"--after='it'\''s'"#)
        let run = Run("restore", "/tmp", "--to", "/tmp/none", "--through", "-1")
        #expect(run.status == .usage && run.errors.contains("the value '-1' is invalid"), "\(run.errors)")
    }
}
