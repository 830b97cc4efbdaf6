import Testing

@testable import Engine

/// Strict UTF-8 in strings: the verdict on every sequence equals the definition's.
@Suite struct JSONUnicodeTests {
    /// Unicode's table 3-7, written down independently of the scanner: a sequence is well formed when it is the shortest
    /// form of a scalar value.
    private static func isWellFormed(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            let length =
                lead < 0x80 ? 1 : lead >> 5 == 0b110 ? 2 : lead >> 4 == 0b1110 ? 3 : lead >> 3 == 0b11110 ? 4 : 0
            guard length > 0, index + length <= bytes.count else { return false }
            var value = length == 1 ? UInt32(lead) : UInt32(lead) & (0x7F >> UInt32(length))
            for byte in bytes[(index + 1)..<(index + length)] {
                guard byte >> 6 == 0b10 else { return false }
                value = value << 6 | UInt32(byte & 0x3F)
            }
            let shortest = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4
            guard shortest == length, value <= 0x10FFFF, !(0xD800...0xDFFF).contains(value) else { return false }
            index += length
        }
        return true
    }

    private func check(_ inside: [UInt8]) {
        let text = [0x22] + inside + [0x22]
        let isValid = scanJSON(text) == .success(.string)
        // One expectation for a loop of many: only a wrong verdict costs time.
        if isValid != Self.isWellFormed(inside) { Issue.record("wrong verdict on \(inside)") }
        if isValid, (try? parseJSON(text).get())?.string.map({ Array($0.utf8) }) != inside {
            Issue.record("changed \(inside)")
        }
    }

    @Test func allOneAndTwoByteSequences() {
        let plain = (UInt8(0x20)...0xFF).filter { $0 != 0x22 && $0 != 0x5C }
        for first in plain {
            check([first])
            for second in plain { check([first, second]) }
        }
    }

    @Test func threeAndFourByteSequencesAtEveryBoundary() {
        let edges: [UInt8] = [0x20, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xFF]
        for first in UInt8(0xC0)...0xFF {
            for second in edges {
                for third in edges {
                    check([first, second, third])
                    for fourth in [UInt8(0x41), 0x7F, 0x80, 0xBF, 0xC0, 0xE0] { check([first, second, third, fourth]) }
                }
            }
        }
    }

    @Test(
        arguments: [
            ("stray continuation", [0x80]), ("two stray continuations", [0x80, 0xBF]),
            ("overlong slash", [0xC0, 0xAF]),
            ("overlong NUL", [0xC0, 0x80]), ("overlong, three bytes", [0xE0, 0x9F, 0xBF]),
            ("overlong, four bytes", [0xF0, 0x8F, 0xBF, 0xBF]), ("surrogate, high", [0xED, 0xA0, 0x80]),
            ("surrogate, low", [0xED, 0xBF, 0xBF]), ("above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
            ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]), ("FE", [0xFE]), ("FF", [0xFF]), ("Latin-1 é", [0xE9]),
            ("cut two", [0xC3]), ("cut three", [0xE5, 0xAD]), ("cut four", [0xF0, 0x9F, 0x98]),
        ] as [(String, [UInt8])]
    )
    func rejectsAnywhere(_ name: String, _ bytes: [UInt8]) {
        // At each place of the scanner's eight-byte steps, in values and keys.
        for before in 0...33 {
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: before) + bytes + Array("yyyyyyyyyyyyyyyyyyy".utf8)
            let value = [0x22] + text + [0x22]
            #expect(scanJSON(value).error == JSONError(.invalidUTF8, at: before + 1))
            #expect(parseJSON(value).error == scanJSON(value).error)
            let member = [UInt8(ascii: "{")] + value + Array(":1}".utf8)
            #expect(scanJSON(member).error == JSONError(.invalidUTF8, at: before + 2))
        }
    }

    @Test func specialBytesAtEveryOffset() {
        for length in 0...70 {
            for place in 0..<length {
                for byte in [UInt8(0x00), 0x1F, 0x22, 0x5C, 0x80, 0xFF] {
                    var text = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    text[place] = byte
                    let verdict = scanJSON([0x22] + text + [0x22]).error
                    let expected: JSONError? =
                        switch byte {
                        case 0x22 where place == length - 1: JSONError(.trailingCharacters, at: place + 2)
                        case 0x22: JSONError(.trailingCharacters, at: place + 2)
                        // Behind the backslash stands `a`, or the closing quote.
                        case 0x5C where place == length - 1: JSONError(.endOfText, at: length + 2)
                        case 0x5C: JSONError(.invalidEscape, at: place + 1)
                        case 0x80...: JSONError(.invalidUTF8, at: place + 1)
                        default: JSONError(.controlCharacter, at: place + 1)
                        }
                    if verdict != expected {
                        Issue.record("length \(length), byte \(byte) at \(place): \(verdict as Any)")
                    }
                }
            }
        }
    }

    @Test func decodesEveryEscapedScalar() {
        for value in [
            0, 0x1F, 0x22, 0x5C, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF,
        ] {
            guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
            let units = Array(String(scalar).utf16)
            for isUppercase in [true, false] {
                let escaped = units.map { unit in
                    let digits = String(unit, radix: 16, uppercase: isUppercase)
                    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }.joined()
                let token = Array("\"<\(escaped)>\"".utf8)
                let text = token.withUnsafeBytes { JSONScanner.string($0, token: 0..<$0.count) }
                #expect(text == "<\(scalar)>")
            }
        }
    }

    @Test func keysAreComparedByBytes() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        #expect(composed == decomposed)
        let object = try JSON.parse("{\"\(composed)\":1,\"\(decomposed)\":2}")
        #expect(object.object?.count == 2)
        #expect(object[composed] == 1)
        #expect(object[decomposed] == 2)
        #expect(JSON.string(composed) != .string(decomposed))
        #expect(JSON.object([composed: 1]) != .object([decomposed: 1]))
    }
}
