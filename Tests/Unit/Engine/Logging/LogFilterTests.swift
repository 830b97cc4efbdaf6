import Logging
import Testing

@testable import Engine

@Suite("log filter expressions, config-file.md §11")
struct LogFilterTests {
    @Test(
        "thresholds",
        arguments: [
            ("info", "a", "info"), ("WARN", "a", "warn"), ("off", "a", "off"), ("Trace", "a", "trace"),
            ("info,iii::x=debug", "iii::x", "debug"), ("info,iii::x=debug", "iii::x::y", "debug"),
            ("info,iii::x=debug", "iii::z", "info"), ("iii::x=debug,info", "iii::x", "debug"),
            ("iii=warn,iii::x=trace,iii::x::y=off", "iii::x::y::z", "off"), ("iii=warn,iii::x=trace", "iii::a", "warn"),
            ("iii=warn", "other", "off"), ("iii::x", "iii::x", "trace"), ("iii::x", "other", "off"),
            ("verbose", "iii::engine", "off"), ("verbose", "verbose", "trace"),
            ("info,debug", "a", "debug"), ("a=info,a=error", "a", "error"), (" info , a = debug ", "a", "debug"),
            ("", "a", "error"), (",,", "a", "error"), ("a=loud", "a", "error"), ("=info", "a", "error"),
            ("info,a=loud", "a", "info"), ("[span]=info", "a", "error"), ("a=", "a", "error"),
        ]
    )
    func threshold(expression: String, target: String, expected: String) {
        #expect("\(LogFilter(expression).threshold(for: target))" == expected)
    }

    @Test(
        "what can't be read is told",
        arguments: [
            ("info", []), ("info,a=loud", ["a=loud"]), ("=info,x y", ["=info", "x y"]), ("verbose", []),
        ]
    )
    func rejected(expression: String, expected: [String]) {
        #expect(LogFilter(expression).rejected == expected)
    }

    @Test(
        "explicit level, then RUST_LOG, then info",
        arguments: [
            ("debug", "warn", "debug"), (nil, "warn", "warn"), (nil, nil, "info"), (nil, "", "info"),
            ("", "warn", "warn"),
        ] as [(String?, String?, String)]
    )
    func precedence(level: String?, rustLog: String?, expected: String) {
        let filter = LogSystem.filter(level: level) { $0 == "RUST_LOG" ? rustLog : nil }
        #expect("\(filter.threshold(for: "a"))" == expected)
    }

    @Test(
        "formats and colours",
        arguments: [
            ("json", true, [:], .json), ("JSON", false, [:], .json), ("Json", true, ["NO_COLOR": "1"], .json),
            (nil, true, [:], .human(colours: true)), (nil, false, [:], .human(colours: false)),
            ("default", true, ["NO_COLOR": "1"], .human(colours: false)),
            ("x", true, ["NO_COLOR": ""], .human(colours: true)),
            (nil, true, ["CLICOLOR": "0"], .human(colours: false)),
            (nil, true, ["CLICOLOR": "1"], .human(colours: true)),
        ] as [(String?, Bool, [String: String], LogFormat)]
    )
    func format(name: String?, terminal: Bool, environment: [String: String], expected: LogFormat) {
        #expect(LogSystem.format(name, isTerminal: terminal) { environment[$0] } == expected)
    }
}
