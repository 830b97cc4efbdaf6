import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Reading a segment's file from the real disk, in pieces and ahead.
@Suite struct SegmentWindowTests {
    private static let block = LogLimits.blockBytes

    /// Whatever is asked for, on block edges and mostly forwards, is what the file holds there.
    @Test(arguments: [0, 1, block, LogLimits.mebibyte, 3 * LogLimits.mebibyte, 5 * LogLimits.mebibyte + 4097])
    func everyByteIsTheFiles(size: Int) throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/file"
        var generator = SeededGenerator(seed: UInt64(size))
        let content = generator.bytes(size)
        try PosixIO().replaceFile(path, in: scratch.path, with: content)
        for readsAhead in [false, true] {
            var window = try SegmentWindow(io: PosixIO(), path: path, readsAhead: readsAhead)
            #expect(window.size == UInt64(size))
            for _ in 0..<8 {
                var offset = 0
                while offset <= size {
                    let most = Int.random(in: 0..<20, using: &generator) == 0 ? 2 * LogLimits.mebibyte : 60 * Self.block
                    let count = Int.random(in: 1...most, using: &generator)
                    let found = Array(try window.bytes(at: UInt64(offset), count))
                    #expect(found.elementsEqual(content[min(offset, size)..<min(offset + count, size)]), "\(offset)+\(count)")
                    // On to where a batch would end, now and then over a piece or back.
                    offset += LogLimits.roundedToBlock(count)
                    switch Int.random(in: 0..<40, using: &generator) {
                    case 0: offset += 300 * Self.block
                    case 1: offset = max(0, offset - 40 * Self.block)
                    default: break
                    }
                }
            }
        }
    }
}
