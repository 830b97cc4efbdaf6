import CPlatform
import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct CRC32CTests {
    @Test func knownValues() {
        #expect(checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(checksum([]) == 0)
    }

    /// Every length and alignment around the eight-byte step.
    @Test func theInstructionAgreesWithTheTable() {
        var generator = SeededGenerator(seed: 1)
        let bytes = (0..<256).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes.withUnsafeBytes { all in
            for start in 0..<17 {
                for length in 0...64 {
                    let part = all.part(start, length)
                    #expect(crc32c(part) == iii_crc32c_portable(0, part.baseAddress, part.count))
                }
            }
        }
    }

    @Test func canBeContinued() {
        let bytes = Array("the quick brown fox".utf8)
        bytes.withUnsafeBytes { all in
            for cut in 0...all.count {
                #expect(crc32c(all.part(cut, all.count - cut), continuing: crc32c(all.part(0, cut))) == crc32c(all))
            }
        }
    }

    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0) }
    }
}
