import Testing

@testable import Storage
@testable import StorageTesting

/// Beside a running engine: what looks wrong is read a second time before it is believed.
@Suite struct InspectionInUseTests {
    private let block = LogLimits.blockBytes

    /// Two batches are written between two reads of one window: the first one is seen missing, the second one is there.
    /// The engine acknowledged both, so by the rules alone this would be damage.
    @Test func aBatchThatArrivesDuringTheReadIsNoDamage() throws {
        let disk = try SampleLog.single(["a", "b", "c"])
        let whole = try #require(disk.contents(SimulatedStore.path(1)))
        SampleLog.zero(disk, block: 2)
        let report = try Inspected(
            disk,
            isInUse: {
                disk.overwrite(SimulatedStore.path(1), whole)
                return true
            }
        ).report
        #expect(report.verdict.condition == .inUse && report.problems.isEmpty && report.content.records == 3)
    }

    @Test func damageIsDamageAtTheSecondLookToo() throws {
        let disk = try SampleLog.single(["a", "b", "c"])
        SampleLog.zero(disk, block: 2)
        let report = try Inspected(disk, isInUse: { true }).report
        #expect(report.verdict.condition == .damaged && report.verdict.row == .r7)
    }

    @Test func aHalfWrittenBatchIsInProgress() throws {
        let disk = try SampleLog.single(["a", "b"])
        disk.flip(SimulatedStore.path(1), bit: (2 * block + 90) * 8)
        let torn = try Inspected(disk).report
        #expect(torn.verdict.condition == .tornTail && torn.tail?.content == .torn)
        let report = try Inspected(disk, isInUse: { true }).report
        #expect(report.verdict.condition == .inUse && report.tail?.content == .inProgress)
        #expect(report.content.records == 1)
    }

    /// A checkpoint retires segments while they are read: they are gone, or the file is already another segment.
    @Test(arguments: [true, false])
    func retiredSegmentsAreLeftOut(isReused: Bool) throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let segments = try Inspected(disk).segments
        let other = try #require(disk.contents(SimulatedStore.path(3)))
        var isFirst = true
        let walk = Inspected.walk(disk, start: .anywhere, isInUse: { true })
        let report = try walk.run { event, _ in
            guard case .batch = event, isFirst else { return }
            isFirst = false
            for number in 1...2 as ClosedRange<UInt64> {
                disk.remove(SimulatedStore.path(number))
                if isReused { disk.overwrite(SimulatedStore.path(number), other) }
            }
        }
        #expect(report.sawRetirement && report.problems.isEmpty && report.gaps.isEmpty)
        #expect(report.verdict.condition == .inUse)
        #expect(report.retainedFrom == segments[2].header?.firstLSN)
    }

    /// The same without an engine: somebody removed files.
    @Test func vanishedSegmentsOfAClosedStoreAreReported() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let report = try Inspected.walk(disk).run { event, _ in
            if case .batch = event { disk.remove(SimulatedStore.path(2)) }
        }
        #expect(report.verdict.row == .r16 && !report.sawRetirement)
    }

    /// Segments are listed while they are renamed: a hole in the list is looked at twice.
    @Test func aHoleInTheListIsLookedAtTwice() throws {
        let disk = try SampleLog.rotated(isClosed: false)
        let second = try #require(disk.contents(SimulatedStore.path(2)))
        disk.remove(SimulatedStore.path(2))
        let report = try Inspected(
            disk,
            isInUse: {
                disk.overwrite(SimulatedStore.path(2), second)
                return true
            }
        ).report
        #expect(report.problems.isEmpty && report.content.records == 5)
    }
}
