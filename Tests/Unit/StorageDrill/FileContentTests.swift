import Testing

@testable import StorageDrill

/// The sparse content against a plain array.
@Suite struct FileContentTests {
    private struct Pair {
        var content = FileContent()
        var model: [UInt8] = []

        mutating func write(_ bytes: [UInt8], at offset: Int) {
            bytes.withUnsafeBytes { content.write($0, at: UInt64(offset)) }
            grow(offset + bytes.count)
            model.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }

        mutating func writeZeros(at offset: Int, _ count: Int) {
            content.writeZeros(at: UInt64(offset), count: UInt64(count))
            grow(offset + count)
            model.replaceSubrange(offset..<offset + count, with: [UInt8](repeating: 0, count: count))
        }

        mutating func truncate(_ count: Int) {
            content.truncate(to: UInt64(count))
            if count < model.count { model.removeSubrange(count...) } else { grow(count) }
        }

        private mutating func grow(_ count: Int) {
            if model.count < count { model += [UInt8](repeating: 0, count: count - model.count) }
        }
    }

    @Test(arguments: 1...6) func actsAsAnArray(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let directory = try TemporaryDirectory()
        let limit = 300_000
        var pair = Pair()
        var copy: Pair?
        for step in 0..<120 {
            // Often at the edge of a chunk.
            let edge = Int.random(in: 0...4, using: &random) * 65_536
            let near = max(0, edge + Int.random(in: -3...3, using: &random))
            let offset = Bool.random(using: &random) ? near : Int.random(in: 0..<limit, using: &random)
            let count = Int.random(in: 0...(random.chance(1, in: 4) ? 150_000 : 600), using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: pair.truncate(offset)
            case 1: pair.writeZeros(at: offset, count)
            case 2: copy = pair
            default: pair.write((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, at: offset)
            }
            guard step % 10 == 9 else { continue }
            try check(pair, directory.path + "/\(step)")
            if let copy { try check(copy, directory.path + "/copy-\(step)") }
        }
    }

    private func check(_ pair: Pair, _ path: String) throws {
        try pair.content.save(path)
        #expect(try TemporaryDirectory.bytes(path) == pair.model)
        #expect(try pair.content.firstDifference(fromFile: path) == nil)
        #expect(try FileContent(readingFile: path).firstDifference(fromFile: path) == nil)
    }

    @Test func differencesSayWhere() throws {
        let directory = try TemporaryDirectory()
        var content = FileContent()
        content.truncate(to: 200_000)
        try content.save(directory.path + "/f")
        content.truncate(to: 200_001)
        #expect(try content.firstDifference(fromFile: directory.path + "/f") == 200_000)
        content.truncate(to: 199_999)
        #expect(try content.firstDifference(fromFile: directory.path + "/f") == 199_999)
        [UInt8(1)].withUnsafeBytes { content.write($0, at: 131_072) }
        #expect(try content.firstDifference(fromFile: directory.path + "/f") == 131_072)
    }
}
