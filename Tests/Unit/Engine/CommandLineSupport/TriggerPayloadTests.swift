import Glibc
import Testing

@testable import Engine

@Suite("iii trigger: payload and report, cli.md §3")
struct TriggerCommandTests {
    @Test(
        "payloads, §3.1",
        arguments: [
            (nil, [], "{}"), ("null", [], "null"), ("5", [], "5"), (#"[1, {"a":2}]"#, [], #"[1,{"a":2}]"#),
            (#""s""#, [], #""s""#),
            (nil, ["a="], #"{"a":""}"#), (nil, ["a=null"], #"{"a":null}"#), (nil, ["a=10"], #"{"a":10}"#),
            (nil, [#"a="10""#], #"{"a":"10"}"#), (nil, ["a=[1,2]"], #"{"a":[1,2]}"#), (nil, ["a=b=c"], #"{"a":"b=c"}"#),
            (nil, ["a.b=1"], #"{"a.b":1}"#), (nil, ["a=1", "a=2"], #"{"a":2}"#),
            (nil, ["a=true", "b=tru"], #"{"a":true,"b":"tru"}"#),
            (nil, ["a=1e400"], #"{"a":1e400}"#), (nil, ["a=007"], #"{"a":"007"}"#), (nil, ["a= 1 "], #"{"a":1}"#),
            (nil, ["a=hello world"], #"{"a":"hello world"}"#),
            (#"{"a":{"x":1},"b":2}"#, ["a=1", "c=3"], #"{"a":1,"b":2,"c":3}"#),
        ] as [(String?, [String], String)]
    )
    func payload(json: String?, keyValues: [String], expected: String) throws {
        #expect(
            try TriggerPayload.build(json: json.map { PayloadText($0) }, keyValues: keyValues).description == expected
        )
    }

    @Test(
        "refused",
        arguments: [
            (nil, ["tok"], "expected key=value, got `tok`"), (nil, ["=v"], "payload key must not be empty (got `=v`)"),
            (nil, ["="], "payload key must not be empty (got `=`)"), ("{bad", [], "--json: invalid JSON `{bad`"),
            ("", [], "--json: invalid JSON ``"),
            ("[1]", ["a=1"], "--json must be an object when combined with kv pairs"),
            ("null", ["a=1"], "--json must be an object when combined with kv pairs"),
        ] as [(String?, [String], String)]
    )
    func refused(json: String?, keyValues: [String], message: String) throws {
        let error = try #require(throws: TriggerPayload.Invalid.self) {
            _ = try TriggerPayload.build(json: json.map { PayloadText($0) }, keyValues: keyValues)
        }
        #expect(error.message == message)
        #expect((error.cause != nil) == message.hasPrefix("--json: "))
    }

    @Test("a payload from a file")
    func file() throws {
        let folder = try TemporaryFolder()
        let good = try folder.file("good.json", Array(#"{"a":1}"#.utf8))
        let bad = try folder.file("bad.json", Array("{".utf8))
        #expect(PayloadText("-") == .standardInput)
        #expect(
            try TriggerPayload.build(json: PayloadText("@\(good)"), keyValues: ["b=2"]).description == #"{"a":1,"b":2}"#
        )
        for (path, message) in [
            (bad, "--json: invalid JSON in '\(bad)'"),
            (folder.path + "/none", "--json: can't read the payload in '\(folder.path)/none'"),
            (folder.path, "--json: can't read the payload in '\(folder.path)'"),
        ] {
            let error = try #require(throws: TriggerPayload.Invalid.self) {
                _ = try TriggerPayload.build(json: PayloadText("@\(path)"), keyValues: [])
            }
            #expect(error.message == message && error.cause != nil)
        }
    }

    /// `iii trigger f >/dev/full` ended with 0, and its caller believed to have the result.
    @Test("a result that can't be written is a failure")
    func unwritable() throws {
        let full = open("/dev/full", O_WRONLY)
        let null = open("/dev/null", O_WRONLY)
        defer {
            close(full)
            close(null)
        }
        #expect(CommandOutput.success("x").emit(standardOutput: full, standardError: null) == 1)
        #expect(CommandOutput.success("").emit(standardOutput: full, standardError: null) == 0)
        #expect(CommandOutput.success("x").emit(standardOutput: null, standardError: full) == 0)
        #expect(CommandOutput.usage("m", usage: "u").emit(standardOutput: full, standardError: null) == 2)
    }

    @Test("results, §3.3")
    func results() {
        #expect(TriggerReport.result(nil) == .success(""))
        #expect(TriggerReport.result(.null) == .success(""))
        #expect(TriggerReport.result(false) == .success("false\n"))
        #expect(TriggerReport.result(["a": [1], "b": [:]]) == .success("{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}\n"))
    }

    @Test("a remote error is exactly three members")
    func remoteError() {
        let expected = """
            Error: {
              "code": "function_not_found",
              "message": "Function orders::missing not found",
              "stacktrace": null
            }

            """
        let output = TriggerReport.remoteError(
            code: "function_not_found",
            message: "Function orders::missing not found",
            stacktrace: nil
        )
        #expect(output == CommandOutput(standardError: expected, exitCode: 1))
        let traced = TriggerReport.remoteError(code: "c", message: "m", stacktrace: "at x")
        #expect(traced.standardError.contains("\"stacktrace\": \"at x\""))
    }

    @Test("failures")
    func failures() {
        #expect(
            TriggerReport.timeout.standardError.hasPrefix("Error: Timed out waiting for the engine (no response within")
        )
        #expect(
            TriggerReport.webSocketFailure("x")
                == CommandOutput(standardError: "Error: WebSocket error: x\n", exitCode: 1)
        )
        let refused = TriggerReport.unreachable(address: "h", port: 1, reason: "refused")
        #expect(refused.standardError.contains("connect") && refused.exitCode == 1)
        #expect(CommandOutput.failure("m", cause: "c").standardError == "Error: m\n\nCaused by:\n    c\n")
    }
}
