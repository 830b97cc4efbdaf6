import Testing

@testable import Engine
@testable import Workers

/// docs/state.md, "Limits".
@Suite struct StateLimitTests {
    private static let limits = StateLimits(scopeBytes: 4, keyBytes: 6)

    /// Bytes, not characters; exactly the limit is allowed.
    @Test(arguments: ["state::set", "state::get", "state::delete", "state::update"])
    func namesAtAndBeyond(_ function: String) throws {
        let state = StateHarness(configuration: StateConfiguration(limits: Self.limits))
        func data(_ scope: String, _ key: String) -> String {
            #"{"scope":"\#(scope)","key":"\#(key)","value":1,"ops":[]}"#
        }
        _ = try state.call(function, data("éé", "ééé"))
        let scope = try state.error(function, data("ééx", "k"))
        #expect(scope.code == "SCOPE_TOO_LARGE")
        #expect(scope.message == "scope of 5 bytes exceeds the configured max_scope_bytes limit of 4")
        let key = try state.error(function, data("s", "éééx"))
        #expect(key.code == "KEY_TOO_LARGE")
        #expect(key.message == "key of 7 bytes exceeds the configured max_key_bytes limit of 6")
        let groups = try state.call("state::list_groups", "{}") ?? ""
        #expect(!groups.contains("x"))
    }

    @Test(arguments: ["state::list", "state::list_keys", "state::list_entries"])
    func scopesOfLists(_ function: String) throws {
        let state = StateHarness(configuration: StateConfiguration(limits: Self.limits))
        _ = try state.call(function, #"{"scope":"1234"}"#)
        #expect(try state.error(function, #"{"scope":"12345"}"#).code == "SCOPE_TOO_LARGE")
    }

    @Test func theDefaultIsGenerous() throws {
        let state = StateHarness()
        let longest = String(repeating: "k", count: 65_536)
        _ = try state.call("state::set", #"{"scope":"\#(longest)","key":"\#(longest)","value":1}"#)
        #expect(try state.call("state::list", #"{"scope":"\#(longest)"}"#) == "[1]")
        #expect(try state.error("state::list", #"{"scope":"\#(longest)x"}"#).code == "SCOPE_TOO_LARGE")
    }

    private static func configuration(_ json: JSON) throws(ConfigurationError) -> StateConfiguration {
        try StateConfiguration(ConfigBlock(json))
    }

    @Test func blockOfLimits() throws {
        let given = try Self.configuration(["max_value_bytes": 10, "max_scope_bytes": 1, "max_key_bytes": 67_108_864])
        #expect(given.maxValueBytes == 10)
        #expect(given.limits == StateLimits(scopeBytes: 1, keyBytes: 67_108_864))
        let absent = try Self.configuration(["max_scope_bytes": .null, "triggers_enabled": .null])
        #expect(absent.limits == StateLimits() && absent.maxValueBytes == nil && absent.triggersEnabled)
        // Upstream's field: out of range counts as unset.
        #expect(try Self.configuration(["max_value_bytes": 0]).maxValueBytes == nil)
        #expect(try Self.configuration(["max_value_bytes": -5]).maxValueBytes == nil)
    }

    @Test(
        arguments: [
            (["max_scope_bytes": 0], "invalid value: integer `0`, expected a number from 1 to 67108864"),
            (["max_key_bytes": 67_108_865], "invalid value: integer `67108865`, expected a number from 1 to 67108864"),
            (["max_key_bytes": "1"], "invalid type: string \"1\", expected i64"),
            (["max_key_length": 1], "unknown field `max_key_length`, expected one of `adapter`, `triggers_enabled`"),
            (["triggers_enabled": 1], "invalid type: integer `1`, expected a boolean"),
            (["adapter": ["name": "redis"]], "adapter 'redis' of iii-state is not served by this version yet"),
            (
                ["adapter": ["name": "bridge", "config": ["bridge_url": "ws://x"]]],
                "adapter 'bridge' of iii-state is not"
            ),
            (["adapter": ["name": "etcd"]], "Adapter factory 'etcd' not found. Available: [\"kv\"]"),
            (["adapter": [:]], "missing field `name`"),
            (["adapter": ["name": "kv", "configuration": [:]]], "unknown field `configuration`"),
        ] as [(JSON, String)]
    )
    func blocksThatAreRefused(_ json: JSON, _ words: String) {
        let error = #expect(throws: ConfigurationError.self) { try Self.configuration(json) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
