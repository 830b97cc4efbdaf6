import NIOCore
import Testing

@testable import Engine

/// protocol.md §2, by rule number, and §3.
struct FramingRuleTests {
    private static let ping = #"{"type":"ping"}"#
    private static let callID = "7e0a1111-2222-4333-8444-555566667777"

    @Test func rule1TextFramesHoldOneTaggedObject() throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(Self.ping) == [json(#"{"type":"pong"}"#)])
        #expect(try peer.exchange(#" { "x" : [ { } ] , "type" : "ping" } "#) == [json(#"{"type":"pong"}"#)])
    }

    @Test(arguments: ["", " ", "\n\t \r\n", String(repeating: " ", count: 1000)])
    func rule2BlankTextIsIgnored(text: String) throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(text).isEmpty)
        #expect(try peer.exchange(Self.ping).count == 1)
    }

    @Test(arguments: [
        "{", "nonsense", "[]", "1", "null", "\"ping\"", "{}", #"{"type":1}"#, #"{"type":null}"#, #"{"type":"ping"} x"#,
        #"{"type":"PING2"}"#, #"{"type":"register_function","id":"a"}"#,
        #"{"type":"registerfunction"}"#, #"{"type":"registerfunction","id":7}"#, #"{"type":"unregisterfunction"}"#,
        #"{"type":"registertrigger","id":"a","trigger_type":"t"}"#,
        #"{"type":"registertrigger","id":"a","function_id":"t"}"#,
        #"{"type":"registertriggertype","description":"t"}"#, #"{"type":"unregistertrigger"}"#,
        #"{"type":"invocationresult"}"#, #"{"type":"invocationresult","invocation_id":"x"}"#,
        #"{"type":"reattach"}"#, #"{"type":"registerservice"}"#, #"{"type":"triggerregistrationresult"}"#,
        #"{"type":"ping","type":"ping"}"#, #"{"type":"ping",}"#, #"{"type":"ping" "a":1}"#,
    ])
    func rule3UndecodableTextIsDroppedSilently(text: String) throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(text).isEmpty)
        #expect(peer.isConnected)
        #expect(try peer.exchange(Self.ping).count == 1)
    }

    @Test func rule3InvalidUTF8IsDropped() throws {
        let peer = try TestEngine().connect()
        let bytes = Array(#"{"type":"ping","x":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
        try peer.send(frame: ClientFrame(opcode: 1, payload: bytes))
        #expect(try peer.receive().isEmpty)
        #expect(try peer.exchange(Self.ping).count == 1)
    }

    /// Better: a call whose id could be read is answered instead of left to its timeout.
    @Test(arguments: [
        #"{"type":"invokefunction","invocation_id":"ID"}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":7}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":"f","action":{"type":"later"}}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":"f","action":{"type":"enqueue"}}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":"f","action":"void"}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":"f","traceparent":5}"#,
        #"{"type":"invokefunction","invocation_id":"ID","function_id":"f","data":{"a":}}"#,
    ])
    func rule3ReadableCallsAreAnswered(text: String) throws {
        let peer = try TestEngine().connect()
        let answers = try peer.exchange(text.replacing("ID", with: Self.callID))
        #expect(answers.count == 1)
        #expect(answers.first?["type"] == "invocationresult")
        #expect(answers.first?["invocation_id"]?.string == Self.callID)
        #expect(answers.first?["error"]?["code"] == "INVALID_MESSAGE")
        #expect(answers.first?["error"]?["message"]?.string?.isEmpty == false)
        #expect(answers.first?["result"] == nil)
    }

    @Test func rule3CallsWithABadIDStaySilent() throws {
        let peer = try TestEngine().connect()
        #expect(try peer.exchange(#"{"type":"invokefunction","invocation_id":"x","function_id":"f","data":1}"#).isEmpty)
        #expect(try peer.exchange(Self.ping).count == 1)
    }

    @Test func rule4BinaryFramesAreProtocolMessagesToo() throws {
        let peer = try TestEngine().connect()
        try peer.send(frame: ClientFrame(opcode: 2, payload: Array(Self.ping.utf8)))
        #expect(try peer.receive() == [json(#"{"type":"pong"}"#)])
        for rubbish: [UInt8] in [[], [0], [0xFF, 0xFE], Array("OTL{}".utf8)] {
            try peer.send(frame: ClientFrame(opcode: 2, payload: rubbish))
            #expect(try peer.receive().isEmpty)
        }
        #expect(peer.isConnected)
    }

    @Test func rule5UnknownFieldsAreIgnored() throws {
        let peer = try TestEngine().connect()
        try peer.send(
            #"{"type":"registerfunction","id":"f","namespace":"default","observe":{"delivery":"auto"},"x":[1,{"y":2}]}"#
        )
        let answer = try peer.exchange(
            #"{"type":"invokefunction","function_id":"f","data":{},"namespace":"default","caller":{},"observe_depth":1}"#
        )
        #expect(answer.first?["type"] == "invokefunction")
    }

    @Test func rule6NullIsAbsent() throws {
        let peer = try TestEngine().connect()
        try peer.send(
            #"{"type":"registerfunction","id":"f","description":null,"request_format":null,"metadata":null,"invocation":null}"#
        )
        let call = try peer.exchange(
            """
            {"type":"invokefunction","invocation_id":null,"function_id":"f","data":null,"traceparent":null,\
            "baggage":null,"action":null,"metadata":null}
            """
        )
        #expect(call.count == 1)
        #expect(call.first?.object?.map(\.key) == ["type", "invocation_id", "function_id", "data"])
    }

    /// Optional fields are left out, never null, but for `data` and `config`.
    @Test func rule7DataAndConfigAreAlwaysPresent() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(#"{"type":"registerfunction","id":"f"}"#)
        let call = try #require(try peer.exchange(#"{"type":"invokefunction","function_id":"f"}"#).first)
        #expect(call["data"] == .null)
        #expect(UUID(call["invocation_id"]?.string ?? "") != nil)
        try peer.send(#"{"type":"registertriggertype","id":"t","description":"d"}"#)
        let binding = try peer.exchange(#"{"type":"registertrigger","id":"b","trigger_type":"t","function_id":"f"}"#)
        #expect(
            binding == [
                try json(#"{"type":"registertrigger","id":"b","trigger_type":"t","function_id":"f","config":null}"#)
            ]
        )
    }

    @Test func rule8ControlFrames() throws {
        let peer = try TestEngine().connect()
        try peer.send(frame: ClientFrame(opcode: 9, payload: [1, 2, 3]))
        try peer.send(frame: ClientFrame(opcode: 10, payload: [9]))
        let bytes = try #require(try peer.channel.readOutbound(as: ByteBuffer.self))
        #expect(Array(bytes.readableBytesView) == [0x8A, 3, 1, 2, 3])
        #expect(try peer.channel.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test func rule8CloseIsAnsweredThenCleanedUp() throws {
        let test = TestEngine()
        let peer = try test.connect()
        try peer.send(#"{"type":"registerfunction","id":"f"}"#)
        try peer.send(frame: ClientFrame(opcode: 8, payload: [3, 0xE8]))
        #expect(try peer.events() == [.close(code: 1000)])
        #expect(!peer.isConnected)
        #expect(test.engine.connections.isEmpty)
        #expect(test.engine.functions.isEmpty)
    }

    /// A registration is in force before the next frame of the same read is handled.
    @Test func rule9FramesTakeEffectInOrder() throws {
        let peer = try TestEngine().connect()
        let frames = [
            #"{"type":"invokefunction","invocation_id":"\#(Self.callID)","function_id":"f","data":{}}"#,
            #"{"type":"registerfunction","id":"f"}"#,
            #"{"type":"invokefunction","function_id":"f","data":{}}"#,
            #"{"type":"unregisterfunction","id":"f"}"#,
            #"{"type":"invokefunction","invocation_id":"\#(Self.callID)","function_id":"f","data":{}}"#,
        ]
        try peer.send(bytes: frames.flatMap { ClientFrame(opcode: 1, payload: Array($0.utf8)).bytes })
        let received = try peer.receive()
        #expect(received.map { $0["type"]?.string } == ["invocationresult", "invokefunction", "invocationresult"])
    }

    @Test func rule10OutboundOrderIsKept() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        for number in 0..<50 {
            // Small frames are written at once, large ones are queued in fragments.
            let padding = String(repeating: "x", count: number.isMultiple(of: 7) ? (1 << 20) + 5 : 10)
            try caller.send(
                #"{"type":"invokefunction","function_id":"f","data":{"number":\#(number),"padding":"\#(padding)"}}"#
            )
        }
        #expect(try worker.receive().map { $0["data"]?["number"] } == (0..<50).map { JSON(integerLiteral: $0) })
    }

    // MARK: §3

    /// A frame with a known prefix is consumed whatever it holds.
    @Test(arguments: ["OTLP", "MTRC", "LOGS"], ["", "{}", "{", "\u{0}", #"{"type":"ping"}"#])
    func telemetryIsConsumed(prefix: String, body: String) throws {
        let test = TestEngine()
        for peer in [try test.connect(), try test.connectTelemetry()] {
            try peer.send(frame: ClientFrame(opcode: 2, payload: Array((prefix + body).utf8)))
            try peer.send(frame: ClientFrame(opcode: 2, payload: Array(prefix.utf8) + [0xFF, 0xC0]))
            #expect(try peer.events().isEmpty)
            #expect(peer.isConnected)
        }
    }

    @Test func telemetrySocketIsNoWorker() throws {
        let test = TestEngine()
        let peer = try test.connectTelemetry()
        #expect(try peer.events().isEmpty)
        #expect(test.engine.connections.isEmpty)
        #expect(try peer.exchange(Self.ping).isEmpty)
        #expect(try peer.exchange(#"{"type":"registerfunction","id":"f"}"#).isEmpty)
        #expect(test.engine.functions.isEmpty)
        try peer.send(frame: ClientFrame(opcode: 9, payload: [5]))
        #expect(try peer.channel.readOutbound(as: ByteBuffer.self).map { Array($0.readableBytesView) } == [0x8A, 1, 5])
        try peer.disconnect()
        #expect(test.engine.telemetrySockets.isEmpty)
    }
}
