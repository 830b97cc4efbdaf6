import Glibc
import Testing

@testable import StorageDrill

/// A real process under the recorder, linked and by LD_PRELOAD.
@Suite struct RecorderTests {
    private static func prepare(_ way: RecordedProgram.Way) throws -> (RecordedProgram, TemporaryDirectory) {
        let directory = try TemporaryDirectory()
        return (try RecordedProgram.build(way, in: directory), directory)
    }

    private static func journal(_ directory: TemporaryDirectory) throws -> Journal {
        try Journal(path: directory.path + "/journal")
    }

    private static func image(_ directory: TemporaryDirectory) throws -> PowerCutImage {
        let journal = try journal(directory)
        let image = try PowerCutImage(journal: journal)
        try image.advance(to: journal.entries.count)
        return image
    }

    private static func differences(_ directory: TemporaryDirectory) throws -> [String] {
        try image(directory).differences(from: directory.path + "/root")
    }

    @Test(arguments: RecordedProgram.Way.allCases) func everyCallIsThereInOrder(way: RecordedProgram.Way) throws {
        let (program, directory) = try Self.prepare(way)
        #expect(try program.record("each", in: directory) == .exit(0))
        let journal = try Self.journal(directory)
        #expect(
            journal.entries.map(\.description) == [
                "begin \(directory.path)/root", "open node 1 a created",
                "write node 1 [0, +5]", "write node 1 [5, +5]", "write node 1 [5, +1]", "write node 1 [100, +1000]",
                "syncBegin node 1", "syncEnd 7", "mark 7",
                "write node 1 [20, +6]", "truncate node 1 600", "syncBegin node 1", "syncEnd 12",
                "write node 1 [600, +6]",
                "makeDirectory d", "open node 2 d", "open node 3 d/x created",
                "write node 3 [0, +7] durable at its end", "writeEnd 18",
                "write node 3 [0, +1] durable at its end", "writeEnd 20", "syncBegin node 2", "syncEnd 22",
                "open node 1 a", "write node 1 [606, +3]", "write node 1 [609, +3]",
                "rename a to d/b", "link d/x to y", "unlink d/x",
                "open node 3 y", "allocate node 3 [0, +5000]", "allocate node 3 [0, +9000]",
                "syncRange node 3 [0, +100]",
                "open node 3 y", "truncate node 3 10", "makeDirectory e", "removeDirectory e",
                "open node 5", "syncBegin node 5", "syncEnd 39", "open node 1 d/b", "syncBegin node 1", "syncEnd 42",
            ]
        )
        #expect(journal.entries.map(\.sequence) == (1...UInt64(journal.entries.count)).map { $0 })
        #expect(journal.entries[5].flags.contains(.zeros) && journal.entries[5].data.isEmpty)
        #expect(journal.entries[6].flags.contains(.dataOnly) && !journal.entries[11].flags.contains(.dataOnly))
        #expect(try Self.differences(directory) == [])
    }

    @Test(arguments: RecordedProgram.Way.allCases) func whatWasSyncedIsInTheImage(way: RecordedProgram.Way) throws {
        let (program, directory) = try Self.prepare(way)
        #expect(try program.record("each", in: directory) == .exit(0))
        let image = try Self.image(directory)
        let path = directory.path + "/image"
        try image.build(.dropAll, into: path)
        let found = try TemporaryDirectory.contents(path)
        // The sync of the root took the rename into d with it, but not what happened in d after that. d/b was synced
        // through its mapping, y (once d/x) only by its O_DSYNC writes.
        #expect(found.keys.sorted() == ["d", "d/b", "d/x", "y"])
        #expect(found["y"] == Array("Durable".utf8) && found["d/x"] == found["y"])
        #expect(try found["d/b"] == TemporaryDirectory.bytes(directory.path + "/root/d/b"))
    }

    /// Four threads with files of their own and one directory: the journal explains every byte, and no sync's end stands
    /// before its begin.
    @Test(arguments: RecordedProgram.Way.allCases) func threadsAreInOrder(way: RecordedProgram.Way) throws {
        let (program, directory) = try Self.prepare(way)
        #expect(try program.record("threads", in: directory) == .exit(0))
        #expect(try Self.differences(directory) == [])
        let journal = try Self.journal(directory)
        #expect(journal.entries.count { $0.kind == .mark } == 40)
        for (index, entry) in journal.entries.enumerated() where [.syncBegin, .syncEnd, .writeEnd].contains(entry.kind)
        {
            let other = try #require(journal.counterparts[index])
            #expect((other < index) == (entry.kind != .syncBegin))
        }
        // No lock is held during a sync: others' entries stand between.
        #expect(journal.entries.count { $0.kind == .rename } == 40)
    }

    @Test func aKilledProcessAndTheNext() throws {
        let (program, directory) = try Self.prepare(.linked)
        for (number, bytes) in [20_000, 45_000, 90_000].enumerated() {
            let environment = ["III_RECORD_KILL_AT": "\(bytes)", "III_RECORD_CONTINUE": number > 0 ? "1" : ""]
            #expect(try program.record("ever", in: directory, environment) == .signal(SIGKILL))
            #expect(try Self.differences(directory) == [])
            let journal = try Self.journal(directory)
            #expect(journal.entries.count { $0.kind == .begin } == number + 1)
            #expect(journal.validBytes >= bytes && journal.validBytes < bytes + 5_000)
        }
    }

    @Test func theJournalIsBounded() throws {
        let (program, directory) = try Self.prepare(.linked)
        let environment = ["III_RECORD_MAX_BYTES": "30000"]
        #expect(try program.record("threads", in: directory, environment) == .exit(0))
        let journal = try Self.journal(directory)
        #expect(journal.stopped?.contains("III_RECORD_MAX_BYTES") == true)
        #expect(journal.validBytes <= 30_000)
        #expect(DrillFiles.size(of: directory.path + "/journal") == UInt64(journal.validBytes))
    }

    @Test func whatIsNotUnderstoodStopsTheRecording() throws {
        let (program, directory) = try Self.prepare(.linked)
        #expect(try program.record("unknown", in: directory) == .exit(0))
        #expect(try Self.journal(directory).stopped?.contains("copy_file_range") == true)
    }

    @Test func aSecondProcessStaysUnrecorded() throws {
        let (program, directory) = try Self.prepare(.linked)
        #expect(try program.record("each", in: directory) == .exit(0))
        let bytes = DrillFiles.size(of: directory.path + "/journal")
        try DrillFiles.removeTree(directory.path + "/root")
        #expect(try program.record("each", in: directory) == .exit(0))
        #expect(DrillFiles.size(of: directory.path + "/journal") == bytes)
    }

    @Test func withoutTheVariablesNothingIsRecorded() throws {
        let (program, directory) = try Self.prepare(.linked)
        #expect(try program.record("threads", in: directory, ["III_RECORD_ROOT": ""]) == .exit(0))
        #expect(DrillFiles.kind(of: directory.path + "/journal") == nil)
    }

    @Test(arguments: ["fdatasync", "fsync", "dirsync", "dsync"]) func syncsCanBeForgotten(which: String) throws {
        let (program, directory) = try Self.prepare(.linked)
        #expect(try program.record("each", in: directory, ["III_RECORD_FORGET": which]) == .exit(0))
        let entries = try Self.journal(directory).entries
        let begins = entries.filter { $0.kind == .syncBegin }
        let isDirectory = { (entry: JournalEntry) in [2, 5].contains(entry.node) }
        #expect(begins.contains { $0.flags.contains(.dataOnly) } == (which != "fdatasync"))
        #expect(begins.contains { !$0.flags.contains(.dataOnly) && !isDirectory($0) } == (which != "fsync"))
        #expect(begins.contains(where: isDirectory) == (which != "dirsync"))
        #expect(entries.contains { $0.kind == .writeEnd } == (which != "dsync"))
        #expect(try Self.differences(directory) == [])
    }
}
