import Testing

@testable import StorageDrill

/// Journals made by hand, from which exactly the expected images come out.
@Suite struct PowerCutImageTests {
    static let old = [UInt8](repeating: 1, count: 1024)
    static let new = [UInt8](repeating: 2, count: 1024)

    /// A file "f" (node 1) that is durable with its name.
    static func withFile(_ content: [UInt8] = old) -> HandMadeJournal {
        var journal = HandMadeJournal()
        journal.create("f", node: 1)
        if !content.isEmpty { journal.write(1, content) }
        journal.sync(1)
        journal.syncDirectory("")
        return journal
    }

    static func random(_ seed: UInt64, _ names: NameRule = .prefix) -> Loss {
        .random(seed: seed, names: names)
    }

    // MARK: Writes

    @Test func anUnsyncedWriteIsDropped() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        #expect(try journal.image(.dropAll) == ["f": Self.old])
        #expect(try journal.image(.keepAll) == ["f": Self.new])
    }

    @Test func aSyncedWriteIsKept() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        journal.sync(1)
        for seed in 0..<20 { #expect(try journal.image(Self.random(UInt64(seed))) == ["f": Self.new]) }
        #expect(try journal.image(.dropAll) == ["f": Self.new])
    }

    @Test func aFailedSyncPromisesNothing() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        let begin = journal.beginSync(1)
        journal.endSync(begin, result: -5)
        #expect(try journal.image(.dropAll) == ["f": Self.old])
    }

    @Test func aSyncCoversWhatReturnedBeforeItBegan() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        let begin = journal.beginSync(1)
        journal.write(1, at: 512, [3, 3])
        journal.endSync(begin)
        #expect(try journal.image(.dropAll) == ["f": Self.new])
        #expect(try journal.image(.keepAll) == ["f": Self.new[..<512] + [3, 3] + Self.new[514...]])
    }

    @Test func theSyncUnderWayPromisesNothing() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        journal.sync(1)
        let end = journal.count - 1
        #expect(try journal.image(.dropAll, at: end) == ["f": Self.old])
        #expect(try journal.image(.dropAll, at: end + 1) == ["f": Self.new])
    }

    @Test func theWriteUnderWayHasBegun() throws {
        var journal = Self.withFile()
        let write = journal.write(1, Self.new)
        #expect(try journal.image(.keepAll, at: write - 1) == ["f": Self.old])
        #expect(try journal.image(.keepAll, at: write) == ["f": Self.new])
        #expect(try journal.image(.dropAll, at: write) == ["f": Self.old])
    }

    @Test func aDurableWriteIsDurableWhenItReturns() throws {
        var journal = Self.withFile()
        let begin = journal.beginDurableWrite(1, Self.new)
        journal.endWrite(begin, result: 1024)
        #expect(try journal.image(.dropAll, at: begin) == ["f": Self.old])
        #expect(try journal.image(.keepAll, at: begin) == ["f": Self.new])
        #expect(try journal.image(.dropAll, at: begin + 1) == ["f": Self.old])
        #expect(try journal.image(.dropAll, at: begin + 2) == ["f": Self.new])
        for seed in 0..<20 { #expect(try journal.image(Self.random(UInt64(seed))) == ["f": Self.new]) }
    }

    @Test func aSyncDoesNotCoverADurableWriteUnderWay() throws {
        var journal = Self.withFile()
        _ = journal.beginDurableWrite(1, Self.new)
        journal.sync(1)
        #expect(try journal.image(.dropAll) == ["f": Self.old])
    }

    @Test func aShortDurableWriteIsDurableAsFarAsItGot() throws {
        var journal = Self.withFile()
        let begin = journal.beginDurableWrite(1, Self.new)
        journal.endWrite(begin, result: 512)
        #expect(try journal.image(.keepAll) == ["f": Array(Self.new[..<512] + Self.old[512...])])
    }

    /// An older write to the page cache can't come back over bytes that a durable write has replaced.
    @Test func whatADurableWriteReplacedDoesNotComeBack() throws {
        var journal = Self.withFile()
        journal.write(1, [UInt8](repeating: 7, count: 1024))
        journal.writeDurably(1, at: 256, [UInt8](repeating: 9, count: 512))
        let middle = [UInt8](repeating: 9, count: 512)
        #expect(try journal.image(.dropAll)["f"] == Self.old[..<256] + middle + Self.old[..<256])
        for seed in 0..<40 {
            let found = try #require(try journal.image(Self.random(UInt64(seed)))["f"] ?? nil)
            #expect(Array(found[256..<768]) == middle)
        }
        #expect(
            try journal.image(.keepAll)["f"] == [UInt8](repeating: 7, count: 256) + middle
                + [UInt8](repeating: 7, count: 256)
        )
    }

    @Test func aDurableWriteTakesOlderTruncationsWithIt() throws {
        var journal = Self.withFile()
        journal.write(1, at: 0, [5, 5])
        journal.write(1, at: 600, [6, 6])
        journal.add(.truncate, node: 1, value: 100)
        journal.writeDurably(1, at: 100, [8])
        #expect(try journal.image(.dropAll) == ["f": Self.old[..<100] + [8]])
        #expect(try journal.image(.keepAll) == ["f": [5, 5] + Self.old[2..<100] + [8]])
    }

    @Test func everySectorIsOldOrNew() throws {
        var journal = Self.withFile([UInt8](repeating: 1, count: 4096))
        journal.write(1, at: 100, [UInt8](repeating: 2, count: 3000))
        var seen: Set<[UInt8]> = []
        for seed in 0..<200 {
            let found = try #require(try journal.image(Self.random(UInt64(seed)))["f"] ?? nil)
            #expect(found.count == 4096)
            #expect(found[..<100].allSatisfy { $0 == 1 } && found[3100...].allSatisfy { $0 == 1 })
            var fates: [UInt8] = []
            for sector in 0..<7 {
                let piece = found[max(100, sector * 512)..<min(3100, sector * 512 + 512)]
                #expect(Set(piece).count == 1)
                fates.append(piece.first ?? 0)
            }
            seen.insert(fates)
        }
        #expect(seen.contains([UInt8](repeating: 1, count: 7)) && seen.contains([UInt8](repeating: 2, count: 7)))
        #expect(seen.count > 30)
    }

    @Test func beyondTheDurableEndThereAreZerosOrGarbage() throws {
        var journal = Self.withFile(Self.old)
        journal.write(1, at: 1024, [UInt8](repeating: 2, count: 2048))
        var kinds: Set<String> = []
        var sizes: Set<Int> = []
        for seed in 0..<300 {
            let found = try #require(try journal.image(Self.random(UInt64(seed)))["f"] ?? nil)
            #expect(found.prefix(1024).elementsEqual(Self.old))
            sizes.insert(found.count)
            for start in stride(from: 1024, to: found.count, by: 512) {
                let sector = Set(found[start..<start + 512])
                kinds.insert(sector == [2] ? "new" : sector == [0] ? "zeros" : "garbage")
            }
        }
        #expect(kinds == ["new", "zeros", "garbage"])
        #expect(sizes == [1024, 1536, 2048, 2560, 3072])
    }

    @Test func lengthsAreLostWithoutASync() throws {
        var journal = Self.withFile()
        journal.add(.truncate, node: 1, value: 10)
        #expect(try journal.image(.dropAll) == ["f": Self.old])
        #expect(try journal.image(.keepAll) == ["f": Array(Self.old[..<10])])
        let sizes = try Set((0..<20).map { try journal.image(Self.random(UInt64($0)))["f"]??.count })
        #expect(sizes == [10, 1024])
        journal.sync(1)
        #expect(try journal.image(.dropAll) == ["f": Array(Self.old[..<10])])
    }

    @Test func allocationsGrowAndPunch() throws {
        var journal = Self.withFile()
        journal.add(.allocate, node: 1, value: 0, length: 2000)
        journal.add(.allocate, node: 1, value: 100, length: 50, mode: 3)
        journal.add(.allocate, node: 1, value: 1900, length: 600, mode: 3)
        journal.add(.allocate, node: 1, value: 0, length: 9000, mode: 1)
        let zeros = [UInt8](repeating: 0, count: 976)
        #expect(
            try journal.image(.keepAll) == [
                "f": Self.old[..<100] + [UInt8](repeating: 0, count: 50) + Self.old[150...] + zeros
            ]
        )
        #expect(try journal.image(.dropAll) == ["f": Self.old])
    }

    @Test func emptyingAnExistingFileIsAChange() throws {
        var journal = Self.withFile()
        journal.open("f", node: 1, .truncated)
        journal.write(1, [3])
        #expect(try journal.image(.dropAll) == ["f": Self.old])
        #expect(try journal.image(.keepAll) == ["f": [3]])
    }

    @Test func zerosNeedNoBytes() throws {
        var journal = Self.withFile()
        journal.add(.write, .zeros, node: 1, value: 10, length: 20)
        #expect(
            try journal.image(.keepAll)["f"] == Self.old[..<10] + [UInt8](repeating: 0, count: 20) + Self.old[30...]
        )
    }

    // MARK: The rest

    @Test func marksCountBeforeTheCut() throws {
        var journal = Self.withFile()
        let first = journal.add(.mark, value: 5)
        journal.add(.mark, value: 3)
        journal.add(.mark, value: 9)
        let directory = try TemporaryDirectory()
        let image = try PowerCutImage(journal: try journal.journal(in: directory))
        try image.advance(to: first)
        #expect(image.acknowledged == 0)
        try image.advance(to: first + 2)
        #expect(image.acknowledged == 5)
        try image.advance(to: first + 3)
        #expect(image.acknowledged == 9)
    }

    /// A killed process' unsynced writes live on in the kernel, and the next one's sync covers them.
    @Test func anotherProcessGoesOn() throws {
        var journal = Self.withFile()
        journal.write(1, Self.new)
        _ = journal.beginDurableWrite(1, at: 1024, [4])
        journal.beginProcess()
        #expect(try journal.image(.dropAll) == ["f": Self.old])
        journal.open("f", node: 17)
        journal.sync(17)
        #expect(try journal.image(.dropAll) == ["f": Self.new + [4]])
    }

    @Test func theBaseIsDurable() throws {
        let base = try TemporaryDirectory()
        try DrillFiles.createDirectory(base.path + "/d")
        try TemporaryDirectory.write([1, 2, 3], to: base.path + "/d/old")
        var journal = HandMadeJournal()
        journal.open("d/old", node: 1)
        journal.write(1, at: 1, [9])
        #expect(try journal.image(.dropAll, base: base.path) == ["d": nil, "d/old": [1, 2, 3]])
        #expect(try journal.image(.keepAll, base: base.path) == ["d": nil, "d/old": [1, 9, 3]])
        #expect(throws: DrillError.self) { try journal.image(.keepAll) }
    }

    @Test func theSameSeedGivesTheSameImage() throws {
        var journal = Self.withFile()
        for index in 0..<10 { journal.create("g\(index)", node: UInt64(index + 2)) }
        for index in 0..<10 { journal.write(UInt64(index + 2), Self.new) }
        var images: Set<String> = []
        for seed in 0..<10 {
            let loss = Self.random(UInt64(seed), .anySubset)
            let image = try journal.image(loss)
            #expect(try journal.image(loss) == image)
            images.insert("\(image.sorted { $0.key < $1.key })")
        }
        #expect(images.count == 10)
    }

    /// Walking on from an image gives what walking straight there gives.
    @Test func imagesOnTheWayChangeNothing() throws {
        var journal = Self.withFile()
        for index in 0..<30 {
            journal.write(1, at: UInt64(index * 300), [UInt8](repeating: UInt8(index), count: 700))
            if index % 7 == 3 { journal.sync(1) }
        }
        let directory = try TemporaryDirectory()
        let image = try PowerCutImage(journal: try journal.journal(in: directory))
        for position in 0...journal.count {
            try image.advance(to: position)
            for (index, loss) in [Loss.dropAll, .keepAll, Self.random(4)].enumerated() {
                let path = "\(directory.path)/\(position)-\(index)"
                try image.build(loss, into: path)
                #expect(try TemporaryDirectory.contents(path) == journal.image(loss, at: position))
            }
        }
    }
}
