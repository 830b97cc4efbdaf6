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
            ("worker: []", "unknown field `worker`, expected `modules` or `workers` at line 1 column 1"),
            ("workers: []\n\nextra: 1", "unknown field `extra`, expected `modules` or `workers` at line 3 column 1"),
            ("workers: 5", "invalid type: integer `5`, expected a sequence at line 1 column 10"),
            ("workers: {}", "invalid type: map, expected a sequence at line 1 column 10"),
            (
                "- name: iii-http",
                "invalid type: sequence, expected a mapping with the key `workers` at line 1 column 1"
            ),
            (
                "just text",
                #"invalid type: string "just text", expected a mapping with the key `workers` at line 1 column 1"#
            ),
            (
                "workers:\n  - iii-http",
                #"invalid type: string "iii-http", expected an entry such as `- name: iii-http` at line 2 column 5"#
            ),
            ("workers:\n  - config: {}", "missing field `name` at line 2 column 5"),
            ("workers:\n  - name: 5", "invalid type: integer `5`, expected a string at line 2 column 11"),
            ("workers:\n  - name:", "invalid type: null, expected a string at line 2 column 10"),
            ("workers:\n  - name: iii-http\n    name: iii-state", "duplicate field `name` at line 3 column 5"),
            (
                "workers:\n  - name: iii-http\n    config: 1\n    config: 2",
                "duplicate field `config` at line 4 column 5"
            ),
            ("workers: []\nworkers: []", "duplicate field `workers` at line 2 column 1"),
            ("registration_namespace_grace_ms: -1", "invalid value: integer `-1`, expected u64 at line 1 column 34"),
            ("registration_namespace_grace_ms: x", #"invalid type: string "x", expected u64 at line 1 column 34"#),
            (
                "workers: []\n---\nworkers: []",
                "more than one YAML document; put everything into one at line 2 column 1"
            ),
            (
                "workers: [",
                "did not find expected node content, while parsing a flow node that begins at line 2 column 1, at line 2 column 1"
            ),
        ]
    )
    func shape(text: String, expected: String) throws {
        let error = try configurationError(text)
        #expect(error.message == "Failed to parse config file '/app/config.yaml': \(expected)")
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
        let expected =
            "failed to create worker '\(name)': Failed to create \(name): "
            + "Failed to start worker '\(name)': iii-worker binary not found. "
        #expect(error.message.hasPrefix(expected), "\(error)")
        #expect(error.message.hasSuffix("At line 2 column 5 of '/app/config.yaml'."))
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
        #expect(error.message.hasPrefix(expected))
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
        #expect(error.message.hasPrefix("failed to create worker '\(name)': Failed to create \(name): this version"))
        #expect(error.message.contains("line 1 column 11"))
    }

    @Test("configuration: bare is fine, a block isn't served")
    func configurationWorker() throws {
        #expect(try configuration("workers: [{name: configuration}]").entries.count == 5)
        let error = try configurationError("workers: [{name: configuration, config: {ttl_seconds: 5}}]")
        #expect(error.message.hasPrefix("failed to create worker 'configuration': "))
    }

    @Test("a second instance of an entry owner", arguments: ["iii-http", "iii-state", "iii-observability", "http"])
    func secondInstance(name: String) throws {
        let error = try configurationError("workers:\n- name: \(name)\n- name: \(name)#7")
        #expect(error.message.contains("only one"))
        #expect(error.message.contains("line 2 column 3"))
        #expect(error.message.contains("line 3 column 3"))
    }

    @Test("unset variables: all names, file and lines")
    func unset() throws {
        let error = try configurationError("workers: [] # ${IGNORED}\nx: ${ONE}\ny: ${TWO}")
        #expect(error.code == .missingVariable)
        #expect(
            error.message == """
                Environment variable 'ONE' not set and no default provided ('/app/config.yaml' line 2)
                Environment variable 'TWO' not set and no default provided ('/app/config.yaml' line 3)
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
