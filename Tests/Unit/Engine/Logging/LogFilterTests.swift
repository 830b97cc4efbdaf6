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
        let settings = LogSettings(level: level, format: nil) { $0 == "RUST_LOG" ? rustLog : nil }
        #expect("\(settings.filter.threshold(for: "a"))" == expected)
        #expect(settings.warnings.isEmpty)
    }

    /// `level: verbose` ended all logs, without a word.
    @Test(
        "a word that means nothing leaves the default level and a warning",
        arguments: [
            ("verbose", nil, "info", ["unknown log level 'verbose' in `level` of iii-observability, expected trace"]),
            ("warning,a=loud", nil, "info", ["unknown log level 'warning', 'a=loud' in `level`"]),
            ("verbose,warn", nil, "warn", ["unknown log level 'verbose' in `level`"]),
            (nil, "verbose", "info", ["unknown log level 'verbose' in RUST_LOG"]),
            (nil, "my_app=debug", "info", ["RUST_LOG 'my_app=debug' names no target of the engine"]),
            (nil, "my_app=debug,error", "error", []), (nil, "iii=debug", "debug", []),
            ("iii::workers=trace", nil, "off", []), ("off", nil, "off", []),
        ] as [(String?, String?, String, [String])]
    )
    func unknownWords(level: String?, rustLog: String?, expected: String, warnings: [String]) {
        let settings = LogSettings(level: level, format: nil) { $0 == "RUST_LOG" ? rustLog : nil }
        #expect("\(settings.filter.threshold(for: "iii::engine"))" == expected)
        #expect(settings.warnings.count == warnings.count)
        for (warning, start) in zip(settings.warnings, warnings) { #expect(warning.hasPrefix(start), "\(warning)") }
    }

    @Test(
        "an unknown format is the default one, with a warning",
        arguments: [(nil, 0), ("", 0), ("default", 0), ("JSON", 0), ("logfmt", 1)] as [(String?, Int)]
    )
    func unknownFormat(format: String?, warnings: Int) {
        let settings = LogSettings(level: nil, format: format) { _ in nil }
        #expect(settings.warnings.count == warnings)
        #expect(
            settings.warnings.allSatisfy { $0.hasPrefix("unknown log format 'logfmt', expected 'default' or 'json'") }
        )
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
