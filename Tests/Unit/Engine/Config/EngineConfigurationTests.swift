import Testing

@testable import Engine

func configuration(_ text: String, _ variables: [String: String] = [:]) throws(ConfigurationError)
    -> EngineConfiguration
{
    try EngineConfiguration.parse(Array(text.utf8), path: "/app/config.yaml") { variables[$0] }
}

func configurationError(_ text: String) throws -> ConfigurationError {
    try #require(throws: ConfigurationError.self) { _ = try configuration(text) }
}

@Suite("config.yaml, config-file.md §2, §4, §5")
struct EngineConfigurationTests {
    private static let mandatory = [
        "configuration", "iii-observability", "iii-engine-functions", "iii-telemetry", "iii-worker-manager",
    ]

    @Test(
        "nothing listed: the five mandatory workers",
        arguments: [
            "", "# comment", "workers:", "workers: []", "{}", "~", "modules: []", "workers: ~\nmodules:\n",
            "rootfs: {mode: x}\nworkers: []", "registration_namespace_grace_ms: 100",
        ]
    )
    func empty(text: String) throws {
        let configuration = try configuration(text)
        #expect(configuration.entries.map(\.type) == Self.mandatory)
        #expect(configuration.entries.map(\.instanceID) == Self.mandatory)
        #expect(configuration.listedCount == 0)
        #expect(configuration.entries.allSatisfy { $0.isMandatory && $0.config == nil && $0.mark == nil })
    }

    @Test("entries: order, blocks, ignored keys, modules after workers")
    func entries() throws {
        let configuration = try configuration(
            """
            modules:
              - name: iii-state
                config: null
                worker_path: ignored
            workers:
              - config:
                  port: ${PORT:3111}
                name: iii-http
                image:
            """
        )
        #expect(configuration.listedCount == 2)
        #expect(configuration.entries.prefix(2).map(\.type) == ["iii-http", "iii-state"])
        #expect(configuration.entries[0].config == ["port": 3111])
        #expect(configuration.entries[0].mark == SourceMark(line: 6, column: 5))
        #expect(configuration.entries[1].config == nil)
        #expect(configuration.entries.count == 7)
        #expect(configuration.path == "/app/config.yaml")
    }

    @Test(
        "a file that configures nothing says so, an empty list is meant",
        arguments: [
            ("", "1:1"), ("# comment\n", "1:1"), ("~", "1:1"), ("{}", "1:1"), ("x-a: 1", "1:1"), ("workers:", "1:1"),
            ("workers: []", nil), ("workers:\n  - name: iii-http", nil),
        ] as [(String, String?)]
    )
    func nothingConfigured(text: String, place: String?) throws {
        let warnings = try configuration(text).warnings
        #expect(warnings.count == (place == nil ? 0 : 1))
        guard let place else { return }
        #expect(warnings[0].hasPrefix("/app/config.yaml:\(place): nothing is configured"), "\(warnings)")
    }

    @Test("`modules` still works, with the name of its successor")
    func modules() throws {
        let configuration = try configuration("modules:\n  - name: iii-http")
        #expect(configuration.entries[0].type == "iii-http")
        #expect(configuration.warnings == ["/app/config.yaml:1:1: `modules` is `workers` since 0.11: rename the key"])
    }

    @Test(
        "files of before 0.11 are told the new key",
        arguments: [
            ("class: modules::api::RestApiModule", "name: iii-http"),
            ("class: modules::streams::StreamModule", "name: iii-stream"),
            ("class: modules::observability::LoggingModule", "name: iii-observability"),
            ("class: my::Own", "name: iii-http` instead of `class: my::Own` (iii-http is an example)"),
        ]
    )
    func classes(entry: String, advice: String) throws {
        let error = try configurationError("modules:\n  - \(entry)\n    config: {port: 1}")
        #expect(
            error.message.hasPrefix("/app/config.yaml:2:5: `class` is `name` since 0.11: write `\(advice)"),
            "\(error)"
        )
        #expect(error.message.hasSuffix(", and list the entries under `workers:`, not `modules:`"))
    }

    @Test("the worker port of before 0.11 is told its new place")
    func port() throws {
        let error = try configurationError("port: 49134\nmodules: []")
        #expect(error.message.hasPrefix("/app/config.yaml:1:1: `port` is a setting of the worker listener since 0.11"))
        #expect(error.message.contains("iii-worker-manager"))
    }

    @Test("keys that begin with x- hold anchors, also for merge keys")
    func anchors() throws {
        let configuration = try configuration(
            """
            x-listener: &listener {host: 127.0.0.1, port: 1}
            workers:
              - name: iii-worker-manager
                config: {<<: *listener, port: 2}
            """
        )
        #expect(configuration.entries[0].config == ["host": "127.0.0.1", "port": 2])
    }

    @Test("grace: default and given")
    func grace() throws {
        #expect(try configuration("").registrationNamespaceGraceMilliseconds == 5000)
        #expect(try configuration("registration_namespace_grace_ms: 7").registrationNamespaceGraceMilliseconds == 7)
    }

    @Test("instance ids")
    func instances() throws {
        let configuration = try configuration(
            """
            workers:
              - name: iii-worker-manager
              - name: iii-worker-manager
              - name: iii-worker-manager#1
            modules:
              - name: iii-worker-manager
            """
        )
        let managers = configuration.entries(ofType: "iii-worker-manager")
        #expect(
            managers.map(\.instanceID) == [
                "iii-worker-manager", "iii-worker-manager#1", "iii-worker-manager#1#1", "iii-worker-manager#2",
            ]
        )
        #expect(managers.allSatisfy { $0.type == "iii-worker-manager" })
    }

    @Test("aliases run the built-in", arguments: [("http", "iii-http"), ("state", "iii-state")])
    func alias(name: String, type: String) throws {
        let entry = try configuration("workers:\n  - name: \(name)").entries[0]
        #expect(entry.name == name)
        #expect(entry.type == type)
        #expect(entry.instanceID == type)
    }

    @Test("old and new name together: every pair is told")
    func duplicateNames() throws {
        let error = try configurationError(
            "workers: [{name: state}, {name: http}, {name: iii-state}]\nmodules: [{name: iii-http}]"
        )
        #expect(
            error.message == """
                Duplicate worker configurations:
                - 'iii-http' is the deprecated name for 'http', but both are present. Remove 'iii-http' from your configuration.
                - 'iii-state' is the deprecated name for 'state', but both are present. Remove 'iii-state' from your configuration.
                """
        )
    }

    @Test("start order: configuration and observability first, listeners last")
    func startOrder() throws {
        let text = "workers: [{name: iii-worker-manager}, {name: iii-state}, {name: iii-http}]"
        #expect(
            try configuration(text).startOrder.map(\.type) == [
                "configuration", "iii-observability", "iii-state", "iii-http", "iii-engine-functions", "iii-telemetry",
                "iii-worker-manager",
            ]
        )
    }

    @Test("--use-default-config")
    func defaults() throws {
        let configuration = try EngineConfiguration.defaults()
        #expect(
            configuration.entries.map(\.type) == Self.mandatory + ["iii-http", "iii-state", "iii-stream", "iii-pubsub"]
        )
        #expect(configuration.path == nil)
    }

    @Test(
        "shape errors carry file, line and column",
        arguments: [
            ("worker: []", "1:1: unknown field `worker`, expected `modules` or `workers`. Did you mean `workers`?"),
            ("workers: []\n\nextra: 1", "3:1: unknown field `extra`, expected `modules` or `workers`"),
            ("workers: 5", "1:10: invalid type: integer `5`, expected a sequence"),
            ("workers: {}", "1:10: invalid type: map, expected a sequence"),
            (
                "- name: iii-http",
                "1:1: invalid type: sequence, expected a mapping with the key `workers`"
            ),
            (
                "just text",
                #"1:1: invalid type: string "just text", expected a mapping with the key `workers`"#
            ),
            (
                "workers:\n  - iii-http",
                #"2:5: invalid type: string "iii-http", expected an entry such as `- name: iii-http`"#
            ),
            ("workers:\n  - config: {}", "2:5: missing field `name`"),
            ("workers:\n  - name: 5", "2:11: invalid type: integer `5`, expected a string"),
            ("workers:\n  - name:", "2:10: invalid type: null, expected a string"),
            (
                "workers:\n  - name: iii-http\n    name: iii-state",
                "3:5: duplicate key `name`, used before at line 2 column 5. Remove one of the two"
            ),
            (
                "workers:\n  - name: iii-http\n    config: 1\n    config: 2",
                "4:5: duplicate key `config`, used before at line 3 column 5. Remove one of the two"
            ),
            (
                "workers: []\nworkers: []",
                "2:1: duplicate key `workers`, used before at line 1 column 1. Remove one of the two"
            ),
            ("registration_namespace_grace_ms: -1", "1:34: invalid value: integer `-1`, expected u64"),
            ("registration_namespace_grace_ms: x", #"1:34: invalid type: string "x", expected u64"#),
            (
                "workers: []\n---\nworkers: []",
                "2:1: more than one YAML document; put everything into one"
            ),
            (
                "workers: [",
                "2:1: did not find expected node content while parsing a flow node that begins at line 2 column 1"
            ),
        ]
    )
    func shape(text: String, expected: String) throws {
        let error = try configurationError(text)
        #expect(error.message == "/app/config.yaml:\(expected)")
        #expect(error.code == .malformed)
    }

    @Test(
        "names that can't run",
        arguments: [
            ("iii-htpp", "Did you mean 'iii-http'?"), ("iii-workermanager", "Did you mean 'iii-worker-manager'?"),
            ("htp", "Did you mean 'http'?"), ("database", nil), ("iii-sandbox", nil), ("", nil), ("#1", nil),
        ] as [(String, String?)]
    )
    func unknown(name: String, suggestion: String?) throws {
        let error = try configurationError("workers:\n  - name: '\(name)'\n    image: x")
        #expect(error.message.hasPrefix("/app/config.yaml:2:5: '\(name)' is no built-in worker."), "\(error)")
        #expect(error.message.hasSuffix(" (failed to create worker '\(name)')"), "\(error)")
        #expect(suggestion.map(error.message.contains) ?? !error.message.contains("Did you mean"), "\(error)")
    }

    @Test(
        "built-ins have no image",
        arguments: ["iii-http", "http", "configuration", "iii-queue", "iii-worker-manager#2"]
    )
    func image(name: String) throws {
        let error = try configurationError("workers: [{name: '\(name)', image: 'x:1'}]")
        let expected =
            "Worker '\(name)' is a built-in worker and cannot have an 'image' field. "
            + "Remove 'image' or use a different name."
        #expect(error.message == "/app/config.yaml:1:11: " + expected)
    }

    @Test(
        "known but not served is refused, never ignored",
        arguments: [
            "iii-cron", "cron", "iii-queue", "queue", "iii-exec", "iii-bridge",
            "iii-http-functions",
        ]
    )
    func notServed(name: String) throws {
        let error = try configurationError("workers: [{name: \(name)}]")
        #expect(error.message.hasPrefix("/app/config.yaml:1:11: this version"))
        #expect(error.message.hasSuffix(" (failed to create worker '\(name)')"))
    }

    @Test("configuration: bare is fine, a block isn't served")
    func configurationWorker() throws {
        #expect(try configuration("workers: [{name: configuration}]").entries.count == 5)
        let error = try configurationError("workers: [{name: configuration, config: {ttl_seconds: 5}}]")
        #expect(error.message.hasSuffix(" (failed to create worker 'configuration')"))
    }

    @Test("a second instance of an entry owner", arguments: ["iii-http", "iii-state", "iii-observability", "http"])
    func secondInstance(name: String) throws {
        let error = try configurationError("workers:\n- name: \(name)\n- name: \(name)#7")
        #expect(error.message.hasPrefix("/app/config.yaml:3:3: only one"))
        #expect(error.message.contains("the first is at line 2 column 3"))
    }

    @Test("unset variables: all names with their places")
    func unset() throws {
        let error = try configurationError("workers: [] # ${IGNORED}\nx: ${ONE}\ny: ${TWO}")
        #expect(error.code == .missingVariable)
        #expect(
            error.message == """
                /app/config.yaml:2:4: Environment variable 'ONE' not set and no default provided
                /app/config.yaml:3:4: Environment variable 'TWO' not set and no default provided
                Set it, or write ${NAME:default} in the file.
                """
        )
    }

    @Test("expansion takes part in parsing")
    func textual() throws {
        let text =
            "workers:\n  - name: iii-http\n    config:\n      a: ${A}\n      b: \"${A}\"\n      c: ${C}\n      d: ${D}\n"
        let entry = try configuration(text, ["A": "true", "C": "1\n      extra: 2", "D": "x # y"]).entries[0]
        #expect(entry.config == ["a": true, "b": "true", "c": 1, "extra": 2, "d": "x"])
    }
}
