import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// What every command prints of sound and of damaged stores.
@Suite struct ReportTests {
    private static let key = ["greeting", "--table", "1"]
    private static let commands: [(String, [String])] = [
        ("summary", []), ("segments", []), ("batches", []), ("records", []), ("verify", []), ("history", key),
        ("get", key),
    ]

    private func check(_ name: String, _ store: Scratch, _ command: String, _ more: [String]) throws {
        let run = Run([command, store.path] + more)
        try Snapshot.check("\(name)-\(command)", run, [command, "/STORE"] + more, in: store)
        let json = Run([command, store.path] + more + ["--json"])
        #expect(json.status == run.status, "\(name) \(command)")
        for line in json.lines { #expect(JSONCheck.keys(line) != nil, "\(name) \(command): \(line)") }
        try Snapshot.check("\(name)-\(command)-json", json, [command, "/STORE"] + more + ["--json"], in: store)
    }

    private func checkAll(_ name: String, _ store: Scratch) throws {
        let before = try store.fingerprint()
        for (command, more) in Self.commands { try check(name, store, command, more) }
        #expect(try store.fingerprint() == before, "nothing is touched")
    }

    @Test func sound() throws {
        try checkAll("sound", try Scratch(LogFixture.sample()))
    }

    @Test func notClosed() throws {
        try check("unclean", try Scratch(LogFixture.sample(isClosed: false)), "verify", [])
    }

    @Test func tornTail() throws {
        let store = try Scratch(LogFixture.sample(isClosed: false))
        try store.change(store.segment(3)) { $0[2 * LogFixture.block + 90] ^= 1 }
        try checkAll("torn", store)
    }

    /// Two batches under a sync that never ended; the second one reached the disk, the first one did not.
    @Test func anUnsyncedGroup() throws {
        var log = LogFixture()
        log.beginSegment(blocks: 8)
        let known = BatchNumber(rawValue: 1)
        for number in 1...3 {
            log.batch(durableThrough: number == 1 ? nil : known) {
                $0.encodePut(TableID(rawValue: 1), key: [0x61], value: [UInt8(number)], origin: nil)
            }
        }
        let store = try Scratch(log)
        try store.change(store.segment(1)) { $0[2 * LogFixture.block] = 0 }
        for command in ["batches", "records", "verify"] { try check("unsynced", store, command, []) }
    }

    @Test func aFlippedByteInTheMiddle() throws {
        let store = try Scratch(LogFixture.sample())
        try store.change(store.segment(1)) { $0[2 * LogFixture.block + 140] ^= 1 }
        try checkAll("damaged", store)
    }

    @Test func aMissingSegment() throws {
        let store = try Scratch(LogFixture.sample())
        unlink(store.segment(2))
        try checkAll("missing", store)
    }

    @Test func aForeignSegment() throws {
        let store = try Scratch(LogFixture.sample())
        let first = try PosixIO().readFile(store.segment(1), limit: 1 << 20)
        try PosixIO().replaceFile(store.segment(4), in: store.path, with: first)
        for command in ["summary", "segments", "verify"] { try check("foreign", store, command, []) }
    }

    @Test func aNewerVersion() throws {
        let store = try Scratch(LogFixture.sample())
        try store.change(store.path + "/FORMAT") { $0[12] = UInt8(ascii: "2") }
        for command in ["summary", "verify"] { try check("newer", store, command, []) }
        // Both a newer version's file and its layout of a batch.
        #expect(Run("records", store.path).status == .newerFormat)
    }

    @Test func filters() throws {
        let store = try Scratch(LogFixture.sample())
        let lines: [(String, [String])] = [
            ("full", ["records", "--full", "--from", "5", "--to", "6"]),
            ("kinds", ["records", "--kind", "trim", "--kind", "note"]),
            ("key", ["records", "--table", "2", "--key", "0x0001ff", "--json"]),
            ("raw", ["records", "--to", "2", "--json", "--raw"]), ("segment", ["batches", "--segment", "2"]),
            ("at-lsn", ["get", "greeting", "--table", "1", "--at", "2"]),
            ("at-time", ["get", "greeting", "--table", "1", "--at", "2026-07-04T12:00:02Z"]),
            ("never", ["get", "nobody", "--table", "1"]),
            ("binary", ["get", "0x0001ff", "--table", "2", "--json"]),
        ]
        for (name, line) in lines {
            let arguments = [line[0], store.path] + line.dropFirst()
            try Snapshot.check("filter-\(name)", Run(arguments), [line[0], "/STORE"] + line.dropFirst(), in: store)
        }
    }

    @Test func aSegmentThatTheLogDoesNotHave() throws {
        let store = try Scratch(LogFixture.sample())
        let run = Run("batches", store.path, "--segment", "4")
        #expect(run.status == .usage && run.output.isEmpty)
        #expect(run.errors == "error: there is no segment 4 [path \(store.path)] — the log has 1 to 3\n")
    }

    @Test func rawPrintsTheValueAlone() throws {
        let store = try Scratch(LogFixture.sample())
        #expect(Run("get", store.path, "0x0001ff", "--table", "2", "--raw").output == [0xFF, 0xAD])
        #expect(Run("get", store.path, "nobody", "--table", "2", "--raw").output.isEmpty)
    }

    /// Keys as they are shown name the same key when given back.
    @Test func shownKeysFindTheirKeys() throws {
        let store = try Scratch(LogFixture.sample())
        for key: Bytes in [Bytes("grüße".utf8), [0, 1, 0xFF], Bytes("0x41".utf8), Bytes("greeting".utf8)] {
            let table = key.count == 3 ? "2" : "1"
            let run = Run("history", store.path, ByteText.key(key), "--table", table)
            #expect(run.lines.count > 2, "\(ByteText.key(key))")
        }
        #expect(ByteText.key(Bytes("0x41".utf8)) == "0x30783431")
        #expect(ByteText.key([]) == "0x" && KeyArgument(argument: "0x")?.bytes == [])
    }
}
