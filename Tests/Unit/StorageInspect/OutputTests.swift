import Testing

@testable import Storage
@testable import iii_storage_inspect

/// The pieces below the reports.
@Suite struct OutputTests {
    @Test(
        "times",
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:01Z", 1_000_000_000), ("2026-07-04T12:00:00Z", LogFixture.start),
            ("2026-07-04 14:00+02:00", LogFixture.start), ("2026-07-05T02:00+14:00", LogFixture.start),
            ("2026-07-04T05:30:00.5-06:30", LogFixture.start + 500_000_000),
            ("2026-07-04T12:00:00.000000001", LogFixture.start + 1), ("2024-02-29", 1_709_164_800_000_000_000),
        ] as [(String, UInt64)]
    )
    func times(text: String, nanoseconds: UInt64) {
        #expect(Timestamp(parsing: text)?.nanoseconds == nanoseconds)
        let precise = Timestamp(nanoseconds: nanoseconds).precise
        #expect(Timestamp(parsing: precise)?.nanoseconds == nanoseconds, "\(precise)")
    }

    @Test(
        "no times",
        arguments: [
            "", "2026", "2026-13-01", "2026-02-30", "2025-02-29", "2026-07-04T", "2026-07-04T25:00",
            "2026-07-04T12:00:00.",
            "2026-07-04T12:00:00.1234567890", "2026-07-04T12:00:00Zx", "1969-12-31", "1970-01-01T00:00+01:00",
            "26-07-04", "2026-07-04T12:00+99:99", "2026-07-04T12:00+14:01", "2026-07-04T12:00-10:60",
        ]
    )
    func noTimes(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test func shortTimesKeepMicroseconds() {
        #expect(Timestamp(nanoseconds: LogFixture.start + 1_234_567).short == "2026-07-04T12:00:00.001234Z")
    }

    /// Python's base64 module gives the same.
    @Test func base64() {
        let cases = ["": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "foobar": "Zm9vYmFy"]
        for (text, encoded) in cases { #expect(ByteText.base64(Bytes(text.utf8)) == encoded) }
        #expect(ByteText.base64([0xFF, 0xFE, 0xFD]) == "//79")
    }

    @Test func whatATerminalMustNotGetIsHexadecimal() {
        for text in ["\u{1B}[31m", "a\nb", "\u{202E}abc", "\u{7F}", "\u{200B}", "\u{E000}", "\u{2028}"] {
            #expect(ByteText.key(Bytes(text.utf8)).hasPrefix("0x"), "\(text.unicodeScalars.map(\.value))")
        }
        #expect(ByteText.key([0xC3, 0x28]) == "0xc328", "no UTF-8")
        #expect(ByteText.value(.init(Bytes("a\n\tb".utf8))) == "a\\n\\tb")
    }

    /// However a value is cut, its beginning is shown as text.
    @Test func cutsFallBetweenCharacters() {
        let text = String(repeating: "é日😀", count: 100)
        let bytes = Bytes(text.utf8)
        for limit in 200...260 {
            let excerpt = bytes.withUnsafeBytes { RecordFacts.Excerpt($0, limit: limit) }
            let shown = ByteText.value(excerpt)
            #expect(shown == "\(text.prefix(60))… (900 bytes)", "\(limit)")
        }
        #expect(ByteText.value(.init(bytes), isFull: true) == text)
        #expect(ByteText.key(Bytes(repeating: 0x61, count: 60)) == String(repeating: "a", count: 60))
        #expect(ByteText.key(Bytes(repeating: 0x61, count: 61)).hasSuffix("… (61 bytes)"))
    }

    @Test func json() {
        let value: JSON = ["a": ["x", .null, true, .number(.max)], "b\"\\\n\u{1}": .object([])]
        #expect(value.line == #"{"a":["x",null,true,18446744073709551615],"b\"\\\n\u0001":{}}"#)
        #expect(JSONCheck.keys(value.line)?.first == "a")
        for text in ["", "{", "{\"a\"}", "[1,]", "01", "\"\n\"", "{} x", "nul"] { #expect(JSONCheck.keys(text) == nil) }
    }

    @Test func amounts() {
        let cases: [(UInt64, String)] = [
            (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"),
            (5 << 30, "5.0 GiB"), (.max, "16383.9 PiB"),
        ]
        for (count, text) in cases { #expect(Amounts.bytes(count) == text) }
    }

    /// A longer table than the measured part goes on with the widths that it has.
    @Test func tablesStream() throws {
        var output: [UInt8] = []
        let console = Console(
            output: { output += $0 },
            errors: { _ in },
            isOutputTerminal: true,
            isErrorTerminal: false,
            nanoseconds: { 0 }
        )
        var table = Table([.right("N"), .left("TEXT"), .left("LAST")], on: console)
        for number in 0..<(Table.measuredRows - 1) { try table.row(["\(number)", "x", "y"]) }
        #expect(output.isEmpty, "widths are not known yet")
        try table.row(["7", "longer", "y"])
        #expect(!output.isEmpty)
        try table.remark("in between")
        try table.row(["123456", "much longer", "y"])
        try table.finish()
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == Table.measuredRows + 3)
        #expect(lines[0] == "  N  TEXT    LAST" && lines[1] == "  0  x       y")
        #expect(lines[lines.count - 2] == "-- in between" && lines[lines.count - 1] == "123456  much longer  y")
    }

    @Test func progressAppearsAfterASecondAndGoesAway() {
        var now: UInt64 = 5
        var progress = Progress(isEnabled: true) { now }
        #expect(progress.update("reading", done: 1, of: 10) == nil && progress.clear() == nil)
        now += Progress.firstAfterNanoseconds
        #expect(progress.update("reading", done: 10, of: 10) == "\rreading: 100 %")
        #expect(progress.update("reading", done: 10, of: 10) == nil, "not yet again")
        now += Progress.everyNanoseconds
        #expect(progress.update("reading", done: 5, of: 10) == "\rreading: 50 % ")
        #expect(progress.clear() == "\r             \r" && progress.clear() == nil)
        var off = Progress(isEnabled: false) { now }
        now += 10 * Progress.firstAfterNanoseconds
        #expect(off.update("reading", done: 1, of: 1) == nil)
    }

    /// Rows never run into a progress line.
    @Test func outputClearsProgress() throws {
        var screen = ""
        var now: UInt64 = 0
        let take = { (bytes: UnsafeRawBufferPointer) in screen += String(decoding: bytes, as: UTF8.self) }
        let console = Console(
            output: take,
            errors: take,
            isOutputTerminal: true,
            isErrorTerminal: true,
            nanoseconds: { now }
        )
        now = 2 * Progress.firstAfterNanoseconds
        console.showProgress("reading", done: 1, of: 4)
        try console.write("row\n")
        try console.finish()
        #expect(screen == "\rreading: 25 %\r             \rrow\n")
    }
}
