import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Every error is one line, `error: what [path …] — what to do`, with the exit status of its kind.
@Suite struct FailureTests {
    private func expectError(
        _ run: Run,
        _ status: ProcessStatus,
        contains text: String,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(run.status == status, sourceLocation: location)
        #expect(run.output.isEmpty, sourceLocation: location)
        let line = run.errors.dropLast()
        #expect(line.hasPrefix("error: ") && line.contains(" — ") && !line.contains("\n"), sourceLocation: location)
        #expect(line.contains(text), "\(line)", sourceLocation: location)
    }

    @Test(
        "usage",
        arguments: [
            (["foo"], "see iii-storage-inspect --help"), (["records"], "see iii-storage-inspect records --help"),
            (["summary", "/tmp", "--bogus"], "unknown option '--bogus'"),
            (["records", "/tmp", "--kind", "x"], "the value 'x' is invalid for '--kind"),
            (["records", "/tmp", "--from", "-1"], "--from"), (["records", "/tmp", "--table", "70000"], "--table"),
            (["records", "/tmp", "--from", "5", "--to", "4"], "--to lies before --from"),
            (["records", "/tmp", "--raw"], "--raw is for --json"), (["history", "/tmp", "k"], "--table"),
            (["get", "/tmp", "k", "--table", "1", "--at", "yesterday"], "'yesterday' is invalid"),
            (["get", "/tmp", "0x123", "--table", "1"], "'0x123' is invalid"),
        ]
    )
    func usage(arguments: [String], text: String) {
        expectError(Run(arguments), .usage, contains: text)
    }

    @Test func noStore() throws {
        let scratch = try Scratch()
        let file = scratch.path + "/file"
        try PosixIO().replaceFile(file, in: scratch.path, with: [1])
        expectError(Run("summary", scratch.path), .usage, contains: "neither a FORMAT file nor wal/")
        expectError(Run("verify", scratch.path + "/missing"), .usage, contains: "No such file or directory")
        expectError(Run("verify", file), .usage, contains: "[path \(file)] — name the directory")
        expectError(Run("verify", file + "/below"), .usage, contains: "Not a directory")
        expectError(Run("verify", ""), .usage, contains: "there is no store here")
        symlink("loop", scratch.path + "/loop")
        expectError(Run("verify", scratch.path + "/loop"), .usage, contains: "symbolic links")
    }

    /// Root may read everything, so as root the case does not exist.
    @Test(.enabled(if: geteuid() != 0)) func noRights() throws {
        let scratch = try Scratch(LogFixture.sample())
        chmod(scratch.segment(2), 0)
        expectError(Run("verify", scratch.path), .usage, contains: "run this as the user that owns it")
    }

    @Test func anEmptyLogDirectoryIsANewStore() throws {
        let scratch = try Scratch()
        mkdir(scratch.path + "/wal", 0o700)
        let run = Run("verify", scratch.path)
        #expect(run.status == .sound && run.text.hasPrefix("new: "))
    }

    @Test func theLogCannotTell() throws {
        let scratch = try Scratch(LogFixture.sample())
        expectError(
            Run("get", scratch.path, "k", "--table", "1", "--at", "99"),
            .no,
            contains: "the log ends before LSN 99: its last record is LSN 10"
        )
    }

    /// The answer "it isn't there" is complete, and still no success: scripts see it without reading the text.
    @Test func aKeyThatIsNotThere() throws {
        let scratch = try Scratch(LogFixture.sample())
        for words in [["nobody"], ["greeting", "--at", "4"], ["nobody", "--json"], ["nobody", "--raw"]] {
            let run = Run(["get", scratch.path] + words + ["--table", "1"])
            #expect(run.status == .no && run.errors.isEmpty, "\(words): \(run.errors)")
        }
        #expect(Run("history", scratch.path, "nobody", "--table", "1").status == .no)
    }

    @Test func everyConditionHasItsStatus() throws {
        let torn = try Scratch(LogFixture.sample(isClosed: false))
        try torn.change(torn.segment(3)) { $0[2 * LogFixture.block + 90] ^= 1 }
        let damaged = try Scratch(LogFixture.sample())
        try damaged.change(damaged.segment(1)) { $0[2 * LogFixture.block] ^= 1 }
        let newer = try Scratch(LogFixture.sample())
        try newer.change(newer.path + "/FORMAT") { $0[12] = UInt8(ascii: "2") }
        let stores = [
            (try Scratch(LogFixture.sample()), ProcessStatus.sound), (torn, .tornTail), (damaged, .damage),
            (newer, .newerFormat),
        ]
        for (store, status) in stores {
            for command in ["summary", "segments", "batches", "records", "verify"] {
                #expect(Run(command, store.path).status == status, "\(command) \(status)")
            }
            #expect(Run("history", store.path, "greeting", "--table", "1").status == status)
            #expect(Run("get", store.path, "greeting", "--table", "1").status == status)
        }
        let all: [ProcessStatus] = [.sound, .no, .usage, .damage, .tornTail, .newerFormat, .storageFailed]
        #expect(all.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 74])
    }
}
