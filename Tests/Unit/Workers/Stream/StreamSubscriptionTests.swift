import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// Subscriptions of port 3112 (stream.md §5, §6.4-§6.8; docs/streams.md).
@Suite struct StreamSubscriptionTests {
    @Test func syncThenEvents() throws {
        let streams = StreamHarness()
        try streams.set("a", "1")
        let peer = try streams.connect()
        try peer.join()
        try streams.set("a", "2")
        try streams.set("b", "3")
        try streams.delete("a")
        try streams.delete("a")
        _ = try streams.call("stream::send", #"{"stream_name":"s","group_id":"g","type":"t","data":null}"#)
        #expect(
            try peer.events()
                == ["sync [1]", "update a 2", "create b 3", "delete a 2", #"event {"type":"t","data":null}"#]
        )
        try peer.leave()
        try streams.set("a", "4")
        #expect(try peer.events() == [])
    }

    @Test func wireFormat() throws {
        let streams = StreamHarness()
        let peer = try streams.connect()
        try peer.join(#","id":"x""#)
        try streams.set("x", #"{"text":"hi"}"#)
        #expect(
            try peer.messages().map(\.description) == [
                #"{"type":"stream","timestamp":1760000000000,"streamName":"s","groupId":"g","id":"x","event":{"type":"sync","data":null}}"#,
                #"{"type":"stream","timestamp":1760000000000,"streamName":"s","groupId":"g","id":"x","event":{"type":"create","data":{"text":"hi"}}}"#,
            ]
        )
    }

    @Test func onlyMatchingSubscriptionsAreTold() throws {
        let streams = StreamHarness()
        let peer = try streams.connect()
        try peer.join(id: "whole")
        try peer.join(#","id":"a""#, id: "item")
        _ = try peer.events()
        try streams.set("a", "1")
        try streams.set("b", "2")
        try streams.set("a", "3", group: "other")
        // Two matching subscriptions of one connection: twice.
        #expect(try peer.events() == ["create a 1", "create a 1", "create b 2"])
        _ = try streams.call("stream::send", #"{"stream_name":"s","group_id":"g","type":"t","data":1,"id":"a"}"#)
        #expect(try peer.events().count == 2)
    }

    @Test(arguments: [
        "", "  ", "nonsense", "[]", #"{"type":"join"}"#, #"{"type":"ping","data":{}}"#,
        #"{"type":"join","data":{"subscriptionId":"a","streamName":"s"}}"#,
        #"{"type":"join","data":{"subscriptionId":"a","streamName":"s","groupId":"g","id":5}}"#,
        #"{"type":"join","data":{"streamName":"s","groupId":"g"}}"#,
    ])
    func otherFramesAreIgnored(text: String) throws {
        let streams = StreamHarness()
        let peer = try streams.connect()
        try peer.send(text)
        #expect(try peer.messages().isEmpty && peer.channel.isActive)
        try peer.join()
        #expect(try peer.events() == ["sync []"])
    }

    /// Events that come while the sync is being read wait for it, in order.
    @Test func eventsWaitForTheSync() throws {
        let streams = StreamHarness()
        let list = streams.register("stream::list(s)")
        list.holdsReplies = true
        let peer = try streams.connect()
        try peer.join()
        try streams.set("a", "1")
        try streams.set("b", "2")
        #expect(try peer.events() == [])
        list.held[0](.success(RawJSON(literal: "[0]")))
        try streams.set("c", "3")
        #expect(try peer.events() == ["sync [0]", "create a 1", "create b 2", "create c 3"])
    }

    // MARK: Guards

    @Test(arguments: [
        (#"{"unauthorized":true}"#, "unauthorized"), (#"{"unauthorized":false}"#, "sync []"), ("null", "sync []"),
        ("{}", "sync []"), (#"{"unauthorized":"yes"}"#, "sync []"),
    ])
    func guards(answer: String, expected: String) throws {
        let streams = StreamHarness()
        let handler = streams.register("guard", answer: answer)
        let other = streams.register("other")
        #expect(streams.bind("stream:join", "guard", "{}") == nil)
        #expect(streams.bind("stream:join", "other", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        #expect(try peer.events() == [expected])
        #expect(
            handler.calls
                == [#"{"subscription_id":"sub","stream_name":"s","group_id":"g","id":null,"context":null}"#]
        )
        #expect(other.calls.count == 1)
        try streams.set("a", "1")
        #expect(try peer.events() == (expected == "unauthorized" ? [] : ["create a 1"]))
    }

    /// Fail closed: a guard that can't be asked hasn't admitted anybody.
    @Test func failedGuardsRefuse() throws {
        let streams = StreamHarness()
        #expect(streams.bind("stream:join", "nobody", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        #expect(try peer.events() == ["unauthorized: a stream:join guard failed"])
    }

    @Test func failedGuardsMayAdmit() throws {
        var configuration = StreamConfiguration()
        configuration.admitsOnGuardError = true
        let streams = StreamHarness(configuration)
        #expect(streams.bind("stream:join", "nobody", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        #expect(try peer.events() == ["sync []"])
    }

    @Test func hangingGuardsRefuse() throws {
        let streams = StreamHarness()
        let handler = streams.register("guard")
        handler.holdsReplies = true
        #expect(streams.bind("stream:join", "guard", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        try peer.join(id: "second")
        #expect(try peer.events() == [] && handler.calls.count == 1, "frames of a connection wait for each other")
        streams.advance(milliseconds: 30_000)
        #expect(try peer.events() == ["unauthorized: a stream:join guard failed"])
        #expect(handler.calls.count == 2)
    }

    /// What a guard holds up is the next join, not the close.
    @Test func aCloseDoesNotWaitForAGuard() throws {
        let streams = StreamHarness()
        let handler = streams.register("guard")
        handler.holdsReplies = true
        #expect(streams.bind("stream:join", "guard", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        try peer.close(code: 1000)
        #expect(try peer.messages().isEmpty && peer.closeCode == 1000)
        handler.held[0](.success(nil))
        streams.loop.run()
        #expect(streams.worker.server?.subscribers.count == 0 && streams.worker.server?.connectionCount == 0)
    }

    @Test func guardsOfOtherStreamsAreNotAsked() throws {
        let streams = StreamHarness()
        let handler = streams.register("guard", answer: #"{"unauthorized":true}"#)
        #expect(streams.bind("stream:join", "guard", #"{"stream_name":"other"}"#) == nil)
        let peer = try streams.connect()
        try peer.join()
        #expect(try peer.events() == ["sync []"] && handler.calls.isEmpty)
    }

    @Test func leavesAreToldOnce() throws {
        let streams = StreamHarness()
        let handler = streams.register("left")
        #expect(streams.bind("stream:leave", "left", "{}") == nil)
        let peer = try streams.connect()
        try peer.join(id: "a")
        try peer.join(id: "b")
        try peer.leave(id: "a")
        try peer.leave(id: "unknown")
        #expect(handler.calls.count == 2)
        try peer.disconnect()
        #expect(handler.calls.count == 3 && handler.calls[2].contains(#""subscription_id":"b""#))
        #expect(streams.worker.server?.connectionCount == 0 && streams.worker.server?.subscribers.count == 0)
    }

    // MARK: Resume

    private func position(_ peer: StreamPeer) throws -> String {
        try #require(try peer.messages().last?["position"]?.string)
    }

    @Test func exactlyWhatWasMissedThenLive() throws {
        let streams = StreamHarness()
        try streams.set("a", "1")
        var peer = try streams.connect()
        try peer.join(#","resume":null"#)
        let first = try #require(try peer.messages().first)
        #expect(
            first["event"]
                == (try json(#"{"type":"sync","data":[1],"ids":["a"],"resumed":false,"reason":"new"}"#))
        )
        try streams.set("a", "2")
        let position = try position(peer)
        try peer.disconnect()
        try streams.set("b", "3")
        try streams.set("x", "9", group: "other")
        try streams.delete("a")
        peer = try streams.connect()
        try peer.join(#","resume":"\#(position)""#)
        try streams.set("c", "4")
        #expect(try peer.events() == ["resumed 2", "create b 3", "delete a 2", "create c 4"])
        try peer.disconnect()
        peer = try streams.connect()
        try peer.join(#","id":"a","resume":"\#(position)""#)
        #expect(try peer.events() == ["resumed 1", "delete a 2"])
    }

    @Test(arguments: [
        "5", #""""#, #""nonsense""#, #""other-1""#, #""test-99""#, #""test--1""#, #""test-18446744073709551616""#,
    ])
    func unknownPositions(resume: String) throws {
        let streams = StreamHarness()
        try streams.set("a", "1")
        let peer = try streams.connect()
        try peer.join(#","resume":\#(resume)"#)
        let message = try #require(try peer.messages().first)
        #expect(message["event"]?["reason"]?.string == "unknown" && message["event"]?["data"] == [1])
        #expect(message["position"]?.string == "test-1")
    }

    @Test func positionsGrowOld() throws {
        var configuration = StreamConfiguration()
        configuration.history.events = 2
        let streams = StreamHarness(configuration)
        for n in 1...4 { try streams.set("a", "\(n)") }
        for (position, expected) in [("test-1", "sync [4]"), ("test-2", "resumed 2"), ("test-4", "resumed 0")] {
            let peer = try streams.connect()
            try peer.join(#","resume":"\#(position)""#)
            #expect(try peer.events().first == expected)
        }
        streams.advance(milliseconds: configuration.history.ageMilliseconds + 1)
        let peer = try streams.connect()
        try peer.join(#","resume":"test-3""#)
        let event = try #require(try peer.messages().first?["event"])
        #expect(event["reason"]?.string == "too_old")
    }

    // MARK: Limits

    @Test func subscriptionLimits() throws {
        var configuration = StreamConfiguration()
        configuration.limits.subscriptionsPerConnection = 2
        configuration.limits.subscriptions = 3
        let streams = StreamHarness(configuration)
        let first = try streams.connect()
        for id in ["a", "b", "c"] { try first.join(id: id) }
        #expect(
            try first.events()
                == ["sync []", "sync []", "unauthorized: the connection already has 2 subscriptions"]
        )
        // One that is replaced is none more.
        try first.join(id: "a")
        #expect(try first.events() == ["sync []"])
        let second = try streams.connect()
        for id in ["a", "b"] { try second.join(id: id) }
        #expect(try second.events() == ["sync []", "unauthorized: the engine already has 3 subscriptions"])
    }

    /// Only who doesn't read is closed, with 1013; the others notice nothing.
    @Test func stuckClientsAreClosed() throws {
        var configuration = StreamConfiguration()
        configuration.limits.connectionQueueBytes = 64 << 10
        let streams = StreamHarness(configuration)
        let stuck = try streams.connect()
        let other = try streams.connect()
        for peer in [stuck, other] {
            try peer.join()
            _ = try peer.events()
        }
        stuck.channel.isWritable = false
        stuck.channel.pipeline.fireChannelWritabilityChanged()
        let value = "\"\(String(repeating: "x", count: 20_000))\""
        for n in 0..<5 {
            try streams.set("i\(n)", value)
            #expect(try other.events().count == 1)
        }
        _ = try stuck.messages()
        #expect(stuck.closeCode == 1013 && streams.worker.server?.subscribers.count == 1)
    }

    /// Together they may hold so much: then the one that is furthest behind goes.
    @Test func theSlowestGoFirst() throws {
        var configuration = StreamConfiguration()
        configuration.limits.totalQueueBytes = 100 << 10
        let streams = StreamHarness(configuration)
        let peers = try (0..<3).map { _ in try streams.connect() }
        for peer in peers {
            try peer.join()
            _ = try peer.events()
        }
        let value = "\"\(String(repeating: "x", count: 20_000))\""
        for (index, peer) in peers.enumerated() {
            peer.channel.isWritable = false
            peer.channel.pipeline.fireChannelWritabilityChanged()
            try streams.set("i\(index)", value)
        }
        // 60, 40 and 20 kB wait.
        streams.loop.run()
        for peer in peers { _ = try peer.messages() }
        #expect(peers.map(\.closeCode) == [1013, nil, nil])
    }

    @Test func stopClosesWith1001AfterTheLeaves() throws {
        let streams = StreamHarness()
        let left = streams.register("left")
        #expect(streams.bind("stream:leave", "left", "{}") == nil)
        let peer = try streams.connect()
        try peer.join()
        let drained = streams.worker.drain(streams.engine, until: streams.loop.now + .seconds(5))
        streams.loop.run()
        try drained.wait()
        _ = try peer.messages()
        #expect(peer.closeCode == 1001 && left.calls.count == 1)
    }
}
