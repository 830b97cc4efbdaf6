import Testing

@testable import Engine
@testable import Workers

/// state.md §3.
@Suite struct StateTriggerTests {
    @Test func eventsCarryTheChange() throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", "{}", metadata: #"{"m":1}"#) == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":1}"#)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":2}"#)
        _ = try state.call("state::delete", #"{"scope":"s","key":"k"}"#)
        _ = try state.call("state::delete", #"{"scope":"s","key":"k"}"#)
        let head = #"{"type":"state","event_type":"state:"#
        #expect(
            seen.calls == [
                head + #"created","scope":"s","key":"k","old_value":null,"new_value":1}"#,
                head + #"updated","scope":"s","key":"k","old_value":1,"new_value":2}"#,
                head + #"deleted","scope":"s","key":"k","old_value":2,"new_value":null}"#,
                head + #"deleted","scope":"s","key":"k","old_value":null,"new_value":null}"#,
            ]
        )
        #expect(seen.metadata == Array(repeating: #"{"m":1}"#, count: 4))
    }

    @Test(arguments: [
        ("{}", ["s/k", "s/", "/k"]),
        (#"{"scope":null,"key":null}"#, ["s/k", "s/", "/k"]),
        (#"{"scope":"s"}"#, ["s/k", "s/"]),
        (#"{"scope":""}"#, ["/k"]),
        (#"{"key":"k"}"#, ["s/k", "/k"]),
        (#"{"scope":"s","key":""}"#, ["s/"]),
        (#"{"scope":"other"}"#, []),
    ])
    func filtersMatchExactly(_ config: String, _ expected: [String]) throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", config) == nil)
        for (scope, key) in [("s", "k"), ("s", ""), ("", "k")] {
            _ = try state.call("state::set", #"{"scope":"\#(scope)","key":"\#(key)","value":1}"#)
        }
        let places = try seen.calls.map { call in
            let event = try JSON.parse(call)
            return "\(event["scope"]?.string ?? "?")/\(event["key"]?.string ?? "?")"
        }
        #expect(places == expected)
    }

    @Test(arguments: [#"{"scope":123}"#, "null", #""text""#])
    func badConfigIsRejected(_ config: String) {
        let state = StateHarness()
        let error = state.bind("test::seen", config)
        #expect(error?.code == "trigger_registration_failed")
        #expect(error?.message.hasPrefix("Failed to parse trigger config: ") == true)
    }

    @Test(arguments: [("false", 0), ("true", 1), ("null", 1), ("0", 1), (#""""#, 1), (#""false""#, 1), ("{}", 1)])
    func onlyFalseSkips(_ answer: String, _ expected: Int) throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        _ = state.record("test::condition", answer: answer)
        #expect(state.bind("test::seen", #"{"condition_function_id":"test::condition"}"#) == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":1}"#)
        #expect(seen.calls.count == expected)
    }

    @Test func aMissingConditionSkips() throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", #"{"condition_function_id":"nobody"}"#) == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":1}"#)
        #expect(seen.calls.isEmpty)
    }

    /// A slow condition must not let the second event of a key overtake the first; other keys don't wait.
    @Test func conditionsKeepTheOrderOfOneKey() throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        let condition = state.record("test::condition")
        condition.holdsReplies = true
        #expect(state.bind("test::seen", #"{"condition_function_id":"test::condition"}"#) == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"a","value":1}"#)
        _ = try state.call("state::set", #"{"scope":"s","key":"a","value":2}"#)
        _ = try state.call("state::set", #"{"scope":"s","key":"b","value":3}"#)
        #expect(condition.calls.count == 2, "the second event of `a` waits for the first one's condition")
        condition.held[1](.success(nil))
        condition.held[0](.success(nil))
        condition.held[2](.success(nil))
        let values = try seen.calls.map { try JSON.parse($0)["new_value"]?.int }
        #expect(values == [3, 1, 2])
    }

    /// What waits belongs to the registration that it was matched by.
    @Test(arguments: [true, false])
    func aTriggerThatIsReplacedOrGoneDropsWhatWaits(_ isReplaced: Bool) throws {
        let state = StateHarness()
        let triggers = StateTriggers(engine: state.engine)
        let seen = state.record("test::seen")
        let condition = state.record("test::condition")
        condition.holdsReplies = true
        let config = RawJSON(literal: #"{"condition_function_id":"test::condition"}"#)
        let first = Trigger(id: "t1", type: "state", functionID: "test::seen", config: config)
        try triggers.register(first, replacing: nil)
        let change = EntryChange(old: nil, new: RawJSON(literal: "1"))
        for _ in 1...2 { triggers.fire(scope: "s", key: "k", change: change) }
        if isReplaced {
            let second = Trigger(id: "t1", type: "state", functionID: "test::seen", config: RawJSON(literal: "{}"))
            try triggers.register(second, replacing: first)
        } else {
            triggers.unregister(first)
        }
        for reply in condition.held { reply(.success(nil)) }
        #expect(seen.calls.isEmpty)
        triggers.fire(scope: "s", key: "k", change: change)
        #expect(condition.calls.count == 1)
        #expect(seen.calls.count == (isReplaced ? 1 : 0))
    }

    /// A stored null counts as present; an update fires whatever became of its operations.
    @Test func eventTypes() throws {
        let state = StateHarness()
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", "{}") == nil)
        let key = #""scope":"s","key":"k""#
        for call in [
            ("state::set", "\"value\":null"), ("state::set", "\"value\":null"), ("state::delete", "\"x\":0"),
            ("state::update", "\"ops\":[]"), ("state::update", #""ops":[{"type":"append","value":1}]"#),
        ] {
            _ = try state.call(call.0, "{\(key),\(call.1)}")
        }
        let events = try seen.calls.map { try JSON.parse($0)["event_type"]?.string }
        #expect(events == ["created", "updated", "deleted", "created", "updated"].map { "state:\($0)" })
    }

    @Test func switchedOffTriggersDontFire() throws {
        let state = StateHarness(configuration: StateConfiguration(triggersEnabled: false))
        let seen = state.record("test::seen")
        #expect(state.bind("test::seen", "{}") == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":1}"#)
        #expect(seen.calls.isEmpty)
    }
}

/// Found by a review: `state::delete` answers and fires before it returns, also for an absent key, so that a trigger which
/// names it as its handler or condition was endless recursion.
@Suite struct SelfFeedingTriggerTests {
    @Test(arguments: [
        ("state::delete", "{}"), ("seen", #"{"condition_function_id":"state::delete"}"#),
    ])
    func aTriggerThatFeedsItselfIsASlowLoop(function: String, config: String) throws {
        let state = StateHarness()
        _ = state.record("seen")
        #expect(state.bind(function, config) == nil)
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":1}"#)
        for _ in 0..<50 { state.loop.advanceTime(by: .milliseconds(1)) }
        #expect(try state.call("state::set", #"{"scope":"other","key":"k","value":2}"#) != nil)
    }
}
