import Testing

@testable import StorageDrill

/// Which names are found after a power cut.
@Suite struct PowerCutNameTests {
    /// "a" (node 1) and "b" (node 2) are durable; "d" is a durable directory.
    static func withFiles() -> HandMadeJournal {
        var journal = HandMadeJournal()
        for (node, name) in [(UInt64(1), "a"), (2, "b")] {
            journal.create(name, node: node)
            journal.write(node, [UInt8(node)])
            journal.sync(node)
        }
        journal.add(.makeDirectory, path: "d")
        journal.syncDirectory("")
        return journal
    }

    static let start: [String: [UInt8]?] = ["a": [1], "b": [2], "d": nil]

    @Test func aFilesSyncDoesNotMakeItsNameDurable() throws {
        var journal = Self.withFiles()
        journal.create("c", node: 3)
        journal.write(3, [3])
        journal.sync(3)
        #expect(try journal.image(.dropAll) == Self.start)
        #expect(try journal.image(.keepAll) == ["a": [1], "b": [2], "c": [3], "d": nil])
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll) == ["a": [1], "b": [2], "c": [3], "d": nil])
    }

    @Test func aDurableNameOfAnUnsyncedFileIsEmpty() throws {
        var journal = Self.withFiles()
        journal.create("c", node: 3)
        journal.write(3, [3])
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll) == ["a": [1], "b": [2], "c": [], "d": nil])
    }

    @Test func aRenameWithoutADirectorySyncIsUndone() throws {
        var journal = Self.withFiles()
        let rename = journal.add(.rename, path: "a", target: "b")
        #expect(try journal.image(.dropAll) == Self.start)
        #expect(try journal.image(.keepAll) == ["b": [1], "d": nil])
        #expect(try journal.image(.keepAll, at: rename) == ["b": [1], "d": nil])
        #expect(try journal.image(.dropAll, at: rename) == Self.start)
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll, at: journal.count - 1) == Self.start)
        #expect(try journal.image(.dropAll) == ["b": [1], "d": nil])
    }

    @Test func aRemovedFileComesBackWithItsDurableBytes() throws {
        var journal = Self.withFiles()
        journal.write(1, [9])
        journal.add(.unlink, path: "a")
        #expect(try journal.image(.dropAll) == Self.start)
        #expect(try journal.image(.keepAll) == ["b": [2], "d": nil])
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll) == ["b": [2], "d": nil])
        // A descriptor may outlive the name.
        journal.write(1, [8])
        journal.sync(1)
        #expect(try journal.image(.keepAll) == ["b": [2], "d": nil])
    }

    @Test func aDirectorySyncCoversWhatReturnedBeforeItBegan() throws {
        var journal = Self.withFiles()
        journal.open("", node: 9, .directory)
        let begin = journal.beginSync(9)
        journal.create("late", node: 3)
        journal.endSync(begin)
        #expect(try journal.image(.dropAll) == Self.start)
    }

    @Test func anotherDirectorysSyncDoesNotHelp() throws {
        var journal = Self.withFiles()
        journal.create("d/c", node: 3)
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll) == Self.start)
        journal.syncDirectory("d")
        #expect(try journal.image(.dropAll) == ["a": [1], "b": [2], "d": nil, "d/c": []])
    }

    /// A rename from one directory to another is there in both or in neither, and its sync in one takes what is older in
    /// the other with it.
    @Test func aRenameBetweenDirectoriesIsAtomic() throws {
        var journal = Self.withFiles()
        journal.create("d/older", node: 3)
        journal.add(.rename, path: "a", target: "d/a")
        for names in [NameRule.prefix, .anySubset] {
            for seed in 0..<50 {
                let found = try journal.image(.random(seed: UInt64(seed), names: names))
                #expect((found["a"] == nil) == (found["d/a"] != nil))
                if names == .prefix && found["d/a"] != nil { #expect(found["d/older"] != nil) }
            }
        }
        journal.syncDirectory("")
        #expect(try journal.image(.dropAll) == ["b": [2], "d": nil, "d/a": [1], "d/older": []])
    }

    @Test func aPrefixOfTheChangesSurvives() throws {
        var journal = Self.withFiles()
        for index in 0..<5 { journal.create("c\(index)", node: UInt64(10 + index)) }
        var counts: Set<Int> = []
        for seed in 0..<100 {
            let found = try journal.image(.random(seed: UInt64(seed), names: .prefix)).keys.filter { $0.hasPrefix("c") }
            #expect(found.sorted() == (0..<found.count).map { "c\($0)" })
            counts.insert(found.count)
        }
        #expect(counts == Set(0...5))
    }

    @Test func anySubsetSurvivesIfAsked() throws {
        var journal = Self.withFiles()
        for index in 0..<3 { journal.create("c\(index)", node: UInt64(10 + index)) }
        journal.add(.rename, path: "c0", target: "e")
        var seen: Set<[String]> = []
        for seed in 0..<200 {
            let found = try journal.image(.random(seed: UInt64(seed), names: .anySubset)).keys.sorted()
            #expect(!(found.contains("c0") && found.contains("e")))
            seen.insert(found.filter { !Self.start.keys.contains($0) })
        }
        // c0 absent, there, or renamed; c1 and c2 absent or there.
        #expect(seen.count == 12)
    }

    @Test func otherChangesOfNames() throws {
        var journal = Self.withFiles()
        journal.add(.link, path: "a", target: "d/linked")
        journal.add(.rename, mode: 2, path: "a", target: "b")
        journal.add(.makeDirectory, path: "e")
        journal.add(.removeDirectory, path: "e")
        journal.add(.rename, path: "d", target: "moved")
        #expect(try journal.image(.keepAll) == ["a": [2], "b": [1], "moved": nil, "moved/linked": [1]])
        #expect(try journal.image(.dropAll) == Self.start)
        journal.write(1, [7])
        #expect(try journal.image(.keepAll) == ["a": [2], "b": [7], "moved": nil, "moved/linked": [7]])
    }

    @Test func whatIsNotInTheJournalIsAnError() throws {
        for (kind, target) in [(JournalEntry.Kind.rename, "z"), (.unlink, ""), (.link, "z"), (.removeDirectory, "")] {
            var journal = Self.withFiles()
            journal.add(kind, path: "missing", target: target)
            #expect(throws: DrillError.self) { try journal.image(.keepAll) }
        }
        var journal = Self.withFiles()
        journal.write(77, [1])
        #expect(throws: DrillError.self) { try journal.image(.keepAll) }
    }

    @Test func differencesAreFound() throws {
        var journal = Self.withFiles()
        journal.write(2, at: 100_000, [5])
        let directory = try TemporaryDirectory()
        let image = try PowerCutImage(journal: try journal.journal(in: directory))
        try image.advance(to: journal.count)
        let real = directory.path + "/real"
        try image.build(.keepAll, into: real)
        #expect(try image.differences(from: real) == [])
        try TemporaryDirectory.write([1, 0], to: real + "/a")
        try TemporaryDirectory.write([1], to: real + "/d/lock.mdb")
        let file = try OpenFile(real + "/b", 2)
        try [UInt8(3)].withUnsafeBytes { try file.write($0, at: 70_000) }
        #expect(try image.differences(from: real, ignoring: ["lock.mdb"]).count == 2)
        let found = try image.differences(from: real)
        #expect(found.count == 3)
        #expect(found.contains { $0.contains("/b") && $0.contains("70000") })
    }
}
