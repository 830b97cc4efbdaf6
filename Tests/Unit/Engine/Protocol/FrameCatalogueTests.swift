import NIOCore
import Testing

@testable import Engine

/// protocol.md §4: every frame of the catalogue.
struct FrameCatalogueTests {
    private static let id = "7e0a1111-2222-4333-8444-555566667777"

    // §4.1
    @Test func greetingComesFirstWithFreshIDs() throws {
        let test = TestEngine()
        let peer = try TestPeer(loop: test.loop, flusher: test.engine.flusher)
        test.engine.accept(peer.socket, ipAddress: nil)
        let frames = try peer.receive()
        #expect(frames.count == 1)
        #expect(frames[0].object?.map(\.key) == ["type", "worker_id", "reattach_token"])
        #expect(frames[0]["type"] == "workerregistered")
        let other = try test.connect()
        let ids = [frames[0]["worker_id"]?.string, frames[0]["reattach_token"]?.string, other.id, other.token]
        #expect(Set(ids).count == 4)
        #expect(ids.allSatisfy { $0.flatMap { UUID($0) }?.description == $0 })
    }

    // §4.1, §4.11
    @Test(arguments: [
        #"{"type":"workerregistered","worker_id":"x"}"#, #"{"type":"pong"}"#,
        #"{"type":"observe","id":"o","source":{"function_id":"f"},"target":{"function_id":"g"}}"#,
        #"{"type":"localinvocationstats","window_ms":1,"functions":[]}"#, #"{"type":"error","error":{}}"#,
    ])
    func framesWithoutAnswer(text: String) throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(text).isEmpty)
        #expect(peer.isConnected)
    }

    // §4.3, §4.4, §4.6
    @Test func providerFrames() throws {
        let test = TestEngine()
        let (provider, owner) = (try test.connect(), try test.connect())
        try provider.send(
            """
            {"type":"registertriggertype","id":"shop::order-placed","description":"New order",\
            "trigger_request_format":{"type":"object"},"call_request_format":{"type":"string"}}
            """
        )
        let type = try #require(test.engine.triggerType("shop::order-placed")?.description)
        #expect(type.description == "New order")
        #expect(type.configurationSchema?.description == #"{"type":"object"}"#)
        #expect(type.requestSchema?.description == #"{"type":"string"}"#)
        #expect(type.responseSchema == nil)

        let binding = #"""
            {"type":"registertrigger","id":"b1","trigger_type":"shop::order-placed","function_id":"jobs::x",
             "config":{"expression":"0 0 3 * * *"},"metadata":{"team":"ops"}}
            """#
        #expect(try owner.exchange(binding).isEmpty, "success is never acknowledged to the originator")
        #expect(try provider.receive() == [json(binding)])
        #expect(try owner.exchange(#"{"type":"unregistertrigger","id":"b1"}"#).isEmpty)
        #expect(
            try provider.receive() == [
                json(#"{"type":"unregistertrigger","id":"b1","trigger_type":"shop::order-placed"}"#)
            ]
        )
    }

    // §4.7
    @Test func functionsKeepWhatDiscoveryShows() throws {
        let test = TestEngine()
        let peer = try test.connect()
        let frame = """
            {"type":"registerfunction","id":"orders::create","description":"Create an order",\
            "request_format":{"type":"object"},"response_format":{"a":1},"metadata":{"public":true}}
            """
        #expect(try peer.exchange(frame).isEmpty)
        let description = try #require(test.engine.function("orders::create")?.description)
        #expect(description.description == "Create an order")
        #expect(description.requestFormat?.description == #"{"type":"object"}"#)
        #expect(description.responseFormat?.description == #"{"a":1}"#)
        #expect(description.metadata?.description == #"{"public":true}"#)
        #expect(try peer.exchange(#"{"type":"unregisterfunction","id":"orders::create"}"#).isEmpty)
        #expect(test.engine.function("orders::create") == nil)
    }

    // §4.7
    @Test func emptyFunctionIDIsIgnored() throws {
        let test = TestEngine()
        #expect(try test.connect().exchange(#"{"type":"registerfunction","id":""}"#).isEmpty)
        #expect(test.engine.functions.isEmpty)
    }

    // §4.8
    @Test func servicesByNameElseID() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(#"{"type":"registerservice","id":"orders","name":"Orders","parent_service_id":"shop"}"#)
        try peer.send(#"{"type":"registerservice","id":"bills","name":""}"#)
        try peer.send(#"{"type":"registerfunction","id":"mail::send"}"#)
        #expect(test.engine.services == [Name("orders"): "Orders", Name("bills"): "bills", Name("mail"): "mail"])
    }

    // §4.9, §4.10
    @Test func callAndResultHaveExactShapes() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"orders::create"}"#)
        let trace = #""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","baggage":"tenant=a""#
        try caller.send(
            """
            {"type":"invokefunction","invocation_id":"\(Self.id)","function_id":"orders::create",\
            "data":{"sku":"A1"},\(trace),"metadata":{"request":"r-1"}}
            """
        )
        let forwarded = """
            {"type":"invokefunction","invocation_id":"\(Self.id)","function_id":"orders::create",
             "data":{"sku":"A1","_caller_worker_id":"\(caller.id)"},
             "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
             "baggage":"tenant=a,iii.function.id=orders::create","metadata":{"request":"r-1"}}
            """
        #expect(try worker.receive() == [json(forwarded)])
        try worker.send(
            #"{"type":"invocationresult","invocation_id":"\#(Self.id)","function_id":"x","result":{"id":42},"traceparent":"z"}"#
        )
        let answer = """
            {"type":"invocationresult","invocation_id":"\(Self.id)","function_id":"orders::create",
             "result":{"id":42},\(trace)}
            """
        #expect(try caller.receive() == [json(answer)])
    }

    // §4.10
    @Test(arguments: [
        (#""result":null"#, #"{}"#),
        (#""error":null,"result":7"#, #"{"result":7}"#),
        (#""result":false"#, #"{"result":false}"#),
        (#""error":{"code":"c","message":"m"},"result":7"#, #"{"error":{"code":"c","message":"m"}}"#),
        (
            #""error":{"code":"c","message":"m","stacktrace":"s","extra":1}"#,
            #"{"error":{"code":"c","message":"m","stacktrace":"s","extra":1}}"#
        ),
        (#""error":{"message":"m"}"#, #"{"error":{"code":"invocation_failed","message":"m"}}"#),
        (#""error":{"code":"c"}"#, #"{"error":{"code":"c","message":"{\"code\":\"c\"}"}}"#),
        (#""error":"boom""#, #"{"error":{"code":"invocation_failed","message":"\"boom\""}}"#),
        (#""x":1"#, #"{}"#),
    ])
    func outcomes(sent: String, expected: String) throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        try caller.send(#"{"type":"invokefunction","invocation_id":"\#(Self.id)","function_id":"f","data":1}"#)
        try worker.send(#"{"type":"invocationresult","invocation_id":"\#(Self.id)",\#(sent)}"#)
        var want = try #require(try json(expected).object)
        want["type"] = "invocationresult"
        want["invocation_id"] = .string(Self.id)
        want["function_id"] = "f"
        #expect(try caller.receive() == [.object(want)])
    }

    /// UUIDs are read in any form and echoed in the canonical one (§2).
    @Test func invocationIDsAreWrittenCanonically() throws {
        let test = TestEngine()
        let peer = try test.connect()
        let answers = try peer.exchange(
            #"{"type":"invokefunction","invocation_id":"{7E0A1111-2222-4333-8444-555566667777}","function_id":"f"}"#
        )
        #expect(answers.first?["invocation_id"]?.string == Self.id)
    }

    /// Keys may be spelled with escapes.
    @Test func escapedKeysAndValues() throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(#"{"\u0074ype":"\u0070ing"}"#) == [json(#"{"type":"pong"}"#)])
    }
}
