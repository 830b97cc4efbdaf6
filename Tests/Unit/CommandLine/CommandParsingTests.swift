import Engine
import Testing

@testable import iii

@Suite("the command line, cli.md §1, §3")
struct CommandParsingTests {
    private func parse(_ line: String) -> Command {
        Command.parse(line.split(separator: " ").map(String.init)) { _ in nil }
    }

    private func finished(_ line: String) throws -> CommandOutput {
        guard case .finished(let output) = parse(line) else {
            Issue.record("not finished: \(line)")
            return CommandOutput(exitCode: -1)
        }
        return output
    }

    @Test(
        "serve",
        arguments: [
            ("", "config.yaml"), ("-c x", "x"), ("-cx", "x"), ("--config x", "x"), ("--config=x", "x"),
            ("--no-update-check", "config.yaml"), ("--no-update-check -c x", "x"), ("--use-default-config", nil),
        ] as [(String, String?)]
    )
    func serve(line: String, path: String?) throws {
        guard case .serve(let options) = parse(line) else {
            Issue.record("not serve: \(line)")
            return
        }
        #expect(options.configPath == path)
    }

    @Test(
        "version, also before a command",
        arguments: ["-v", "--version", "-v trigger f", "-c x -v", "-v start", "-vh"]
    )
    func version(line: String) throws {
        #expect(try finished(line) == CommandOutput(standardOutput: "0.22.1\n", exitCode: 0))
    }

    @Test(
        "help",
        arguments: [
            ("-h", "Process communication engine"), ("--help", "Process communication engine"),
            ("help", "Process communication engine"), ("help help", "Process communication engine"),
            ("trigger --help", "Invoke one function"), ("t -h", "Invoke one function"),
            ("help t", "Invoke one function"),
            ("health --help", "Tell whether"), ("help health", "Tell whether"),
        ]
    )
    func help(line: String, start: String) throws {
        let output = try finished(line)
        #expect(output.standardOutput.hasPrefix(start))
        #expect(output.exitCode == 0 && output.standardError == "")
    }

    @Test(
        "bad arguments: exit 2",
        arguments: [
            ("-V", "unexpected argument '-V' found"), ("--bogus", "unexpected argument '--bogus' found"),
            ("start", "unrecognized subcommand 'start'"), ("create x", "unrecognized subcommand 'create'"),
            ("help list", "unrecognized subcommand 'list'"), ("compose", "unrecognized subcommand 'compose'"),
            ("-c", "a value is required for '-c"), ("-v --bogus", "unexpected argument '--bogus' found"),
            (
                "--use-default-config -c x",
                "the argument '--use-default-config' cannot be used with '--config <CONFIG>'"
            ),
            ("trigger f --config x", "unexpected argument '--config' found"),
            ("trigger f -c x", "unexpected argument '-c' found"),
            ("t f --function-id x", "unexpected argument '--function-id'"),
            ("t f --payload x", "unexpected argument '--payload' found"), ("t f -x", "unexpected argument '-x' found"),
            ("t f --port abc", "invalid value 'abc' for '--port"),
            ("t f --port 70000", "invalid value '70000' for '--port"),
            ("t f --timeout-ms x", "invalid value 'x' for '--timeout-ms"),
            ("t f --port", "a value is required for '--port"),
            ("health x", "unexpected argument 'x' found"), ("health --json 5", "unexpected argument '--json' found"),
        ]
    )
    func usage(line: String, message: String) throws {
        let output = try finished(line)
        #expect(output.exitCode == 2)
        #expect(output.standardOutput == "")
        #expect(output.standardError.hasPrefix("error: " + message), "\(output.standardError)")
        #expect(output.standardError.contains("\n\nUsage: iii "))
        #expect(!output.standardError.contains("iii-cli"))
    }

    @Test(
        "a call",
        arguments: [
            ("trigger f", "f", "{}", "localhost", 49134, 30_000),
            ("t f a=1", "f", #"{"a":1}"#, "localhost", 49134, 30_000),
            ("t --port 1 f a=1 --address h b=-2", "f", #"{"a":1,"b":-2}"#, "h", 1, 30_000),
            (#"t f --json {"z":1} a=x --timeout-ms 5"#, "f", #"{"z":1,"a":"x"}"#, "localhost", 49134, 5),
            ("t f --json null", "f", "null", "localhost", 49134, 30_000),
            ("--no-update-check t f", "f", "{}", "localhost", 49134, 30_000),
        ] as [(String, String, String, String, UInt16, UInt64)]
    )
    func call(line: String, function: String, payload: String, host: String, port: UInt16, timeout: UInt64) throws {
        guard case .trigger(let call) = parse(line) else {
            Issue.record("not trigger: \(line)")
            return
        }
        #expect(call.function == function)
        #expect(call.payload.description == payload)
        #expect(call.engine == EngineAddress(host: host, port: port, timeoutMilliseconds: timeout))
    }

    @Test(
        "a call that can't be made: exit 1, before connecting",
        arguments: [
            ("trigger", "Error: iii trigger: missing FUNCTION_PATH. Try: `iii trigger <fn-path> [args]`\n"),
            ("t f tok", "Error: expected key=value, got `tok`\n"),
            ("t f =v", "Error: payload key must not be empty (got `=v`)\n"),
            ("t f --json {bad", "Error: --json: invalid JSON `{bad`\n\nCaused by:\n    "),
            ("t f --json 5 a=1", "Error: --json must be an object when combined with kv pairs\n"),
            ("worker list --help", "Error: `iii worker` isn't shipped with this version"),
            ("console", "Error: `iii console` isn't shipped"), ("update --x", "Error: `iii update` isn't shipped"),
        ]
    )
    func refused(line: String, message: String) throws {
        let output = try finished(line)
        #expect(output.exitCode == 1)
        #expect(output.standardError.hasPrefix(message))
    }

    @Test(
        "III_URL names the engine of a call, unless an option does",
        arguments: [
            ("t f", "ws://iii:5000", "iii", 5000), ("t f", "ws://iii/", "iii", 80), ("t f", "", "localhost", 49134),
            ("t f", "WS://[::1]:5000/", "::1", 5000), ("t f --port 1", "ws://iii:5000", "localhost", 1),
            ("t f --address h", "ws://iii:5000", "h", 49134), ("t f --address h", "nonsense", "h", 49134),
        ] as [(String, String, String, UInt16)]
    )
    func engineURL(line: String, url: String, host: String, port: UInt16) throws {
        let command = Command.parse(line.split(separator: " ").map(String.init)) { $0 == "III_URL" ? url : nil }
        guard case .trigger(let call) = command else {
            Issue.record("not trigger: \(command)")
            return
        }
        #expect((call.engine.host, call.engine.port) == (host, port))
    }

    @Test(
        "a III_URL that can't be meant is refused",
        arguments: [
            "iii:49134", "wss://iii", "http://iii", "ws://", "ws://:1", "ws://iii:0", "ws://iii:70000", "ws://iii:",
            "ws://iii/path", "ws://user@iii", "ws://[::1", "ws://[::1]5", "ws://iii:1:2", "ws://iii:1?x",
        ]
    )
    func badEngineURL(url: String) throws {
        guard case .finished(let output) = Command.parse(["t", "f"], environment: { _ in url }) else {
            Issue.record("taken: \(url)")
            return
        }
        #expect(output.exitCode == 1)
        #expect(output.standardError.hasPrefix("Error: III_URL is no engine's address: write it like ws://"))
    }

    @Test("a function's help asks the engine")
    func functionHelp() throws {
        guard case .functionHelp(let call) = parse("t f --help --port 5") else {
            Issue.record("not functionHelp")
            return
        }
        #expect(call.function == "f")
        #expect(call.engine.port == 5)
    }

    @Test("health")
    func health() throws {
        guard case .health(let engine, isVerbose: false) = parse("health --address ::1 --port 5 --timeout-ms 7") else {
            Issue.record("not health")
            return
        }
        #expect(engine == EngineAddress(host: "::1", port: 5, timeoutMilliseconds: 7))
    }

    @Test("health with its stores", arguments: ["health --verbose", "health -v", "health -v --port 49134"])
    func verboseHealth(line: String) {
        guard case .health(let engine, isVerbose: true) = parse(line) else {
            Issue.record("not health --verbose")
            return
        }
        #expect(engine == EngineAddress(timeoutMilliseconds: 5000))
    }
}
