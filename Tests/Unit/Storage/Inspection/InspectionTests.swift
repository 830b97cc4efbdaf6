import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// What the inspector says beyond recovery's verdict: it goes on behind damage and names what is lost.
@Suite struct InspectionTests {
    private let block = LogLimits.blockBytes

    @Test func aSoundLogIsDescribedWhole() throws {
        let inspected = try Inspected(try SampleLog.rotated(isClosed: true))
        let report = inspected.report
        #expect(report.verdict.condition == .clean && report.verdict.row == .r3)
        #expect(report.content.records == 5 && report.segments == 3 && report.retainedFrom == LSN(rawValue: 1))
        #expect(report.content.firstLSN == LSN(rawValue: 1) && report.content.lastLSN == LSN(rawValue: 5))
        #expect(report.tail?.content == .empty && report.problems.isEmpty && report.gaps.isEmpty)
        let batches = inspected.batches
        #expect(batches.map(\.number) == Array(1...UInt64(batches.count)))
        #expect(batches.allSatisfy { $0.verdict == .sound && !$0.isEncrypted && $0.compression == .none })
        #expect(batches.last?.flags.isCleanShutdown == true && batches.last?.lastLSN == nil)
        let segments = inspected.segments
        #expect(segments.map(\.content.batches).reduce(0, +) == report.content.batches)
        #expect(segments.allSatisfy { $0.standing == .log && $0.header?.number == $0.number })
        #expect(segments.last?.content.usedBytes == segments.last?.bytes, "a clean close gives the rest back")
    }

    @Test func behindDamageReadingGoesOn() throws {
        let disk = try SampleLog.single(["a", "b", "c", "d"])
        disk.flip(SimulatedStore.path(1), bit: (2 * block + 90) * 8)
        let inspected = try Inspected(disk)
        #expect(inspected.report.verdict.row == .r7)
        #expect(inspected.lost == ["2-2: 2-2"])
        let gap = try #require(inspected.report.gaps.first)
        #expect(gap.cause == .damagedBytes && gap.found == "payload checksum does not match")
        #expect(gap.offset == UInt64(2 * block) && gap.endOffset == UInt64(3 * block))
        #expect(inspected.batches.map(\.verdict.isCertain) == [true, false, true, true])
        #expect(try Inspected.records(disk).map(\.lsn.rawValue) == [1, 3, 4])
    }

    /// The key of a damaged batch can often still be read: likely lost, never certain.
    @Test func keysInADamagedBatchAreNamed() throws {
        let disk = try SampleLog.single(["a", "b", "c"])
        disk.flip(SimulatedStore.path(1), bit: (2 * block + 80 + 24) * 8)
        let gap = try #require(try Inspected(disk).report.gaps.first)
        #expect(gap.mentions == [KeyMention(table: SimulatedStore.rows, key: Bytes("b".utf8))])
    }

    @Test func severalHolesAreSeveralGaps() throws {
        let disk = try SampleLog.single(["a", "b", "c", "d", "e"])
        SampleLog.zero(disk, block: 2)
        SampleLog.zero(disk, block: 4)
        let inspected = try Inspected(disk)
        #expect(inspected.lost == ["2-2: 2-2", "4-4: 4-4"])
        #expect(inspected.report.problems.map(\.row) == [.r7, .r7])
        #expect(inspected.report.content.records == 3)
    }

    @Test func missingSegmentsAreNamedWithTheirLSNs() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let whole = try Inspected(disk).segments
        disk.remove(SimulatedStore.path(2))
        let inspected = try Inspected(disk)
        let lost = try #require(inspected.report.gaps.first)
        #expect(inspected.report.verdict.row == .r11 && lost.cause == .missingSegments && lost.segment == 2)
        #expect(lost.firstLSN == whole[1].content.firstLSN && lost.lastLSN == whole[1].content.lastLSN)
        #expect(lost.firstBatch == whole[1].content.firstBatch && lost.lastBatch == whole[1].content.lastBatch)
        #expect(try Inspected.records(disk).count == 5 - Int(whole[1].content.records))
    }

    @Test func aDamagedHeaderLosesNoBatch() throws {
        for number in 1...3 as ClosedRange<UInt64> {
            let disk = try SampleLog.rotated(isClosed: false)
            disk.flip(SimulatedStore.path(number), bit: 20 * 8)
            let inspected = try Inspected(disk)
            #expect(inspected.report.verdict.row == .r7 && inspected.report.content.records == 5)
            #expect(inspected.lost.isEmpty && inspected.segments[Int(number) - 1].header == nil)
        }
    }

    @Test func theEndOfAMiddleSegmentIsKnownFromTheNext() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let whole = try Inspected(disk).segments
        disk.change(SimulatedStore.path(1)) { $0.removeSubrange((2 * block)...) }
        let inspected = try Inspected(disk)
        let lost = try #require(inspected.report.gaps.first)
        #expect(lost.offset == UInt64(2 * block) && lost.found == "the file ends")
        #expect(lost.lastLSN == whole[0].content.lastLSN && lost.endOffset == nil)
        #expect(inspected.report.content.records == 4)
    }

    @Test func unsyncedBatchesAreShownButDoNotCount() throws {
        let disk = try SampleLog.single(["a", "b", "c"])
        try SampleLog.rewrite(disk, block: 3) { $0.durableThrough = BatchNumber(rawValue: 1) }
        SampleLog.zero(disk, block: 2)
        let inspected = try Inspected(disk)
        #expect(inspected.report.verdict.condition == .tornTail && inspected.report.tail?.row == .r6)
        #expect(inspected.batches.map(\.verdict) == [.sound, .unsynced])
        #expect(inspected.report.content.records == 1 && inspected.report.gaps.isEmpty)
        #expect(try Inspected.records(disk).count == 1)
    }

    /// Recycled files: blocks of the file's earlier use stand beyond the end and are no damage, wherever the end falls.
    @Test func leftoversOfARecycledSegmentAreHarmless() throws {
        let used = try #require(try SampleLog.rotated(isClosed: false).contents(SimulatedStore.path(1)))
        for keys in [["a"], ["a", "b"]] {
            let disk = try SampleLog.single(keys)
            disk.change(SimulatedStore.path(1)) { bytes in
                let end = (1 + keys.count) * block
                // The earlier use had another number and epoch: its headers do not validate here.
                var leftover = used[block..<(3 * block)]
                for index in leftover.indices where (index - leftover.startIndex) % block == 8 {
                    leftover[index] ^= 0xFF
                }
                for index in leftover.indices where (index - leftover.startIndex) % block == 16 { leftover[index] = 0 }
                bytes.replaceSubrange(end..<(end + leftover.count), with: leftover)
            }
            let report = try Inspected(disk).report
            #expect(report.verdict.condition == .unclean && report.tail?.content == .leftovers, "\(keys)")
            #expect(report.problems.isEmpty && report.content.records == UInt64(keys.count))
        }
    }

    @Test func behindASnapshotTheLogMayBeginAnywhere() throws {
        let disk = try SampleLog.rotated(isClosed: true)
        let whole = try Inspected(disk).segments
        disk.remove(SimulatedStore.path(1))
        let report = try Inspected(disk, start: .anywhere).report
        #expect(report.verdict.condition == .clean && report.gaps.isEmpty && report.problems.isEmpty)
        #expect(report.retainedFrom == whole[1].header?.firstLSN && report.retainedFrom > LSN(rawValue: 1))
        #expect(report.content.records == 5 - whole[0].content.records)
    }

    @Test func aReadErrorIsReportedAndTheRestIsRead() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        disk.fail("pread", EIO, repeats: true)
        let inspected = try Inspected(disk)
        #expect(inspected.report.verdict.row == .r16 && inspected.report.verdict.condition == .damaged)
        #expect(inspected.lost == ["1-?: 1-?"])
    }

    @Test func missingRightsAreNoDamage() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        disk.fail("pread", EACCES, repeats: true)
        let error = #expect(throws: StorageError.self) { try Inspected(disk) }
        #expect(error?.code == .unusableDirectory)
    }

    /// Inspection only reads: not one call that could change a file, and the image stays as it is.
    @Test func nothingIsEverWritten() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let before = disk.image
        let calls = disk.calls
        _ = try Inspected(disk)
        #expect(disk.image == before && disk.calls == calls)
    }
}
