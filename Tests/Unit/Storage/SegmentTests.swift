import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Sizes, names and spares of segments (storage.md §1, §5.2, §5.6).
@Suite struct SegmentTests {
    @Test func segmentsGrowUnderLoadAndShrinkWithoutIt() {
        var sizing = SegmentSizing(StorageOptions(), now: 0)
        let mebibyte = LogLimits.mebibyte
        var now: UInt64 = 0
        var sizes: [Int] = []
        #expect(sizing.openingBytes == mebibyte)
        for _ in 0..<7 {
            sizes.append(sizing.currentBytes / mebibyte)
            now += SegmentSizing.fastNanoseconds - 1
            sizing.rotated(now: now)
        }
        #expect(sizes == [4, 4, 8, 16, 32, 64, 64], "the first was smaller: that it was full soon says nothing")
        now += SegmentSizing.fastNanoseconds
        sizing.rotated(now: now)
        #expect(sizing.currentBytes == 64 * mebibyte, "neither fast nor slow")
        for expected in [32, 16, 8, 4, 4] {
            now += SegmentSizing.slowNanoseconds + 1
            sizing.rotated(now: now)
            #expect(sizing.currentBytes == expected * mebibyte)
        }
    }

    @Test func sparesTakeAtMostAnEighthOfTheFreeSpace() {
        var sizing = SegmentSizing(StorageOptions(), now: 0)
        for now in 1...5 as ClosedRange<UInt64> { sizing.rotated(now: now) }
        let mebibyte = UInt64(LogLimits.mebibyte)
        #expect(sizing.spareBytes(free: 10_000 * mebibyte) == 64 << 20)
        #expect(sizing.spareBytes(free: 80 * mebibyte) == 10 << 20)
        #expect(sizing.spareBytes(free: 0) == 4 << 20)
        #expect(sizing.segmentBytes(toHold: 70 << 20, free: 1 << 40) == (70 << 20) + 2 * LogLimits.blockBytes)
    }

    @Test func namesHaveTwentyDigits() {
        for number in [1, 42, LogLimits.maximumNumber] {
            let name = LogDirectory.segmentName(SegmentNumber(rawValue: number))
            #expect(name.utf8.count == 24)
            #expect(LogDirectory.segmentNumber(ofName: name) == SegmentNumber(rawValue: number))
        }
        for name in [
            "", "1.wal", "00000000000000000000.wal", "0000000000000000000x.wal", "00000000000000000001.tmp",
            "00000000000000000001.wal.tmp", "99999999999999999999.wal", "+0000000000000000001.wal",
            "09223372036854775809.wal",
        ] {
            #expect(LogDirectory.segmentNumber(ofName: name) == nil, "\(name)")
        }
    }

    @Test func aSpareIsUsedOnceAndGivenBack() throws {
        let disk = SimulatedDisk()
        for folder in ["/store", "/store/wal"] { try disk.createDirectory(folder) }
        let preparer = SegmentPreparer(io: disk, directory: LogDirectory(root: "/store"))
        let path = "/store/wal/spare-1.tmp"
        try preparer.prepare(bytes: 8192)
        #expect(preparer.hasSpare && disk.contents(path) == [UInt8](repeating: 0, count: 8192))
        let calls = disk.calls
        try preparer.prepare(bytes: 4096)
        #expect(try preparer.take(atLeast: 8192, wanted: 8192).bytes == 8192)
        #expect(disk.calls == calls, "what is ready costs nothing")
        #expect(!preparer.hasSpare)
        #expect(try preparer.take(atLeast: 4096, wanted: 4096).bytes == 4096, "made on the spot")
        try preparer.prepare(bytes: 4096)
        preparer.discard()
        // What was taken is its taker's; only the unused one went. Each has a name of its own: the spare's thread once
        // emptied the file that was just becoming a segment.
        #expect(disk.paths == [1, 2].map { "/store/wal/spare-\($0).tmp" })
    }

    @Test func aSpareThatDoesNotFitLeavesNothingBehind() throws {
        let disk = SimulatedDisk()
        for folder in ["/store", "/store/wal"] { try disk.createDirectory(folder) }
        disk.limit(to: 3 * 4096)
        let preparer = SegmentPreparer(io: disk, directory: LogDirectory(root: "/store"))
        let error = #expect(throws: SystemCallError.self) { try preparer.prepare(bytes: 8192) }
        #expect(error?.number == ENOSPC)
        #expect(!preparer.hasSpare && disk.contents("/store/wal/spare-1.tmp") == nil)
    }
}
