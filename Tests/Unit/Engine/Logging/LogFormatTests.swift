import Logging
import Testing

@testable import Engine

@Suite("log lines, config-file.md §11")
struct LogFormatTests {
    /// 2026-01-31T09:19:23.241057Z
    private static let moment = LogTime(microseconds: 1_769_851_163_241_057, utcOffset: 0)

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
            (1_769_851_163_241_057, 0, "2026-01-31T09:19:23.241057Z", "09:19:23.241 AM"),
            (1_769_851_163_241_057, 3600, "2026-01-31T09:19:23.241057Z", "10:19:23.241 AM"),
            (1_769_851_163_241_057, -36_000, "2026-01-31T09:19:23.241057Z", "11:19:23.241 PM"),
            (1_769_851_163_241_057, 9960, "2026-01-31T09:19:23.241057Z", "12:05:23.241 PM"),
            (0, 0, "1970-01-01T00:00:00.000000Z", "12:00:00.000 AM"),
            (-1, 0, "1969-12-31T23:59:59.999999Z", "11:59:59.999 PM"),
            (951_782_400_000_000, 0, "2000-02-29T00:00:00.000000Z", "12:00:00.000 AM"),
            (4_107_542_399_999_999, 0, "2100-02-28T23:59:59.999999Z", "11:59:59.999 PM"),
            (4_107_542_400_000_000, 0, "2100-03-01T00:00:00.000000Z", "12:00:00.000 AM"),
        ] as [(Int64, Int, String, String)]
    )
    func time(microseconds: Int64, offset: Int, utc: String, local: String) {
        let time = LogTime(microseconds: microseconds, utcOffset: offset)
        #expect(time.utc == utc)
        #expect(time.local12Hour == local)
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
            render(.human(colours: false), "m", level, [:]) == "[09:19:23.241 AM] [\(label)] iii::workers::config m\n"
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
                [09:19:23.241 AM] [INFO] iii::workers::config message
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
                == "[09:19:23.241 AM] [INFO] a::b m\n    └ x: \"1\"\n"
        )
    }

    @Test("human: logged values forge no lines and steer no terminal")
    func forged() {
        let text = render(.human(colours: false), "one\n[00:00] two\u{1B}[2J\u{202E}", .info, ["k\n": "v\n\u{1B}"])
        #expect(
            text == "[09:19:23.241 AM] [INFO] iii::workers::config one\n    [00:00] two\\u{1b}[2J\\u{202e}\n"
                + "    └ k\\n: \"v\\n\\u001b\"\n"
        )
    }

    @Test("human: colours")
    func colours() {
        #expect(
            render(.human(colours: true), "m", .error, [:])
                == "\u{1B}[2m[09:19:23.241 AM]\u{1B}[0m [\u{1B}[31mERROR\u{1B}[0m] \u{1B}[1;36miii::workers::config\u{1B}[0m m\n"
        )
    }
}
