import Testing

@testable import Engine

/// The word tricks against their definitions, for every pair of bytes at neighbouring places.
@Suite struct JSONBytesTests {
    private func check(_ filler: UInt8, _ marks: (UInt64) -> UInt64, _ isMarked: (UInt8) -> Bool) {
        for place in 0..<8 {
            for first in UInt8.min...UInt8.max {
                for second in [
                    UInt8(0x00), 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x7F, 0x80, 0xA2, 0xDC, 0xFF, filler,
                ] {
                    var bytes = [UInt8](repeating: filler, count: 8)
                    if place < 7 { bytes[place + 1] = second }
                    bytes[place] = first
                    let found = marks(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
                    let position = found == 0 ? nil : JSONBytes.firstMark(found)
                    if position != bytes.firstIndex(where: isMarked) { Issue.record("\(bytes): \(position as Any)") }
                }
            }
        }
    }

    @Test func specialBytes() {
        check(UInt8(ascii: "a"), { JSONBytes.marksOfSpecial($0) }) {
            $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 >= 0x80
        }
    }

    @Test func escapedBytes() {
        check(UInt8(ascii: "a"), { JSONBytes.marksOfEscaped($0) }) { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
    }

    @Test func nonDigits() {
        check(UInt8(ascii: "9"), { JSONBytes.marksOfNonDigit($0) }) { !(0x30...0x39).contains($0) }
    }

    /// Each byte at each place of a number longer than a word.
    @Test func everyByteInsideANumber() {
        for place in 1...17 {
            for byte in UInt8.min...UInt8.max {
                var text = Array("[12345678912345678]".utf8)
                text[place] = byte
                let isNumber = (0x30...0x39).contains(byte) && !(place == 1 && byte == 0x30)
                let inner: Set<UInt8> = place == 17 ? [0x20, 0x0A, 0x0D, 0x09] : [0x2E, 0x65, 0x45, 0x2C]
                let outer: Set<UInt8> = place == 1 ? [0x20, 0x0A, 0x0D, 0x09, 0x2D] : inner
                let isValid = isNumber || outer.contains(byte)
                if (scanJSON(text).error == nil) != isValid { Issue.record("byte \(byte) at \(place)") }
            }
        }
    }
}
