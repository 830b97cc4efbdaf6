import Testing

@testable import Storage
@testable import StorageTesting

/// The inspector judges as recovery does: the same logs are opened and refused, with the same words.
@Suite struct InspectionAgreementTests {
    /// What both make of one disk. Recovery gets a copy: it writes. Returns whether it is refused.
    @discardableResult
    private func compare(_ disk: SimulatedDisk, _ what: String, _ location: SourceLocation = #_sourceLocation) throws
        -> Bool
    {
        let inspected = try Inspected(disk)
        let report = inspected.report
        do {
            let recovered = try SimulatedStore(disk.copy()).log.recovery
            #expect(report.problems.isEmpty, "\(what): recovery opens it", sourceLocation: location)
            #expect(report.verdict.row == recovered.row, "\(what)", sourceLocation: location)
            #expect(
                report.verdict.condition.rawValue == recovered.condition.rawValue,
                "\(what)",
                sourceLocation: location
            )
            #expect(report.content.records == recovered.recordsReplayed, "\(what)", sourceLocation: location)
            #expect(report.content.batches == recovered.batchesRead, "\(what)", sourceLocation: location)
            #expect(report.content.lastLSN ?? .zero == recovered.recoveredLSN, "\(what)", sourceLocation: location)
            #expect(report.gaps.isEmpty, "\(what)", sourceLocation: location)
            return false
        } catch {
            #expect(report.problems.first?.description == error.description, "\(what)", sourceLocation: location)
            let expected: LogVerdict.Condition = error.code == .needsVersion ? .needsVersion : .damaged
            #expect(report.verdict.condition == expected, "\(what)", sourceLocation: location)
            return true
        }
    }

    @Test(arguments: [true, false])
    func everyRottenByte(isClosed: Bool) throws {
        let sound = try SampleLog.rotated(isClosed: isClosed)
        try compare(sound, "sound")
        for number in 1...3 as ClosedRange<UInt64> {
            let path = SimulatedStore.path(number)
            let size = try #require(sound.contents(path)).count
            for byte in 0..<size where byte % LogLimits.blockBytes < 130 || byte % 509 == 0 {
                let disk = sound.copy()
                disk.flip(path, bit: byte * 8 + byte % 8)
                try compare(disk, "segment \(number), byte \(byte)")
            }
        }
        for byte in 0..<(try #require(sound.contents("/store/FORMAT")).count) {
            let disk = sound.copy()
            disk.flip("/store/FORMAT", bit: byte * 8)
            try compare(disk, "FORMAT, byte \(byte)")
        }
    }

    @Test(arguments: [true, false])
    func everyZeroedBlockAndEveryLength(isClosed: Bool) throws {
        let sound = try SampleLog.rotated(isClosed: isClosed)
        for number in 1...3 as ClosedRange<UInt64> {
            let path = SimulatedStore.path(number)
            let blocks = try #require(sound.contents(path)).count / LogLimits.blockBytes
            for block in 0..<blocks {
                let zeroed = sound.copy()
                SampleLog.zero(zeroed, segment: number, block: block)
                try compare(zeroed, "segment \(number), block \(block) zeroed")
                for extra in [0, 1, 79, 80, 4095] {
                    let cut = sound.copy()
                    cut.change(path) { $0.removeSubrange((block * LogLimits.blockBytes + extra)...) }
                    try compare(cut, "segment \(number) cut in block \(block) at \(extra)")
                }
            }
        }
    }

    /// Closed, opened again, killed before the first batch: not closed by its last owner.
    @Test func anEmptyNewestSegment() throws {
        let disk = try SampleLog.rotated(isClosed: true)
        _ = try SimulatedStore(disk)
        try compare(disk.copy(), "opened and killed")
        #expect(try Inspected(disk.copy()).report.verdict.condition == .unclean)
    }

    @Test func everyMissingOrForeignFile() throws {
        let sound = try SampleLog.rotated(isClosed: true)
        let paths = (1...3).map { SimulatedStore.path($0) } + ["/store/FORMAT"]
        for mask in 1..<(1 << paths.count) {
            let disk = sound.copy()
            for (index, path) in paths.enumerated() where mask & (1 << index) != 0 { disk.remove(path) }
            try compare(disk, "without \(mask)")
        }
        for from in paths.dropLast() {
            for to in (1...5).map({ SimulatedStore.path($0) }) where from != to {
                let disk = sound.copy()
                disk.overwrite(to, try #require(sound.contents(from)))
                try compare(disk, "\(from) copied to \(to)")
            }
        }
        for last in [[UInt8](repeating: 0, count: 16384), [UInt8](repeating: 0xA5, count: 16384), []] {
            let disk = sound.copy()
            disk.overwrite(SimulatedStore.path(4), last)
            try compare(disk, "an unused fourth segment")
        }
    }

    /// HEAD, rows without FORMAT, a second engine's batches.
    @Test func everythingThatHeadAndNeighboursProve() throws {
        let sound = try SampleLog.rotated(isClosed: false)
        let head = "/store/wal/HEAD"
        for missing in sound.segments {
            for hasHead in [true, false] {
                let disk = sound.copy()
                disk.remove(SimulatedStore.path(missing))
                if !hasHead { disk.remove(head) }
                try compare(disk, "segment \(missing) missing, HEAD \(hasHead)")
            }
        }
        let epoch = sound.copy()
        epoch.change(head) { bytes in
            for start in stride(from: 0, to: bytes.count, by: LogHead.slotBytes) {
                bytes.withUnsafeMutableBytes { place in
                    let slot = UnsafeMutableRawBufferPointer(rebasing: place[start..<start + LogHead.slotBytes])
                    guard case .valid(var head) = LogHead.read(UnsafeRawBufferPointer(slot)) else { return }
                    head.epoch ^= 1
                    head.encode(into: slot)
                }
            }
        }
        #expect(try compare(epoch, "another epoch"))
        let bare = sound.copy()
        for path in bare.paths where path != head { bare.remove(path) }
        bare.overwrite("/store/wal/00000000000000000001.wal.tmp", [])
        #expect(try compare(bare, "HEAD alone"))

        let disk = SimulatedDisk()
        let first = try SimulatedStore(disk)
        try first.putDurably("a", "1")
        let second = try SimulatedStore(disk)
        try second.putDurably("b", "2")
        try first.putDurably("c", "3")
        #expect(try compare(disk.copy(), "two engines"))
    }

    /// Header fields that are wrong under right checksums.
    @Test func everyRewrittenHeader() throws {
        let changes: [(String, (inout BatchHeader) -> Void)] = [
            ("layout", { $0.layout = 2 }), ("compression", { $0.compression = 9 }),
            ("flags", { $0.flags = .init(rawValue: 0x40) }), ("epoch", { $0.epoch ^= 1 }),
            ("number up", { $0.number = $0.number.next }),
            ("number down", { $0.number.rawValue -= min(1, $0.number.rawValue) }),
            ("LSN", { $0.firstLSN.rawValue += 1 }), ("more records", { $0.recordCount += 1 }),
            ("stored", { $0.storedBytes += 1 }), ("huge", { $0.storedBytes = .max }), ("raw", { $0.rawBytes += 1 }),
            ("payload", { $0.payloadCRC ^= 1 }), ("durable", { $0.durableThrough = .none }),
            ("chain", { $0.chain ^= 1 }),
            ("last", { $0.flags = [.lastInSegment] }), ("clean", { $0.flags = [.cleanShutdown] }),
        ]
        for block in 1...3 {
            for (name, change) in changes {
                let disk = try SampleLog.single(["a", "b", "c"])
                try SampleLog.rewrite(disk, block: block, change)
                try compare(disk, "\(name) in block \(block)")
                for other in 1...4 where other != block {
                    let twice = disk.copy()
                    SampleLog.zero(twice, block: other)
                    try compare(twice, "\(name) in block \(block), block \(other) zeroed")
                }
            }
        }
    }

    /// Several things at once, seeded.
    @Test func randomDamage() throws {
        let seed: UInt64 = 20_260_704
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let sources = [
            try SampleLog.rotated(isClosed: true), try SampleLog.rotated(isClosed: false),
            try SampleLog.single(["a", "b", "c", "d"]),
        ]
        var refused = 0
        for round in 0..<1500 {
            let disk = sources[round % sources.count].copy()
            let paths = disk.image.keys.filter { $0.hasSuffix(".wal") }.sorted()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                try damage(disk, paths.randomElement(using: &random) ?? "", &random)
            }
            if try compare(disk, "seed \(seed), round \(round)") { refused += 1 }
        }
        print("random damage: \(refused) of 1500 refused")
        #expect((200..<1400).contains(refused), "both outcomes must be frequent")
    }

    private func damage(_ disk: SimulatedDisk, _ path: String, _ random: inout SeededGenerator) throws {
        guard let bytes = disk.contents(path), bytes.count >= LogLimits.blockBytes else { return }
        let block = Int.random(in: 0..<bytes.count / LogLimits.blockBytes, using: &random) * LogLimits.blockBytes
        switch Int.random(in: 0..<6, using: &random) {
        case 0: disk.flip(path, bit: (block + Int.random(in: 0..<120, using: &random)) * 8)
        case 1:
            disk.change(path) {
                $0.replaceSubrange(block..<(block + 4096), with: [UInt8](repeating: 0, count: 4096))
            }
        case 2:
            let from = Int.random(in: 0..<bytes.count / 4096, using: &random) * 4096
            disk.change(path) { $0.replaceSubrange(block..<(block + 4096), with: bytes[from..<(from + 4096)]) }
        case 3: disk.change(path) { $0.removeSubrange(block...) }
        case 4 where Int.random(in: 0..<4, using: &random) == 0: disk.remove(path)
        default: disk.change(path) { $0[block + 4] ^= 2 }
        }
    }
}
