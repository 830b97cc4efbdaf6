import Testing

@testable import Engine

@Suite("reading a worker's block, config-file.md §7")
struct ConfigReaderTests {
    /// What a worker would make of its block.
    private struct Sample {
        var port: UInt16?
        var names: [String] = []

        init(_ block: ConfigBlock) throws(ConfigurationError) {
            let reader = try ConfigReader(
                block,
                fields: ["port", "text", "flag", "ratio", "mode", "list", "inner", "rules", "adapter"]
            )
            port = try reader.integer("port")
            _ = try reader.string("text", nullable: true)
            _ = try reader.bool("flag")
            _ = try reader.number("ratio", in: 0...1)
            _ = try reader.variant("mode", of: ["memory", "otlp"])
            names = try reader.strings("list") ?? []
            if let inner = try reader.object("inner", fields: ["depth"]) {
                let _: Int? = try inner.integer("depth", in: 1...3)
            }
            for rule in try reader.objects("rules", fields: ["id"]) {
                names.append(try rule.require("id", rule.string("id")))
            }
            if let adapter = try reader.adapter() {
                names.append(adapter.name)
                _ = try ConfigReader(adapter.config, fields: ["path"]).string("path")
            }
        }
    }

    private func sample(_ block: String) throws -> Sample {
        let entry = try configuration("workers:\n  - name: iii-http\n    config: \(block)\n").entries[0]
        return try entry.decode(Sample.init)
    }

    @Test(
        "what is accepted",
        arguments: [
            ("{}", nil, []), ("~", nil, []), ("{port: 0}", 0, []), ("{port: 65535, text: null}", 65535, []),
            ("{ratio: 1, flag: true, mode: otlp}", nil, []), ("{list: [a, b], inner: ~, rules: ~}", nil, ["a", "b"]),
            ("{rules: [{id: x}], adapter: {name: kv}}", nil, ["x", "kv"]),
            ("{adapter: {name: kv, config: {path: /x}}}", nil, ["kv"]),
        ] as [(String, UInt16?, [String])]
    )
    func accepted(block: String, port: UInt16?, names: [String]) throws {
        let sample = try sample(block)
        #expect(sample.port == port)
        #expect(sample.names == names)
    }

    @Test(
        "what is refused, with its place",
        arguments: [
            (
                "{prot: 1}",
                "unknown field `prot`, expected one of `port`, `text`, `flag`, `ratio`, `mode`, `list`, `inner`, `rules`, `adapter`. Did you mean `port`?",
                14
            ),
            ("[]", "invalid type: sequence, expected a map", 13),
            ("text", #"invalid type: string "text", expected a map"#, 13),
            ("{port: 70000}", "invalid value: integer `70000`, expected u16", 20),
            ("{port: -1}", "invalid value: integer `-1`, expected u16", 20),
            ("{port: 1.5}", "invalid type: floating point `1.5`, expected u16", 20),
            ("{port: '80'}", #"invalid type: string "80", expected u16"#, 20),
            ("{port: ~}", "invalid type: null, expected u16", 20),
            ("{text: 5}", "invalid type: integer `5`, expected a string", 20),
            ("{flag: yes}", #"invalid type: string "yes", expected a boolean"#, 20),
            ("{ratio: 1.5}", "invalid value: floating point `1.5`, expected a number from 0.0 to 1.0", 21),
            ("{mode: prometheus}", "unknown variant 'prometheus', expected 'memory' or 'otlp'", 20),
            ("{list: [a, 1]}", "invalid type: integer `1`, expected a string", 20),
            ("{list: a}", #"invalid type: string "a", expected a sequence"#, 20),
            ("{inner: {deep: 1}}", "unknown field `deep`, expected `depth`", 22),
            ("{inner: {depth: 4}}", "invalid value: integer `4`, expected a number from 1 to 3", 29),
            ("{rules: [{}]}", "missing field `id`", 22),
            ("{rules: [{id: x}, ~]}", "invalid type: null, expected a map", 31),
            ("{rules: [{id: x, no: 1}]}", "unknown field `no`, expected `id`", 30),
            ("{adapter: {}}", "missing field `name`", 23),
            ("{adapter: {name: kv, x: 1}}", "unknown field `x`, expected `name` or `config`", 34),
            (
                "{adapter: {name: kv, config: {pat: 1}}}", "unknown field `pat`, expected `path`. Did you mean `path`?",
                43
            ),
        ]
    )
    func refused(block: String, reason: String, column: Int) throws {
        let error = try #require(throws: ConfigurationError.self) { _ = try sample(block) }
        #expect(
            error.message == "/app/config.yaml:3:\(column): \(reason) (failed to create worker 'iii-http')"
        )
    }

    @Test("without a file the path is named")
    func withoutFile() throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try Sample(ConfigBlock(["rules": [["id": "a"], ["id": 5]]]))
        }
        #expect(error.message == "invalid type: integer `5`, expected a string (in `rules[1].id`)")
        let root = try #require(throws: ConfigurationError.self) { _ = try Sample(ConfigBlock(["x": 1])) }
        #expect(root.message.hasSuffix("(in `x`)") || root.message.hasPrefix("unknown field `x`"))
    }

    @Test("composed and decomposed spellings of a field are two names")
    func bytewise() throws {
        let block = ConfigBlock(["e\u{301}": 1])
        #expect(throws: ConfigurationError.self) { _ = try ConfigReader(block, fields: ["\u{e9}"]) }
    }
}

@Suite("blocks of the engine's own workers")
struct BlockTests {
    private func decode<Value>(
        _ name: String,
        _ block: String,
        _ decode: (ConfigBlock) throws(ConfigurationError) -> Value
    ) throws -> Value {
        try configuration("workers:\n  - name: \(name)\n    config: \(block)\n").entries[0].decode(decode)
    }

    @Test("iii-worker-manager")
    func workerManager() throws {
        var expected = WorkerManagerConfiguration()
        #expect(try WorkerManagerConfiguration(.absent) == expected)
        #expect((expected.host, expected.port, expected.handshakeTimeoutMilliseconds) == ("0.0.0.0", 49134, 10_000))
        expected.host = "127.0.0.1"
        expected.port = 0
        expected.handshakeTimeoutMilliseconds = 86_400_000
        let block =
            "{host: 127.0.0.1, port: 0, handshake_timeout_ms: 18446744073709551615, rbac: ~, middleware_function_id: ~}"
        #expect(try decode("iii-worker-manager", block, WorkerManagerConfiguration.init) == expected)
    }

    @Test(
        "a listener that asks for access control doesn't open without it",
        arguments: [
            "{rbac: {}}", "{middleware_function_id: a::b}",
        ]
    )
    func accessControl(block: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try decode("iii-worker-manager", block, WorkerManagerConfiguration.init)
        }
        #expect(error.message.contains("isn't served by this version"))
        #expect(error.message.contains("the listener would be open"))
    }

    @Test(
        "iii-worker-manager, refused",
        arguments: ["{hots: x}", "{port: 65536}", "{handshake_timeout_ms: 0}", "{host: ~}"]
    )
    func workerManagerRefused(block: String) {
        #expect(throws: ConfigurationError.self) {
            _ = try decode("iii-worker-manager", block, WorkerManagerConfiguration.init)
        }
    }

    @Test("iii-observability: everything known is accepted")
    func observability() throws {
        let block = """
            {enabled: true, service_name: iii, service_version: "1", service_namespace: ~, exporter: both,
             endpoint: "http://x:4317", sampling_ratio: 1, memory_max_spans: 0, live_spans: ~, metrics_enabled: false,
             metrics_exporter: otlp, metrics_retention_seconds: 1, metrics_max_count: 1, logs_enabled: true,
             logs_exporter: memory, logs_max_count: 5, logs_retention_seconds: 5, logs_batch_size: 5,
             logs_flush_interval_ms: 5, logs_sampling_ratio: 0.5, logs_console_output: true, level: debug, format: JSON,
             sampling: {default: 0.5, parent_based: true, rules: [{operation: "a*", service: b, rate: 1}],
                        rate_limit: {max_traces_per_second: 5}},
             alerts: [{name: a, metric: m, threshold: 1, operator: ">=", window_seconds: 60, enabled: true,
                       cooldown_seconds: 1, action: {type: webhook, url: "http://x"}},
                      {name: b, metric: m, threshold: 1.5, action: {type: function, path: "a::b"}}],
             collapse_spans: [{name: "x*", service: y}],
             trace_storage: {enabled: true, directory: /x, max_disk_bytes: 1, retention_seconds: 0, memory_max_bytes: 1,
                             memory_low_watermark_ratio: 0.75, pending_max_age_seconds: 0}}
            """.replacing("\n", with: " ")
        let decoded = try decode("iii-observability", block, ObservabilityConfiguration.init)
        #expect(decoded.level == "debug")
        #expect(decoded.format == "JSON")
        #expect(try ObservabilityConfiguration(.absent) == ObservabilityConfiguration())
    }

    @Test(
        "iii-observability, refused",
        arguments: [
            ("{metrics_exporter: prometheus}", "unknown variant 'prometheus', expected 'memory' or 'otlp'"),
            ("{exporter: x}", "unknown variant 'x', expected one of 'otlp', 'memory', 'both'"),
            ("{logs_exporter: x}", "unknown variant 'x', expected one of 'memory', 'otlp', 'both'"),
            ("{log_level: debug}", "unknown field `log_level`, expected one of `enabled`, `service_name`, "),
            ("{logs_max_count: x}", #"invalid type: string "x", expected u64"#),
            ("{logs_console_output: ~}", "invalid type: null, expected a boolean"),
            ("{sampling: {x: 1}}", "unknown field `x`"),
            ("{sampling: {rate_limit: {}}}", "missing field `max_traces_per_second`"),
            ("{alerts: [{name: a, metric: m}]}", "missing field `threshold`"),
            ("{alerts: [{name: a, metric: m, threshold: 1, action: {type: webhook}}]}", "missing field `url`"),
            ("{alerts: [{name: a, metric: m, threshold: 1, operator: above}]}", "unknown variant 'above'"),
            ("{trace_storage: {x: 1}}", "unknown field `x`"),
            ("{trace_storage: {directory: ~/traces}}", "`directory` begins with `~`, which only a shell expands"),
        ]
    )
    func observabilityRefused(block: String, reason: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try decode("iii-observability", block, ObservabilityConfiguration.init)
        }
        #expect(error.reason.hasPrefix(reason), "\(error)")
        #expect(error.place?.mark.line == 3)
        #expect(error.message.hasSuffix(" (failed to create worker 'iii-observability')"))
    }

    @Test("iii-telemetry is checked at load")
    func telemetry() throws {
        _ = try configuration(
            "workers: [{name: iii-telemetry, config: {enabled: false, sdk_api_key: ~, heartbeat_interval_secs: 5}}]"
        )
        let error = try configurationError("workers: [{name: iii-telemetry, config: {enabled: 1}}]")
        #expect(
            error.message == "/app/config.yaml:1:51: invalid type: integer `1`, expected a boolean "
                + "(failed to create worker 'iii-telemetry')"
        )
        #expect(throws: ConfigurationError.self) {
            _ = try configuration("workers: [{name: iii-telemetry, config: {x: 1}}]")
        }
    }
}
