import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// `iii-state` and the `configuration` worker (state.md §5).
@Suite struct StateConfigurationTests {
    /// Stands for the configuration worker: one entry.
    private final class Stored {
        var value: JSON?
        var registration: JSON?

        init(_ value: JSON? = nil) {
            self.value = value
        }

        func serve(on engine: Engine) {
            engine.register(FunctionDescription(id: "configuration::register"), worker: "configuration") {
                call,
                reply in
                self.registration = try? call.data.parse()
                if self.value == nil { self.value = self.registration?["initial_value"] }
                reply(.success(RawJSON(["ok": true])))
            }
            engine.register(FunctionDescription(id: "configuration::get"), worker: "configuration") { _, reply in
                guard let value = self.value else {
                    return reply(.failure(InvocationError(code: "NOT_FOUND", message: "no such entry")))
                }
                reply(.success(RawJSON(["id": "iii-state", "value": value])))
            }
        }
    }

    private static func start(_ stored: Stored, _ configuration: StateConfiguration = .init()) throws -> StateHarness {
        let state = StateHarness(configuration: configuration)
        stored.serve(on: state.engine)
        try state.worker.start(state.engine).wait()
        return state
    }

    private static func changed(_ state: StateHarness) throws {
        #expect(try state.call("iii-state::on-config-change", #"{"anything":1}"#) == #"{"ok":true}"#)
    }

    private static let set = #"{"scope":"scope","key":"key","value":"value"}"#

    @Test func changesApplyWithTheNextCall() throws {
        let stored = Stored()
        let state = try Self.start(stored)
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", "{}") == nil)
        _ = try state.call("state::set", Self.set)
        #expect(seen.calls.count == 1)

        stored.value = ["triggers_enabled": false, "max_value_bytes": 7]
        try Self.changed(state)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":"12345"}"#)
        #expect(seen.calls.count == 1)
        #expect(try state.error("state::set", #"{"scope":"s","key":"k","value":"123456"}"#).code == "VALUE_TOO_LARGE")

        stored.value = ["max_scope_bytes": 4, "max_value_bytes": .null]
        try Self.changed(state)
        #expect(try state.error("state::set", Self.set).code == "SCOPE_TOO_LARGE")
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":"1234567890"}"#)
        #expect(seen.calls.count == 2)

        stored.value = ["max_key_bytes": 2]
        try Self.changed(state)
        #expect(try state.error("state::set", Self.set).code == "KEY_TOO_LARGE")

        stored.value = [:]
        try Self.changed(state)
        _ = try state.call("state::set", Self.set)
    }

    @Test func whatIsStoredAtTheStartCounts() throws {
        let stored = Stored(["max_value_bytes": 3])
        let state = try Self.start(stored, StateConfiguration(maxValueBytes: 100))
        #expect(try state.error("state::set", Self.set).code == "VALUE_TOO_LARGE")
        #expect(stored.registration?["initial_value"] == nil)
    }

    @Test(
        arguments: [
            "text", ["max_keys": 1], ["max_key_bytes": 0], ["max_value_bytes": "5"], ["adapter": ["name": "redis"]],
            ["triggers_enabled": false, "adapter": ["name": "etcd"]],
        ] as [JSON]
    )
    func whatCanNotBeReadChangesNothing(_ value: JSON) throws {
        let stored = Stored(["max_value_bytes": 3])
        let state = try Self.start(stored)
        stored.value = value
        try Self.changed(state)
        #expect(state.worker.configuration.maxValueBytes == 3 && state.worker.configuration.triggersEnabled)
        stored.value = ["max_value_bytes": 4]
        try Self.changed(state)
        #expect(state.worker.configuration.maxValueBytes == 4)
    }

    /// Data stays where it is until the next start, whatever is stored.
    @Test(arguments: [[:], ["adapter": ["name": "kv", "config": ["store_method": "in_memory"]]]] as [JSON])
    func theStoreIsNeverExchanged(_ value: JSON) throws {
        let directory = try TemporaryDirectory()
        let block: JSON = [
            "adapter": ["name": "kv", "config": ["store_method": "file_based", "file_path": .string(directory.path)]]
        ]
        let stored = Stored(value)
        let configuration = try StateConfiguration(ConfigBlock(block))
        let state = try Self.start(stored, configuration)
        guard case .fileBased = state.worker.configuration.storage.method else {
            Issue.record("demoted")
            return
        }
        #expect(configuration.storage.isKept(by: try StateConfiguration(ConfigBlock([:])).storage))
        #expect(configuration.storage.isKept(by: configuration.storage))
        #expect(configuration.storage.isKept(by: try StateConfiguration(ConfigBlock(value)).storage) == (value == [:]))
    }

    /// Each was accepted, and the data was somewhere else than its owner believed.
    @Test(
        arguments: [
            (["file_path": "/data/store"], "`file_path` needs `store_method: file_based`"),
            (
                ["store_method": "in_memory", "file_path": "/data/store"],
                "`file_path` needs `store_method: file_based`"
            ),
            (
                ["store_method": "file_based", "file_pth": "/x"],
                "unknown field `file_pth`, expected one of `store_method`"
            ),
            (
                ["store_method": "file_based", "file_path": "~/store"],
                "`file_path` begins with `~`, which only a shell"
            ),
            (["store_method": "file_based", "encryption_key_file": "~/key"], "`encryption_key_file` begins with `~`"),
            (
                ["store_method": "file_based", "previous_encryption_key_files": ["~"]],
                "`previous_encryption_key_files`"
            ),
        ] as [(JSON, String)]
    )
    func aStoreThatIsntMeant(_ config: JSON, _ message: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try StateConfiguration(ConfigBlock(["adapter": ["name": "kv", "config": config]]))
        }
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        (["name": "kx"] as JSON, #"Adapter factory 'kx' not found. Available: ["kv"]"#),
        (
            ["class": "modules::state::adapters::KvStore"] as JSON,
            "`class` is `name` since 0.11: write `name: kv` instead"
        ),
    ])
    func anAdapterThatIsNone(_ adapter: JSON, _ message: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try StateConfiguration(ConfigBlock(["adapter": adapter]))
        }
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }

    @Test func aPathOfAnUnsetVariableInMemoryIsNone() throws {
        let block: JSON = ["adapter": ["name": "kv", "config": ["file_path": .null]]]
        guard case .inMemory = try StateConfiguration(ConfigBlock(block)).storage.method else {
            Issue.record("not in memory")
            return
        }
    }

    @Test func theSeedOfNothingAndOfABlock() throws {
        let nothing = Stored()
        _ = try Self.start(nothing)
        #expect(nothing.registration?["initial_value"] == ["triggers_enabled": true])
        #expect(nothing.registration?["id"] == "iii-state" && nothing.registration?["name"] == "State")
        let schema = nothing.registration?["schema"]
        #expect(schema?["additionalProperties"] == false)
        #expect(schema?["properties"]?["max_value_bytes"]?["minimum"] == 1)

        let block: JSON = [
            "adapter": [
                "name": "kv",
                "config": [
                    "file_path": "/x", "save_interval_ms": 5, "retain_log_hours": 2, "store_method": "file_based",
                ],
            ],
            "max_value_bytes": 10, "max_key_bytes": 20, "triggers_enabled": false,
        ]
        let seeded = try StateConfiguration(ConfigBlock(block)).entry.seed
        #expect(
            seeded == [
                "adapter": [
                    "name": "kv", "config": ["file_path": "/x", "retain_log_hours": 2, "store_method": "file_based"],
                ],
                "max_value_bytes": 10, "max_key_bytes": 20, "triggers_enabled": false,
            ]
        )
    }

    /// A key in config.yaml must not get into another file.
    @Test func theSeedHoldsNoKey() throws {
        let key = String(repeating: "5a", count: 32)
        let block: JSON = [
            "adapter": [
                "name": "kv",
                "config": ["store_method": "file_based", "file_path": "/x", "encryption_key": .string(key)],
            ]
        ]
        let configuration = try StateConfiguration(ConfigBlock(block))
        #expect(configuration.entry.seed == ["triggers_enabled": true])
        #expect(configuration.storage.isKept(by: try StateConfiguration(ConfigBlock([:])).storage))
    }

    @Test func theHandlerIsInternalAndTheEngineRunsWithoutConfiguration() throws {
        let state = StateHarness()
        try state.worker.start(state.engine).wait()
        try Self.changed(state)
        let handler = try #require(state.engine.function("iii-state::on-config-change"))
        #expect(handler.description.metadata?.description == #"{"internal":true}"#)
    }
}
