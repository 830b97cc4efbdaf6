import NIOCore
import Testing

@testable import Engine

/// `xor` works on 32, 8 and 1 bytes at a time: every length that crosses those borders, at every mask phase, against
/// the loop that RFC 6455 gives.
struct MaskingTests {
    @Test(arguments: 0...100)
    func everyLengthAndPhase(length: Int) {
        var generator = SeededGenerator(seed: UInt64(length) + 1)
        for phase in 0..<4 {
            let key = generator.next() as UInt32
            let source = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let expected = source.enumerated().map { index, byte in
                byte ^ UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32((index + phase) % 4)))
            }
            var target = [UInt8](repeating: 0xAA, count: length + 1)
            source.withUnsafeBytes { from in
                target.withUnsafeMutableBytes { to in
                    let part = UnsafeMutableRawBufferPointer(rebasing: to[..<length])
                    xor(from, into: part, count: length, pattern: MaskKey(key).rotated(by: phase).pattern)
                }
            }
            #expect(Array(target[..<length]) == expected)
            #expect(target[length] == 0xAA, "wrote past the end")
        }
    }

    @Test func rotationIsCyclic() {
        let key = MaskKey(0x0102_0304)
        #expect(key.rotated(by: 0).key == 0x0102_0304)
        #expect(key.rotated(by: 1).key == 0x0203_0401)
        #expect(key.rotated(by: 2).key == 0x0304_0102)
        #expect(key.rotated(by: 3).key == 0x0401_0203)
        #expect(key.rotated(by: 4).key == 0x0102_0304)
        #expect(key.rotated(by: 65_537).key == 0x0203_0401)
    }
}
