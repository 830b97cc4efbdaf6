import Testing

@testable import StorageDrill

@Suite struct JournalTests {
    /// Cut at any byte: whole entries are read, the last broken one is not.
    @Test func aBrokenEndIsTolerated() throws {
        var made = HandMadeJournal()
        made.create("file", node: 1)
        made.write(1, [1, 2, 3])
        let whole = made.count
        let before = made.bytes.count
        made.write(1, at: 3, [4, 5, 6, 7, 8])
        let directory = try TemporaryDirectory()
        for cut in 0...(made.bytes.count - before) {
            let journal = try made.journal(in: directory, cutting: cut)
            #expect(journal.entries.count == (cut == 0 ? whole + 1 : whole))
            #expect(journal.validBytes == (cut == 0 ? made.bytes.count : before))
            #expect(Array(journal.bytes(journal.entries[2].data)) == [1, 2, 3])
            #expect(journal.stopped == nil)
        }
        try Journal.trim(path: directory.path + "/journal")
        #expect(DrillFiles.size(of: directory.path + "/journal") == UInt64(before))
    }

    @Test func nothingAfterTheStopCounts() throws {
        var made = HandMadeJournal()
        made.add(.stopped, path: "full")
        made.add(.mark, value: 9)
        let journal = try made.journal(in: try TemporaryDirectory())
        #expect(journal.entries.count == 2)
        #expect(journal.stopped == "full")
    }

    @Test func otherFilesAreRefused() throws {
        let directory = try TemporaryDirectory()
        try TemporaryDirectory.write([UInt8](repeating: 7, count: 500), to: directory.path + "/other")
        #expect(try Journal(path: directory.path + "/other").entries.isEmpty)
        #expect(throws: DrillError.self) { try Journal(path: directory.path + "/missing") }
        var made = HandMadeJournal()
        made.add(.mark)
        try TemporaryDirectory.write(Array(made.bytes.dropFirst(72 + 8)), to: directory.path + "/headless")
        #expect(throws: DrillError.self) { try Journal(path: directory.path + "/headless") }
    }

    @Test func beginsAndEndsBelongTogether() throws {
        var made = HandMadeJournal()
        made.create("f", node: 1)
        let sync = made.beginSync(1)
        let write = made.beginDurableWrite(1, [1])
        made.endSync(sync)
        made.endWrite(write, result: 1)
        let lost = made.beginSync(1)
        made.beginProcess()
        // The earlier process' number, which the new one has not given.
        made.endSync(lost)
        let pairs = try made.journal(in: try TemporaryDirectory()).counterparts
        #expect(pairs[sync] == sync + 2 && pairs[sync + 2] == sync)
        #expect(pairs[write] == write + 2 && pairs[write + 2] == write)
        #expect(pairs[lost] == nil && pairs.last == .some(nil))
    }

    @Test func marksFromOutside() throws {
        let directory = try TemporaryDirectory()
        var made = HandMadeJournal()
        made.create("f", node: 1)
        _ = try made.journal(in: directory)
        let mark = try JournalMark(journal: directory.path + "/journal")
        try mark.append(41)
        try mark.append(42)
        let journal = try Journal(path: directory.path + "/journal")
        #expect(journal.entries.suffix(2).map(\.kind) == [.mark, .mark])
        #expect(journal.entries.suffix(2).map(\.value) == [41, 42])
    }

    @Test func positionsAreWhereItHurts() throws {
        var made = HandMadeJournal()
        made.create("f", node: 1)
        for index in 0..<500 { made.write(1, at: UInt64(index), [1]) }
        let rename = made.add(.rename, path: "f", target: "g")
        for index in 0..<500 { made.write(1, at: UInt64(index), [2]) }
        let sync = made.beginSync(1)
        made.endSync(sync)
        let journal = try made.journal(in: try TemporaryDirectory())
        var picker = PositionPicker(journal, seed: 3)
        let picked = picker.pick(40)
        #expect(picked.count == 40 && picked == Set(picked).sorted())
        #expect([rename - 1, rename, rename + 1, sync - 1, sync, sync + 1, sync + 2].allSatisfy(picked.contains))
        var again = PositionPicker(journal, seed: 3)
        #expect(again.pick(40) == picked)
        var all = PositionPicker(journal, seed: 4)
        #expect(all.pick(5_000) == Array(0...journal.entries.count))
    }
}
