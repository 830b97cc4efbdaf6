import Logging
import Testing

@testable import Engine

@Suite("log lines, config-file.md §11")
struct LogFormatTests {
    /// 2026-01-31T09:19:23.241057Z
    private static let moment = LogTime(microseconds: 1_769_851_163_241_057, utcOffset: 0)
    private static let stamp = "2026-01-31 09:19:23.241 +00:00"

    private func render(
        _ format: LogFormat,
        _ message: String,
        _ level: Logger.Level = .info,
        _ metadata: Logger.Metadata
    ) -> String {
        let entry = LogEntry(
            time: Self.moment,
            level: level,
            target: "iii::workers::config",
            message: message,
            metadata: metadata
        )
        return String(decoding: format.render(entry), as: UTF8.self)
    }

    @Test(
        "times",
        arguments: [
            (1_769_851_163_241_057, 0, "2026-01-31T09:19:23.241057Z", "2026-01-31 09:19:23.241 +00:00"),
            (1_769_851_163_241_057, 3600, "2026-01-31T09:19:23.241057Z", "2026-01-31 10:19:23.241 +01:00"),
            (1_769_851_163_241_057, -36_000, "2026-01-31T09:19:23.241057Z", "2026-01-30 23:19:23.241 -10:00"),
            (1_769_851_163_241_057, 9960, "2026-01-31T09:19:23.241057Z", "2026-01-31 12:05:23.241 +02:46"),
            (0, 0, "1970-01-01T00:00:00.000000Z", "1970-01-01 00:00:00.000 +00:00"),
            (-1, 0, "1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999 +00:00"),
            (951_782_400_000_000, 0, "2000-02-29T00:00:00.000000Z", "2000-02-29 00:00:00.000 +00:00"),
            (4_107_542_399_999_999, 0, "2100-02-28T23:59:59.999999Z", "2100-02-28 23:59:59.999 +00:00"),
            (4_107_542_400_000_000, 0, "2100-03-01T00:00:00.000000Z", "2100-03-01 00:00:00.000 +00:00"),
        ] as [(Int64, Int, String, String)]
    )
    func time(microseconds: Int64, offset: Int, utc: String, local: String) {
        let time = LogTime(microseconds: microseconds, utcOffset: offset)
        #expect(time.utc == utc)
        #expect(time.local == local)
    }

    @Test(
        "JSON",
        arguments: [
            ([:], #"{"message":"hello"}"#),
            (["worker": "iii-http"], #"{"message":"hello","worker":"iii-http"}"#),
            (["b": "x", "a": .stringConvertible(5)], #"{"message":"hello","a":5,"b":"x"}"#),
            (["f": .stringConvertible(1.5), "t": .stringConvertible(true)], #"{"message":"hello","f":1.5,"t":true}"#),
            (["j": .stringConvertible(["k": [1, .null]] as JSON)], #"{"message":"hello","j":{"k":[1,null]}}"#),
            (["d": .dictionary(["z": "1", "y": .array(["p"])])], #"{"message":"hello","d":{"y":["p"],"z":"1"}}"#),
            (["message": "other"], #"{"message":"hello"}"#),
            (["n": "line\nbreak\u{1B}[31m"], #"{"message":"hello","n":"line\nbreak\u001b[31m"}"#),
        ] as [(Logger.Metadata, String)]
    )
    func json(metadata: Logger.Metadata, fields: String) {
        #expect(
            render(.json, "hello", .warning, metadata)
                == #"{"timestamp":"2026-01-31T09:19:23.241057Z","level":"WARN","fields":"#
                + fields + #","target":"iii::workers::config"}"# + "\n"
        )
    }

    @Test(
        "levels",
        arguments: [
            (.trace, "TRACE"), (.debug, "DEBUG"), (.info, "INFO"), (.notice, "INFO"), (.warning, "WARN"),
            (.error, "ERROR"),
            (.critical, "ERROR"),
        ] as [(Logger.Level, String)]
    )
    func level(level: Logger.Level, label: String) {
        #expect(
            render(.human(colours: false), "m", level, [:]) == "[\(Self.stamp)] [\(label)] iii::workers::config m\n"
        )
        #expect(render(.json, "m", level, [:]).contains(#""level":"\#(label)""#))
    }

    @Test("human: fields as a tree")
    func tree() {
        let metadata: Logger.Metadata = [
            "key": "text", "other": .stringConvertible(42), "empty": .dictionary([:]),
            "json": .stringConvertible(["a": ["x", 2], "b": true, "c": .null] as JSON),
        ]
        #expect(
            render(.human(colours: false), "message", .info, metadata) == """
                [\(Self.stamp)] [INFO] iii::workers::config message
                    ├ empty: {}
                    ├ json:
                    │   ├ a:
                    │   │   ├ 0: "x"
                    │   │   └ 1: 2
                    │   ├ b: true
                    │   └ c: null
                    ├ key: "text"
                    └ other: 42

                """
        )
    }

    @Test("human: a field named function replaces the target")
    func function() {
        #expect(
            render(.human(colours: false), "m", .info, ["function": "a::b", "x": "1"])
                == "[\(Self.stamp)] [INFO] a::b m\n    └ x: \"1\"\n"
        )
    }

    @Test("human: logged values forge no lines and steer no terminal")
    func forged() {
        let text = render(.human(colours: false), "one\n[00:00] two\u{1B}[2J\u{202E}", .info, ["k\n": "v\n\u{1B}"])
        #expect(
            text == "[\(Self.stamp)] [INFO] iii::workers::config one\n    [00:00] two\\u{1b}[2J\\u{202e}\n"
                + "    └ k\\n:\n        v\n        \\u{1b}\n"
        )
    }

    @Test("human: a stack trace is printed line by line")
    func stackTrace() {
        let trace = "Error: no\r\n\tat f (a.js:1)\n\n    at g\n"
        #expect(
            render(.human(colours: false), "failed", .warning, ["stacktrace": "\(trace)", "to": "x"]) == """
                [\(Self.stamp)] [WARN] iii::workers::config failed
                    ├ stacktrace:
                    │   Error: no
                    │       at f (a.js:1)
                    │\("   ")
                    │       at g
                    └ to: "x"

                """
        )
    }

    @Test("human: colours")
    func colours() {
        #expect(
            render(.human(colours: true), "m", .error, [:])
                == "\u{1B}[2m[\(Self.stamp)]\u{1B}[0m [\u{1B}[31mERROR\u{1B}[0m] \u{1B}[1;36miii::workers::config\u{1B}[0m m\n"
        )
    }
}
