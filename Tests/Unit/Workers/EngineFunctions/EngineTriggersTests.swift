import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// `engine::functions-available` and `engine::workers-available` (engine-functions.md §7, §8).
struct EngineTriggersTests {
    private func watch(_ test: DiscoveryEngine, _ type: String, id: String = "w", more: String = "") throws -> TestPeer
    {
        let watcher = try test.worker("watcher", functions: ["watcher::\(id)"])
        try watcher.send(
            #"{"type":"registertrigger","id":"\#(id)","trigger_type":"\#(type)","function_id":"watcher::\#(id)","config":{}\#(more)}"#
        )
        return watcher
    }

    private func ids(_ event: JSON) -> [String] {
        event["data"]?["functions"]?.array?.compactMap { $0["function_id"]?.string } ?? []
    }

    // MARK: functions-available

    /// Watches, with everything that boot and watching changed reported already.
    private func quietEngine() throws -> (DiscoveryEngine, TestPeer) {
        let test = try DiscoveryEngine()
        let watcher = try watch(test, "engine::functions-available", more: #","metadata":{"m":1}"#)
        test.test.advance(by: .seconds(20))
        _ = try watcher.receive()
        return (test, watcher)
    }

    @Test func changesAreReportedCompletely() throws {
        let (test, watcher) = try quietEngine()
        let orders = try test.worker("orders", functions: ["orders::b"])
        try orders.send(#"{"type":"registerfunction","id":"orders::a","description":"A","metadata":{"x":1}}"#)
        #expect(try watcher.receive().isEmpty)
        test.test.advance(by: .milliseconds(100))
        let events = try watcher.receive()
        #expect(events.count == 1)
        let event = try #require(events.first)
        #expect(event["data"]?.object?.map(\.key) == ["event", "functions"])
        #expect(event["data"]?["event"] == "functions_changed")
        #expect(event["metadata"] == ["m": 1])
        #expect(ids(event) == ids(event).sorted())
        #expect(ids(event).count == 12 + 2 + 1 + 2)
        let row = try #require(event["data"]?["functions"]?.array?.first { $0["function_id"] == "orders::a" })
        #expect(row == ["function_id": "orders::a", "worker_name": "orders", "description": "A", "metadata": ["x": 1]])
    }

    @Test func atMostOncePerPeriod() throws {
        let (test, watcher) = try quietEngine()
        let orders = try test.worker("orders")
        var events: [JSON] = []
        for number in 0..<120 {
            try orders.send(#"{"type":"registerfunction","id":"orders::\#(number)"}"#)
            test.test.advance(by: .milliseconds(250))
            // The watcher must not count as dead meanwhile.
            try watcher.send(frame: ClientFrame(opcode: 10))
            try test.client.send(frame: ClientFrame(opcode: 10))
            events += try watcher.receive()
        }
        // 30 s of constant change: one event at once, then one every 5 s.
        #expect(events.count == 6)
        test.test.advance(by: .seconds(5))
        let last = try #require(try watcher.receive().last)
        #expect(ids(last).contains("orders::119"))
    }

    @Test func nothingNewNothingSent() throws {
        let (test, watcher) = try quietEngine()
        let orders = try test.worker("orders", functions: ["orders::a"])
        test.test.advance(by: .seconds(10))
        #expect(try watcher.receive().count == 1)
        // Metadata, owner, and a removal that is undone don't change the set.
        try orders.send(#"{"type":"registerfunction","id":"orders::a","description":"new","metadata":{"y":1}}"#)
        _ = try test.worker("thief", functions: ["orders::a"])
        try orders.send(#"{"type":"registerfunction","id":"orders::tmp"}"#)
        try orders.send(#"{"type":"unregisterfunction","id":"orders::tmp"}"#)
        test.test.advance(by: .seconds(10))
        #expect(try watcher.receive().isEmpty)
    }

    @Test func removalsAreReported() throws {
        let (test, watcher) = try quietEngine()
        let orders = try test.worker("orders", functions: ["orders::a"])
        test.test.advance(by: .seconds(6))
        _ = try watcher.receive()
        try orders.disconnect()
        test.test.advance(by: .milliseconds(100))
        let events = try watcher.receive()
        #expect(events.count == 1)
        #expect(events.first.map { ids($0).contains("orders::a") } == false)
    }

    /// A worker that registers functions and then watches hears of them: its helpers expect a first list.
    @Test func firstListAfterWatching() throws {
        let test = try DiscoveryEngine()
        test.test.advance(by: .seconds(20))
        let watcher = try watch(test, "engine::functions-available")
        test.test.advance(by: .seconds(5))
        #expect(try watcher.receive().map { ids($0).contains("watcher::w") } == [true])
    }

    @Test func unwatchedAndStoppedStaySilent() throws {
        let (test, watcher) = try quietEngine()
        try watcher.send(#"{"type":"unregistertrigger","id":"w"}"#)
        _ = try test.worker("a", functions: ["a::a"])
        test.test.advance(by: .seconds(10))
        #expect(try watcher.receive().isEmpty)
    }

    // MARK: workers-available

    @Test func connectUpdateDisconnect() throws {
        let test = try DiscoveryEngine()
        let watcher = try watch(test, "engine::workers-available", more: #","metadata":[7]"#)
        let peer = try test.worker("orders", functions: ["orders::a"])
        try peer.disconnect()
        let events = try watcher.receive()
        #expect(
            events.compactMap { $0["data"] }
                == ["worker_connected", "worker_metadata_updated", "worker_disconnected"].map {
                    ["event": .string($0), "worker_id": .string(peer.id)]
                }
        )
        #expect(events.allSatisfy { $0["metadata"] == [7] })
    }

    @Test func everyBindingGetsEveryEventInOrder() throws {
        let test = try DiscoveryEngine()
        let watchers = [
            try watch(test, "engine::workers-available", id: "w1"),
            try watch(test, "engine::workers-available", id: "w2"),
        ]
        for watcher in watchers { _ = try watcher.receive() }
        var expected: [String] = []
        for _ in 0..<20 {
            let peer = try test.worker("x")
            try peer.disconnect()
            expected += ["worker_connected", "worker_metadata_updated", "worker_disconnected"].map {
                "\($0) \(peer.id)"
            }
        }
        for watcher in watchers {
            let seen = try watcher.receive().map { frame in
                "\(frame["data"]?["event"]?.string ?? "") \(frame["data"]?["worker_id"]?.string ?? "")"
            }
            #expect(seen == expected)
        }
    }

    /// When the disconnect is told, the worker's functions are gone.
    @Test func disconnectIsToldLast() throws {
        let test = try DiscoveryEngine()
        var stillThere: [Bool] = []
        test.engine.register(FunctionDescription(id: "spy"), worker: "test") { [unowned test] call, reply in
            if call.data.description.contains("worker_disconnected") {
                stillThere.append(test.engine.function("orders::a") != nil)
            }
            reply(.success(nil))
        }
        _ = try test.result(
            "engine::register_trigger",
            #"{"trigger_type":"engine::workers-available","function_id":"spy"}"#
        )
        try test.worker("orders", functions: ["orders::a"]).disconnect()
        #expect(stillThere == [false])
    }

    @Test func telemetrySocketsAreNoWorkers() throws {
        let test = try DiscoveryEngine()
        let watcher = try watch(test, "engine::workers-available")
        _ = try watcher.receive()
        try test.test.connectTelemetry().disconnect()
        #expect(try watcher.receive().isEmpty)
    }

    /// A handler that fails, or doesn't exist, changes nothing for others.
    @Test func handlerErrorsAreIgnored() throws {
        let test = try DiscoveryEngine()
        _ = try test.result(
            "engine::register_trigger",
            #"{"trigger_type":"engine::workers-available","function_id":"nobody"}"#
        )
        let watcher = try watch(test, "engine::workers-available")
        _ = try watcher.receive()
        _ = try test.worker("a")
        #expect(try watcher.receive().count == 2)
    }
}
