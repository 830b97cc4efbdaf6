import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// One test per row of the recovery table (storage.md §5.10): the case is built on a simulated disk, the outcome and the
/// words are checked.
@Suite struct RecoveryTableTests {
    private let block = LogLimits.blockBytes

    /// A store of several segments: the last one holds batches for "a", "b", "c", then a SIGKILL.
    private func written(_ keys: [String] = ["a", "b"], seal: Bool = false) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.initialSegmentBytes = 8 * block
        let store = try SimulatedStore(disk, options: options)
        for key in keys { try store.putDurably(key, "value of \(key)") }
        if seal { _ = store.log.sealStep() }
        return disk.copy()
    }

    /// Three segments.
    private func rotated() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for number in 0..<5 { try store.putDurably("\(number)", "value") }
        #expect(disk.contents(SimulatedStore.path(3)) != nil)
        return disk.copy()
    }

    private func report(_ disk: SimulatedDisk) throws -> (RecoveryReport, [String]) {
        let store = try SimulatedStore(disk)
        return (store.log.recovery, store.content)
    }

    private func refusal(_ disk: SimulatedDisk, _ location: SourceLocation = #_sourceLocation) -> StorageError? {
        let before = disk.image
        do {
            _ = try SimulatedStore(disk)
            Issue.record("opened", sourceLocation: location)
            return nil
        } catch {
            // A refusal leaves every file as it was (I7).
            #expect(disk.image == before, sourceLocation: location)
            return error
        }
    }

    /// The header of the batch at a block of segment 1.
    private func header(_ disk: SimulatedDisk, block number: Int) throws -> BatchHeader {
        let bytes = try #require(disk.contents(SimulatedStore.path(1)))
        let reading = bytes.withUnsafeBytes {
            BatchHeader.read($0.part(number * block, block), at: .init(segment: .first, offset: UInt64(number * block)))
        }
        guard case .valid(let header, _) = reading else { throw StorageError(.damaged, "\(reading)") }
        return header
    }

    /// Writes a sound header again after changing it.
    private func rewrite(_ disk: SimulatedDisk, block number: Int, _ change: (inout BatchHeader) -> Void) throws {
        var header = try header(disk, block: number)
        change(&header)
        disk.change(SimulatedStore.path(1)) { bytes in
            bytes.withUnsafeMutableBytes {
                _ = header.encode(
                    into: $0.baseAddress! + number * block,
                    at: .init(segment: .first, offset: UInt64(number * block))
                )
            }
        }
    }

    private func zero(_ disk: SimulatedDisk, block number: Int) {
        disk.change(SimulatedStore.path(1)) { bytes in
            bytes.replaceSubrange((number * block)..<((number + 1) * block), with: [UInt8](repeating: 0, count: block))
        }
    }

    @Test func r1NothingThereIsANewStore() throws {
        let (report, content) = try report(SimulatedDisk())
        #expect(report.row == .r1 && report.condition == .new && content.isEmpty)
        #expect(report.recoveredLSN == .zero && report.path == "/store")
    }

    @Test func r2FormatWithoutSegmentsIsRefused() throws {
        let disk = try written()
        disk.remove(SimulatedStore.path(1))
        let error = refusal(disk)
        #expect(error?.row == .r2 && error?.code == .missingFiles)
        #expect(error?.description.contains("no log segments") == true)
    }

    @Test func r2SegmentsWithoutFormatAreRefused() throws {
        let disk = try written()
        disk.remove("/store/FORMAT")
        let error = refusal(disk)
        #expect(error?.row == .r2)
        #expect(error?.message.contains("no FORMAT file") == true)
    }

    @Test func r3ACleanShutdownIsRecognised() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        try store.putDurably("a", "1")
        try store.close()
        let (report, content) = try report(disk.copy())
        #expect(report.row == .r3 && report.condition == .clean && content == ["1 a 1"])
        #expect(report.quarantinedBytes == 0)
    }

    @Test func r4GoodBatchesAreApplied() throws {
        let (report, content) = try report(try rotated())
        #expect(content.count == 5 && report.recordsReplayed == 5 && report.segmentsRead == 3)
        #expect(report.recoveredLSN == LSN(rawValue: 5))
    }

    @Test func r5AnEmptyTailEndsTheLog() throws {
        let (report, content) = try report(try written())
        #expect(report.row == .r5 && report.condition == .unclean && content.count == 2)
    }

    @Test func r5ATornTailEndsTheLogAndIsKept() throws {
        let disk = try written()
        // The last batch lost its header's first sector; nothing was written after it.
        disk.change(SimulatedStore.path(1)) { bytes in
            for index in (2 * block)..<(2 * block + 40) { bytes[index] = 0xDB }
        }
        let torn = Array(try #require(disk.contents(SimulatedStore.path(1)))[(2 * block)...])
        let (report, content) = try report(disk)
        #expect(report.row == .r5 && report.condition == .tornTail && content == ["1 a value of a"])
        let file = try #require(report.quarantinedFiles.first)
        #expect(file == "/store/quarantine/00000000000000000001.wal.8192.tail")
        let copy = try #require(disk.contents(file))
        #expect(torn.starts(with: copy) && report.quarantinedBytes == UInt64(copy.count) && copy.count > 40)
    }

    /// A recycled file: sound batches of its earlier use are no batches of this one, at the end or after it.
    @Test func r5LeftoversOfAnotherEpochAreNoBatches() throws {
        let disk = try written(["a", "b", "c"])
        try rewrite(disk, block: 2) { $0.epoch ^= 1 }
        try rewrite(disk, block: 3) { $0.epoch ^= 1 }
        let (report, content) = try report(disk)
        #expect(report.row == .r5 && report.condition == .tornTail && content == ["1 a value of a"])
    }

    @Test func r6AnUnsyncedLaterBatchIsDropped() throws {
        let disk = try written(["a", "b", "c"])
        // "b" and "c" were written under one sync that never ended: "c" knows only "a" to be durable.
        try rewrite(disk, block: 3) { $0.durableThrough = BatchNumber(rawValue: 1) }
        zero(disk, block: 2)
        let (report, content) = try report(disk)
        #expect(report.row == .r6 && report.condition == .tornTail && content == ["1 a value of a"])
        #expect(report.quarantinedBytes > UInt64(block))
    }

    @Test func r7DamageBeforeALaterBatchIsRefused() throws {
        let disk = try written(["a", "b", "c"])
        zero(disk, block: 2)
        let error = refusal(disk)
        #expect(error?.row == .r7 && error?.code == .damaged && error?.segment == 1)
        #expect(error?.offset == UInt64(2 * block) && error?.batch == 2)
        #expect(error?.message.contains("batch 3 at offset 12288 was written after batch 2 was durable") == true)
        #expect(error?.message.contains("restore from a backup") == true)
    }

    @Test func r7DamageBeforeALaterSegmentIsRefused() throws {
        let disk = try rotated()
        zero(disk, block: 1)
        let error = refusal(disk)
        #expect(error?.row == .r7 && error?.segment == 1 && error?.offset == UInt64(block))
        #expect(error?.message.contains("segment 2 says that the log reached offset") == true)
    }

    @Test func r7ASealProvesTheLastBatch() throws {
        let disk = try written(["a"], seal: true)
        zero(disk, block: 1)
        #expect(refusal(disk)?.row == .r7)
    }

    /// A newest segment that lost its end, even its zeros, was cut by somebody: batches may have gone with it.
    @Test func r7AShortenedSegmentIsRefused() throws {
        for blocks in 1...7 {
            let disk = try written()
            disk.change(SimulatedStore.path(1)) { $0.removeSubrange((blocks * block)...) }
            let error = refusal(disk)
            #expect(error?.row == .r7 && error?.offset == UInt64(blocks * block), "\(blocks) of 8 blocks are left")
        }
    }

    @Test func r8ABadPayloadFollowsTheSameRule() throws {
        let tail = try written()
        tail.flip(SimulatedStore.path(1), bit: (2 * block + 90) * 8)
        let (report, content) = try report(tail)
        #expect(report.row == .r5 && report.condition == .tornTail && content.count == 1)

        let damaged = try written()
        damaged.flip(SimulatedStore.path(1), bit: (block + 90) * 8)
        let error = refusal(damaged)
        #expect(error?.row == .r7 && error?.message.contains("payload checksum does not match") == true)
    }

    @Test func r9AGapOrABrokenChainIsRefused() throws {
        let gap = try written()
        try rewrite(gap, block: 2) { $0.number = BatchNumber(rawValue: 3) }
        #expect(refusal(gap)?.row == .r9)

        let chain = try written()
        try rewrite(chain, block: 2) { $0.chain ^= 1 }
        let error = refusal(chain)
        #expect(error?.row == .r9 && error?.code == .damaged)
        #expect(error?.message.contains("a write was lost or went elsewhere") == true)
    }

    @Test func r11AMissingSegmentIsRefused() throws {
        for missing in [1, 2] as [UInt64] {
            let disk = try rotated()
            disk.remove(SimulatedStore.path(missing))
            let error = refusal(disk)
            #expect(error?.row == .r11 && error?.segment == missing)
            #expect(error?.message.contains("segment \(missing) is missing") == true)
        }
    }

    @Test func r12ASegmentThatNeverBeganIsSetAside() throws {
        let disk = try written()
        disk.overwrite(SimulatedStore.path(2), [UInt8](repeating: 0, count: 4 * block))
        disk.loseNamesIndependently()
        let (report, content) = try report(disk)
        #expect(report.row == .r12 && content.count == 2 && report.condition == .tornTail)
        #expect(disk.afterCrash(.dropAll).contents("/store/quarantine/00000000000000000002.wal.unused") != nil)
        // The number is used again.
        #expect(disk.contents(SimulatedStore.path(2))?.first == 0x89)
        #expect(try self.report(disk.copy()).1.count == 2)
    }

    @Test func r12DoesNotCoverASegmentWithBatches() throws {
        let disk = try rotated()
        disk.change(SimulatedStore.path(3)) { $0[20] ^= 1 }
        #expect(refusal(disk)?.row == .r7)
        let first = try written([])
        first.change(SimulatedStore.path(1)) { $0[20] ^= 1 }
        #expect(refusal(first)?.row == .r7)
    }

    /// A header that is not whole and never was zeros is damage: it was synced before the segment got its name. It was set
    /// aside with the acknowledged batch behind it (p13 of the audit had both zeroed).
    @Test func r7ADamagedHeaderOfTheNewestSegmentIsRefused() throws {
        let other = try written()
        other.overwrite(SimulatedStore.path(2), [UInt8](repeating: 0xA5, count: 4 * block))
        #expect(refusal(other)?.row == .r7)

        let zeroed = try rotated()
        zeroed.change(SimulatedStore.path(3)) { bytes in
            for index in 0..<(2 * block) { bytes[index] = 0 }
        }
        let error = refusal(zeroed)
        #expect(error?.row == .r7 && error?.message.contains("it was synced before the segment got its name") == true)
    }

    /// The newest segment's file was lost: the store opened one segment shorter, without a word.
    @Test func r11AMissingNewestSegmentIsRefused() throws {
        let disk = try rotated()
        let path = SimulatedStore.path(3)
        disk.remove(path)
        let error = refusal(disk)
        #expect(error?.row == .r11 && error?.segment == 3 && error?.path == path)
        #expect(error?.message.contains("HEAD says that it was begun, the last one here is 2") == true)
    }

    /// HEAD is written after the segment's name and in turns: the last write of it may be missing or torn.
    @Test func r11AnOlderHeadIsNoReason() throws {
        let sound = try rotated()
        let whole = try #require(sound.contents("/store/wal/HEAD"))
        for slots in [[0], [1], [0, 1]] {
            let disk = sound.copy()
            disk.change("/store/wal/HEAD") { bytes in for slot in slots { bytes[slot * block + 40] ^= 1 } }
            let store = try SimulatedStore(disk)
            let isDamaged = slots.count == 2
            #expect(store.content.count == 5 && store.log.recovery.warnings.count == (isDamaged ? 1 : 0))
            let head = try #require(disk.contents("/store/wal/HEAD"))
            #expect(head != whole && head.count == LogHead.fileBytes)
            let next = disk.copy()
            next.remove(SimulatedStore.path(4))
            #expect(refusal(next)?.row == .r11, "slots \(slots)")
        }
        for bytes in [[], Array(whole[..<block]), whole + [1]] {
            let disk = sound.copy()
            disk.overwrite("/store/wal/HEAD", bytes)
            #expect(try SimulatedStore(disk).content.count == 5)
            #expect(disk.contents("/store/wal/HEAD")?.count == LogHead.fileBytes)
        }
        let none = sound.copy()
        none.remove("/store/wal/HEAD")
        #expect(try SimulatedStore(none).content.count == 5)
        #expect(none.contents("/store/wal/HEAD") != nil)
    }

    /// A HEAD that somebody overwrote was taken for none, without a word.
    @Test func r11ADamagedHeadIsReported() throws {
        let sound = try rotated()
        #expect(try Inspected(sound).report.warnings.isEmpty)
        for bytes in [[], [UInt8](repeating: 0, count: LogHead.fileBytes), Array("garbage".utf8)] {
            let disk = sound.copy()
            disk.overwrite("/store/wal/HEAD", bytes)
            let inspected = try Inspected(disk).report
            #expect(inspected.problems.isEmpty, "harmless alone")
            #expect(inspected.warnings.count == 1 && inspected.warnings.first?.contains("wal/HEAD is damaged") == true)
            let recovery = try report(disk).0
            #expect(recovery.warnings == inspected.warnings)
        }
        let none = sound.copy()
        none.remove("/store/wal/HEAD")
        #expect(
            try Inspected(none).report.warnings.isEmpty && report(none).0.warnings.isEmpty,
            "as earlier versions left it"
        )
    }

    @Test func r13ANewestSegmentOfAnotherTimeIsRefused() throws {
        let disk = try rotated()
        let older = disk.copy()
        let path = SimulatedStore.path(3)
        older.remove(path)
        older.remove("/store/wal/HEAD")
        var options = SimulatedStore.options(direct: true)
        options.random = { 99 }
        _ = try SimulatedStore(older, options: options)
        disk.overwrite(path, try #require(older.contents(path)))
        let error = refusal(disk)
        #expect(error?.row == .r13 && error?.message.contains(LogHead.otherFile) == true)
    }

    /// A snapshot full of rows without FORMAT and log was deleted, and the store began empty.
    @Test func r2ASnapshotWithRowsIsNeverDeleted() throws {
        let disk = try checkpointed()
        for path in disk.paths where !path.hasSuffix("data.mdb") { disk.remove(path) }
        disk.change("/store/snapshot/data.mdb") { $0 += [UInt8](repeating: 0, count: 2 * block) }
        let size = try #require(disk.contents("/store/snapshot/data.mdb")).count
        let error = refusal(disk)
        #expect(error?.row == .r2 && error?.code == .missingFiles)
        #expect(error?.message.contains("/store/snapshot/data.mdb, \(size) bytes) but no FORMAT file") == true)
    }

    @Test func r2AHeadWithoutFormatIsRefused() throws {
        let disk = try rotated()
        for path in disk.paths where !path.hasSuffix("HEAD") { disk.remove(path) }
        let error = refusal(disk)
        #expect(error?.row == .r2 && error?.message.contains("/store/wal/HEAD says that segment 3 was begun") == true)
    }

    /// Every `.tmp` in `wal/` was deleted before anything was judged, whoever had put it there.
    @Test func onlyOurOwnTemporaryFilesAreRemoved() throws {
        let disk = try written()
        let own = ["spare-1.tmp", "spare-20.tmp", "reserve.tmp", "probe.tmp", "HEAD.tmp"].map { "/store/wal/" + $0 }
        let others = ["spare-.tmp", "spare-1x.tmp", "notes.tmp", "00000000000000000001.wal.tmp"].map {
            "/store/wal/" + $0
        }
        for path in own + others { disk.overwrite(path, [1, 2, 3]) }
        let damaged = disk.copy()
        damaged.remove("/store/FORMAT")
        _ = refusal(damaged)
        let store = try SimulatedStore(disk)
        for path in others {
            #expect(disk.contents(path) == [1, 2, 3])
            #expect(store.log.recovery.warnings.contains { $0.contains(path) })
        }
        #expect(own.allSatisfy { disk.contents($0) == nil } && store.log.recovery.warnings.count == others.count)
    }

    /// Every torn tail left a copy, without an end.
    @Test func quarantineHasABound() throws {
        let disk = try written()
        let copies = (1...LogLimits.quarantineFiles).map {
            "/store/quarantine/" + LogDirectory.segmentName(SegmentNumber(rawValue: UInt64(1000 + $0))) + ".4096.tail"
        }
        for path in copies + ["/store/quarantine/notes"] { disk.overwrite(path, [1]) }
        disk.overwrite(SimulatedStore.path(2), [UInt8](repeating: 0, count: 4 * block))
        let store = try SimulatedStore(disk)
        #expect(disk.contents("/store/quarantine/00000000000000000002.wal.unused") != nil)
        #expect(disk.contents(copies[0]) == nil && copies.dropFirst().allSatisfy { disk.contents($0) != nil })
        #expect(disk.contents("/store/quarantine/notes") != nil)
        #expect(store.log.recovery.warnings.count { $0.contains(copies[0]) } == 1)
    }

    // MARK: Two engines

    /// LOCK was removed, a second engine began the next segment, the first one went on in the old one: its batches were
    /// acknowledged, and were dead bytes for every later opening.
    @Test(arguments: [false, true])
    func r9ABatchBehindAFixedEndIsRefused(isCovered: Bool) throws {
        let disk = SimulatedDisk()
        let first = try SimulatedStore(disk)
        try first.putDurably("a", "1")
        let second = try SimulatedStore(disk)
        try second.putDurably("b", "2")
        try first.putDurably("c", "3")
        if isCovered { #expect(second.checkpoint()) }
        #expect(disk.segments == [1, 2])
        let error = refusal(disk.copy())
        #expect(error?.row == .r9 && error?.segment == 1 && error?.offset == UInt64(2 * block) && error?.batch == 2)
        #expect(error?.message.contains("batch 2 was written after segment 2 had begun: two engines") == true)
    }

    /// A seal holds nothing that anybody was told.
    @Test func r9ASealBehindAFixedEndIsNoReason() throws {
        let disk = SimulatedDisk()
        let first = try SimulatedStore(disk)
        try first.putDurably("a", "1")
        let second = try SimulatedStore(disk)
        _ = first.log.sealStep()
        try second.putDurably("b", "2")
        #expect(try SimulatedStore(disk.copy()).content == ["1 a 1", "1 b 2"])
    }

    /// The segment that a second engine began was replaced by the first one's.
    @Test func aSegmentIsNeverReplaced() throws {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        let failed = Counter()
        options.onFailure = { error in
            #expect(error.code == .durabilityLost && error.message.contains("another engine has started segment 2"))
            failed.add()
        }
        let first = try SimulatedStore(disk, options: options)
        try first.putDurably("a", "1")
        let second = try SimulatedStore(disk)
        try second.putDurably("b", "2")
        let before = disk.contents(SimulatedStore.path(2))
        for key in ["c", "d", "e"] {
            _ = try? first.put(key, "3")
            _ = first.log.writeStep()
        }
        #expect(failed.value == 1 && disk.contents(SimulatedStore.path(2)) == before)
    }

    /// Sound batches that an operator cut off go with the cut, or they would look like a second engine's.
    @Test func aCutLeavesNothingBehindIt() throws {
        let disk = try rotated()
        let options = SimulatedStore.options(direct: true)
        var opening = LogOpening(io: disk, root: SimulatedStore.root, options: options) {
            (store, create) throws(StorageError) in
            try SimulatedSnapshot(disk, LogDirectory(root: SimulatedStore.root), store: store, create: create)
        }
        opening.limit = .place(.first, offset: UInt64(2 * block))
        _ = LogStore(options: options, io: disk, opened: try opening.run())
        #expect(disk.segments == [1, 2] && disk.contents(SimulatedStore.path(1))?.count == 2 * block)
        #expect(disk.contents("/store/quarantine/00000000000000000002.wal.cut") != nil)
        let again = try SimulatedStore(disk.copy())
        #expect(again.content == ["1 0 value"])
    }

    @Test func r13ForeignFilesAreRefused() throws {
        let renamed = try written()
        renamed.overwrite(SimulatedStore.path(2), try #require(renamed.contents(SimulatedStore.path(1))))
        let error = refusal(renamed)
        #expect(error?.row == .r13 && error?.message.contains("it says that it is segment 1") == true)

        let copied = try written()
        copied.change("/store/FORMAT") { $0[15] = $0[15] == 0x30 ? 0x31 : 0x30 }
        #expect(refusal(copied)?.message.contains("part of another store") == true)

        let noFormat = try written()
        noFormat.overwrite("/store/FORMAT", Array("hello\n".utf8))
        #expect(refusal(noFormat)?.row == .r13)
    }

    @Test func r14ANewerWriterIsRefused() throws {
        let format = try written()
        format.change("/store/FORMAT") { $0[12] = 0x39 }
        #expect(refusal(format)?.message.contains("store format 9 needs a newer version") == true)

        let layout = try written()
        try rewrite(layout, block: 1) { $0.layout = 2 }
        #expect(refusal(layout)?.row == .r14)

        let compressed = try written()
        try rewrite(compressed, block: 1) { $0.compression = 9 }
        let error = refusal(compressed)
        #expect(error?.row == .r14 && error?.code == .needsVersion)
    }

    @Test func r15SenseInsideSoundChecksumsIsRefused() throws {
        let disk = try written()
        try rewrite(disk, block: 1) { $0.recordCount = 2 }
        let error = refusal(disk)
        // The LSN gap shows only later; the count is wrong here.
        #expect(error?.row == .r15 && error?.code == .writerBug)
        #expect(error?.message.contains("report it") == true)
    }

    @Test func r16AReadErrorIsNeverTheEnd() throws {
        let disk = try written()
        disk.fail("pread", EIO, repeats: true)
        let error = refusal(disk)
        #expect(error?.row == .r16 && error?.code == .inputOutput)
        #expect(error?.message.contains("never taken for the end of the log") == true)
        disk.healAll()
        #expect(try report(disk).1.count == 2)
    }

    /// R17 on a real LMDB file is in `LMDBSnapshotTests`, R18 in `StoreTests`.
    @Test func recoveringTwiceGivesTheSame() throws {
        let disk = try rotated()
        let first = try SimulatedStore(disk)
        let second = try SimulatedStore(disk.copy())
        #expect(first.content == second.content)
        #expect(second.log.recovery.recordsReplayed == 5 && second.log.recovery.condition == .unclean)
    }

    /// I7: rot of one byte anywhere in a log that a seal or a later segment proves either changes nothing (padding) or is refused.
    @Test func rotIsNeverForgotten() throws {
        let sound = SimulatedDisk()
        let store = try SimulatedStore(sound)
        for number in 0..<5 { try store.putDurably("\(number)", "value \(number)") }
        try store.closeWithoutCheckpoint()
        let content = store.content
        var refused = 0
        var harmless = 0
        for number in 1...3 as ClosedRange<UInt64> {
            let path = SimulatedStore.path(number)
            let size = try #require(sound.contents(path)).count
            // The very last block is the closing mark: losing it is a torn tail and loses nothing else.
            let limit = number == 3 ? size - block : size
            for byte in stride(from: 0, to: limit, by: 1) where byte % block < 200 || byte % 61 == 0 {
                let disk = sound.copy()
                disk.flip(path, bit: byte * 8 + byte % 8)
                do {
                    #expect(try SimulatedStore(disk).content == content, "segment \(number), byte \(byte)")
                    harmless += 1
                } catch {
                    refused += 1
                }
            }
        }
        print("rot: \(refused) refused, \(harmless) in padding")
        #expect(refused > 1000 && harmless > 100)
    }

    // MARK: The checkpoint

    /// A store of several segments whose first part is in the snapshot; then a SIGKILL.
    private func checkpointed() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for number in 0..<4 { try store.putDurably("\(number)", "value") }
        #expect(store.checkpoint())
        for number in 4..<7 { try store.putDurably("\(number)", "value") }
        return disk.copy()
    }

    private func row(_ disk: SimulatedDisk) throws -> CheckpointRow {
        let bytes = try #require(disk.contents("/store/snapshot/data.mdb"))
        let reading = bytes.withUnsafeBytes { CheckpointRow.read($0.part(4, Int($0.loadLittle(UInt32.self, at: 0)))) }
        guard case .valid(let row) = reading else { throw StorageError(.damaged, "\(reading)") }
        return row
    }

    @Test func r3ACheckpointAtTheEndLeavesNothingToReplay() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for number in 0..<5 { try store.putDurably("\(number)", "value") }
        try store.close()
        let (report, content) = try report(disk.copy())
        #expect(report.row == .r3 && report.condition == .clean && report.recordsReplayed == 0)
        #expect(report.checkpointLSN == LSN(rawValue: 5) && content == store.content)
    }

    @Test func onlyWhatTheSnapshotDoesNotHoldIsReplayed() throws {
        let (report, content) = try report(try checkpointed())
        #expect(report.checkpointLSN == LSN(rawValue: 4) && report.recordsReplayed == 3 && content.count == 7)
    }

    @Test func r2ASnapshotWithoutLogOrFormat() throws {
        let disk = try checkpointed()
        for path in disk.paths where path.hasSuffix(".wal") { disk.remove(path) }
        let error = refusal(disk)
        #expect(error?.row == .r10 && error?.message.contains("there is no log") == true)
    }

    @Test func r10ALogThatLostWhatTheSnapshotRestsOnIsRefused() throws {
        let sound = try checkpointed()
        let end = try row(sound).position.end
        let path = SimulatedStore.path(end.segment.rawValue)

        // The batch that the snapshot ends with is gone, with everything behind it.
        let wiped = sound.copy()
        wiped.change(path) { bytes in
            let start = Int(end.batchOffset)
            bytes.replaceSubrange(start..., with: [UInt8](repeating: 0, count: bytes.count - start))
        }
        for number in (end.segment.rawValue + 1)...9 { wiped.remove(SimulatedStore.path(number)) }
        wiped.remove("/store/wal/HEAD")
        let first = refusal(wiped)
        #expect(first?.row == .r10 && first?.message.contains("where something else stands") == true)

        // An older state of the whole log: it ends before the checkpoint's segment.
        let older = sound.copy()
        for number in end.segment.rawValue...9 { older.remove(SimulatedStore.path(number)) }
        older.remove("/store/wal/HEAD")
        let second = refusal(older)
        #expect(second?.row == .r10 && second?.message.contains("which is not there") == true)
    }

    /// The next segment's header accounts for the checkpoint's batch: its own segment isn't needed any more.
    @Test func r10TheNextSegmentMayAccountForTheBatch() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for number in 0..<4 { try store.putDurably("\(number)", "value") }
        try store.close()
        let end = try row(disk).position.end
        let again = try SimulatedStore(disk.copy())
        let copy = again.disk
        // Closing wrote one batch more, so the checkpoint's segment is still needed; only older ones may go.
        for number in 1..<end.segment.rawValue { copy.remove(SimulatedStore.path(number)) }
        #expect(try SimulatedStore(copy).content == store.content)
    }

    @Test func r11AMissingSegmentBehindTheCheckpoint() throws {
        let disk = try checkpointed()
        let last = try #require(disk.paths.filter { $0.hasSuffix(".wal") }.last)
        let number = try #require(LogDirectory.segmentNumber(ofName: String(last.dropFirst("/store/wal/".count))))
        let missing = number.rawValue - 1
        guard missing > (try row(disk).position.end.segment.rawValue) else { return }
        disk.remove(SimulatedStore.path(missing))
        let error = refusal(disk)
        #expect(error?.row == .r11)
    }

    @Test func r13ASnapshotOfAnotherStoreIsRefused() throws {
        let disk = try checkpointed()
        let other = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.random = { 7 }
        let store = try SimulatedStore(other, options: options)
        try store.putDurably("a", "1")
        #expect(store.checkpoint())
        disk.overwrite("/store/snapshot/data.mdb", try #require(other.contents("/store/snapshot/data.mdb")))
        #expect(refusal(disk)?.row == .r13)
    }

    @Test func r17AMissingSnapshotIsRefused() throws {
        let disk = try checkpointed()
        disk.remove("/store/snapshot/data.mdb")
        let error = refusal(disk)
        #expect(error?.row == .r17 && error?.code == .damaged)
        #expect(error?.message.contains("restore") == true)
    }

    // MARK: Found by the simulation

    /// Killed, started, killed before any write, started and closed: the last checkpoint ends in a segment without batches,
    /// and its row names a batch of the segment before. The store refused to open again (R10).
    @Test func r10ACheckpointInASegmentWithoutBatchesIsSound() throws {
        for isEmpty in [true, false] {
            let disk = SimulatedDisk()
            let first = try SimulatedStore(disk)
            if !isEmpty { for key in ["a", "b"] { try first.putDurably(key, "value") } }
            _ = try SimulatedStore(disk)
            let third = try SimulatedStore(disk)
            #expect(third.checkpoint())
            let (report, content) = try report(disk.copy())
            #expect(content == third.content && report.recordsReplayed == 0)
            #expect(report.checkpointLSN == LSN(rawValue: isEmpty ? 0 : 2))
        }
    }

    /// A segment says how its predecessor ended; another end found there means that a write was lost or went elsewhere.
    @Test func r9AHeaderThatContradictsItsPredecessorIsRefused() throws {
        let sound = try rotated()
        let path = SimulatedStore.path(2)
        let contents = try #require(sound.contents(path))
        let reading = contents.withUnsafeBytes { SegmentHeader.read($0.part(0, block)) }
        guard case .valid(let header) = reading else { throw StorageError(.damaged, "\(reading)") }
        let changes: [(inout PredecessorFacts) -> Void] = [
            { $0.lastBatchCRC ^= 1 }, { $0.lastBatch.rawValue += 1 }, { $0.segment.rawValue += 1 },
        ]
        for change in changes {
            let disk = sound.copy()
            var wrong = header
            change(&wrong.predecessor)
            disk.change(path) { bytes in
                bytes.withUnsafeMutableBytes {
                    wrong.encode(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<block]))
                }
            }
            let error = refusal(disk)
            #expect(error?.row == .r9 && error?.message.contains("a write was lost or went elsewhere") == true)
        }
    }

    /// A device that writes a batch to the wrong place may destroy the very batch that would have proved it.
    @Test func r9ABatchThatWentAstrayIsRefused() throws {
        let sound = try written(["a"], seal: true)
        let bytes = try #require(sound.contents(SimulatedStore.path(1)))
        let batch = Array(bytes[block..<2 * block])
        let seal = Array(bytes[2 * block..<3 * block])
        for (content, place, gone) in [(batch, 2, 1), (seal, 1, 2)] {
            let disk = sound.copy()
            zero(disk, block: gone)
            disk.change(SimulatedStore.path(1)) { bytes in
                bytes.replaceSubrange(place * block..<(place + 1) * block, with: content)
            }
            let error = refusal(disk)
            #expect(error?.row == .r9)
            #expect(error?.message.contains("stands at offset") == true)
        }
    }

    @Test func r14EveryNewerThingNeedsANewerProgram() throws {
        let segment = try written()
        segment.change(SimulatedStore.path(1)) { bytes in
            bytes.withUnsafeMutableBytes { place in
                place.baseAddress?.storeLittle(UInt32(8), at: 100)
                place.baseAddress?.storeLittle(
                    crc32c(UnsafeRawBufferPointer(place).part(0, SegmentHeader.crcOffset)),
                    at: SegmentHeader.crcOffset
                )
            }
        }
        let error = refusal(segment)
        #expect(error?.row == .r14 && error?.message.contains("segment feature bits 8 needs a newer version") == true)

        // Also behind the end of the log, where only the search for later batches looks.
        let later = try written(["a", "b", "c"])
        try rewrite(later, block: 3) { $0.layout = 2 }
        zero(later, block: 2)
        #expect(refusal(later)?.row == .r14)
    }

    @Test func r12BehindACheckpoint() throws {
        let disk = try checkpointed()
        let next = try #require(disk.segments.last) + 1
        disk.overwrite(SimulatedStore.path(next), [UInt8](repeating: 0, count: 4 * block))
        let (report, content) = try report(disk)
        #expect(report.row == .r12 && content.count == 7 && report.checkpointLSN == LSN(rawValue: 4))
    }

    /// Where each row is tested; R8 reports as R5 or R7, whose rule it follows.
    static let tests: [RecoveryRow: String] = [
        .r1: "r1NothingThereIsANewStore", .r2: "r2FormatWithoutSegmentsIsRefused",
        .r3: "r3ACleanShutdownIsRecognised", .r4: "r4GoodBatchesAreApplied", .r5: "r5ATornTailEndsTheLogAndIsKept",
        .r6: "r6AnUnsyncedLaterBatchIsDropped", .r7: "r7DamageBeforeALaterBatchIsRefused",
        .r8: "r8ABadPayloadFollowsTheSameRule", .r9: "r9AGapOrABrokenChainIsRefused",
        .r10: "r10ALogThatLostWhatTheSnapshotRestsOnIsRefused", .r11: "r11AMissingSegmentIsRefused",
        .r12: "r12BehindACheckpoint", .r13: "r13ForeignFilesAreRefused", .r14: "r14EveryNewerThingNeedsANewerProgram",
        .r15: "r15SenseInsideSoundChecksumsIsRefused", .r16: "r16AReadErrorIsNeverTheEnd",
        .r17: "r17AMissingSnapshotIsRefused", .r18: "code == .locked && error.row == .r18",
    ]

    /// Every row has a test, and the tests named are there.
    @Test func everyRowHasATest() throws {
        let folder = String(#filePath.dropLast("RecoveryTableTests.swift".utf8.count))
        for row in RecoveryRow.allCases {
            let name = try #require(Self.tests[row], "\(row.rawValue) has no test")
            let file = row == .r18 ? "StoreTests.swift" : "RecoveryTableTests.swift"
            let source = String(decoding: try PosixIO().readFile(folder + file, limit: 1 << 20), as: UTF8.self)
            #expect(source.contains(row == .r18 ? name : "func \(name)("), "\(row.rawValue)")
        }
    }
}
