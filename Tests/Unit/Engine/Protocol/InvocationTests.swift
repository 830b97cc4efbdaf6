import NIOCore
import Testing

@testable import Engine

/// protocol.md §9.1-§9.3, §9.5, §9.7 and §10.
struct InvocationTests {
    private static let id = "7e0a1111-2222-4333-8444-555566667777"

    private func call(_ function: String, id: String? = id, data: String = "{}", more: String = "") -> String {
        let id = id.map { #""invocation_id":"\#($0)","# } ?? ""
        return #"{"type":"invokefunction",\#(id)"function_id":"\#(function)","data":\#(data)\#(more)}"#
    }

    private func result(_ id: String, _ value: String) -> String {
        #"{"type":"invocationresult","invocation_id":"\#(id)","function_id":"f","result":\#(value)}"#
    }

    /// A caller, and a worker that serves `f`.
    private func pair(_ test: TestEngine = TestEngine()) throws -> (worker: TestPeer, caller: TestPeer) {
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"f"}"#)
        return (worker, caller)
    }

    private func error(_ frames: [JSON]) -> (String?, String?) {
        (frames.first?["error"]?["code"]?.string, frames.first?["error"]?["message"]?.string)
    }

    // MARK: §9.2

    @Test func missingFunction() throws {
        let (_, caller) = try pair()
        let frames = try caller.exchange(call("nobody::home"))
        #expect(frames.count == 1)
        #expect(error(frames) == ("function_not_found", "Function nobody::home not found"))
        #expect(frames.first?["function_id"] == "nobody::home")
    }

    @Test func callingOneselfIsARoundTrip() throws {
        let (worker, _) = try pair()
        #expect(try worker.exchange(call("f")).first?["type"] == "invokefunction")
        #expect(try worker.exchange(result(Self.id, "5")).first?["result"] == 5)
        #expect(worker.socket.isOpen)
    }

    @Test func noIDIsFireAndForget() throws {
        let (worker, caller) = try pair()
        #expect(try caller.exchange(call("f", id: nil)).isEmpty)
        let sent = try #require(try worker.receive().first)
        let id = try #require(sent["invocation_id"]?.string)
        #expect(UUID(id) != nil)
        try worker.send(result(id, "1"))
        #expect(try caller.receive().isEmpty)
        #expect(try caller.exchange(call("missing", id: nil)).isEmpty)
    }

    @Test func identifiersAreComparedByBytes() throws {
        let (worker, caller) = try pair()
        try worker.send(#"{"type":"registerfunction","id":"caf\u00e9"}"#)
        #expect(error(try caller.exchange(call("cafe\u{301}"))).0 == "function_not_found")
        #expect(try caller.exchange(call("caf\u{E9}")).isEmpty)
        #expect(try worker.receive().count == 1)
    }

    // MARK: _caller_worker_id

    @Test(arguments: [
        "{}", "{ }", #"{"a":1}"#, #"{"_caller_worker_id":"forged"}"#, #"{"a":1,"_caller_worker_id":"forged","b":2}"#,
        #"{"_caller_worker_id":1,"_caller_worker_id":2}"#, #"{"\u005fcaller_worker_id":"forged"}"#,
        #"{"_caller\u005fworker_id":"forged","a":{"_caller_worker_id":"inner"}}"#, #"{"a":"\\u005f_caller_worker_id"}"#,
    ])
    func callerIsSetAndCannotBeForged(data: String) throws {
        let (worker, caller) = try pair()
        for more in ["", #","action":{"type":"void"}"#] {
            try caller.send(call("f", data: data, more: more))
            try worker.send(result(Self.id, "1"))
            let received = try #require(try worker.receive().first?["data"]?.object)
            var expected = try #require(try json(data).object)
            expected["_caller_worker_id"] = .string(caller.id)
            #expect(JSON.object(received) == .object(expected))
            #expect(received.map(\.key).count { $0 == "_caller_worker_id" } == 1)
        }
    }

    /// Only one member of that name is on the wire, whatever a reader does with duplicates.
    @Test func forgedCallerLeavesNoTrace() throws {
        let (worker, caller) = try pair()
        try caller.send(call("f", data: #"{"\u005fcaller_worker_id":"forged","_caller_worker_id":"forged"}"#))
        guard case .text(let text)? = try worker.events().last else {
            Issue.record("no frame")
            return
        }
        #expect(!String(buffer: text).contains("forged"))
    }

    @Test(arguments: ["null", "1", "\"x\"", "[]", #"[{"a":1}]"#, "true"])
    func otherPayloadsAreUntouched(data: String) throws {
        let (worker, caller) = try pair()
        try caller.send(call("f", data: data))
        #expect(try worker.receive().first?["data"] == json(data))
    }

    // MARK: §9.3

    @Test func voidIsNeverAnswered() throws {
        let (worker, caller) = try pair()
        let void = #","action":{"type":"void"}"#
        #expect(try caller.exchange(call("missing", more: void)).isEmpty)
        #expect(try caller.exchange(call("f", more: void)).isEmpty)
        let id = try #require(try worker.receive().first?["invocation_id"]?.string)
        try worker.send(result(id, "1"))
        try worker.send(result(Self.id, "1"))
        #expect(try caller.receive().isEmpty)
    }

    // MARK: §9.5

    @Test func unknownAndRepeatedResultsAreIgnored() throws {
        let (worker, caller) = try pair()
        try worker.send(result(Self.id, "0"))
        try caller.send(call("f"))
        try worker.send(result(Self.id, "1"))
        try worker.send(result(Self.id, "2"))
        #expect(try caller.receive().map { $0["result"] } == [1])
    }

    @Test func resultsOfOthersAreIgnored() throws {
        let test = TestEngine()
        let (worker, caller) = try pair(test)
        let stranger = try test.connect()
        try caller.send(call("f"))
        try stranger.send(result(Self.id, "\"forged\""))
        try caller.send(result(Self.id, "\"forged\""))
        #expect(try caller.receive().isEmpty)
        try worker.send(result(Self.id, "1"))
        #expect(try caller.receive().map { $0["result"] } == [1])
    }

    /// Upstream loses the first of two calls with one id; here each gets its own answer.
    @Test func oneIDUsedByTwoCallers() throws {
        let test = TestEngine()
        let (worker, first) = try pair(test)
        let second = try test.connect()
        try first.send(call("f", data: "1"))
        try second.send(call("f", data: "2"))
        let calls = try worker.receive()
        let ids = calls.compactMap { $0["invocation_id"]?.string }
        #expect(Set(ids).count == 2)
        #expect(ids.first == Self.id)
        try worker.send(result(ids[1], "22"))
        try worker.send(result(ids[0], "11"))
        let answers = (try first.receive(), try second.receive())
        #expect(answers.0.map { $0["result"] } == [11])
        #expect(answers.1.map { $0["result"] } == [22])
        #expect(answers.0.first?["invocation_id"]?.string == Self.id)
        #expect(answers.1.first?["invocation_id"]?.string == Self.id)
    }

    @Test func answersMayComeInAnyOrder() throws {
        let (worker, caller) = try pair()
        let ids = (0..<20).map { "7e0a1111-2222-4333-8444-5555666677\(String($0 + 10))" }
        for id in ids { try caller.send(call("f", id: id)) }
        for id in ids.reversed() { try worker.send(result(id, "\"\(id)\"")) }
        #expect(try caller.receive().map { $0["invocation_id"]?.string } == ids.reversed())
    }

    @Test func executorLossEndsTheCall() throws {
        let (worker, caller) = try pair()
        try caller.send(call("f"))
        try worker.disconnect()
        #expect(error(try caller.receive()) == ("invocation_stopped", "Invocation stopped"))
    }

    @Test func callerLossDropsTheAnswer() throws {
        let test = TestEngine()
        let (worker, caller) = try pair(test)
        try caller.send(call("f"))
        try caller.disconnect()
        _ = try worker.receive()
        #expect(try worker.exchange(result(Self.id, "1")).isEmpty)
        #expect(test.engine.connections.values.allSatisfy { $0.activeInvocations == 0 })
        #expect(worker.isConnected)
    }

    @Test func activeInvocationsCountBothSides() throws {
        let test = TestEngine()
        let (worker, caller) = try pair(test)
        let rows = try [worker, caller].map { try #require(UUID($0.id).flatMap { test.engine.connection($0) }) }
        try caller.send(call("f"))
        #expect(rows.map(\.activeInvocations) == [1, 1])
        try worker.send(result(Self.id, "1"))
        #expect(rows.map(\.activeInvocations) == [0, 0])
    }

    @Test func registeredWhileInFlightAnswersFromTheOldOwner() throws {
        let test = TestEngine()
        let (worker, caller) = try pair(test)
        try caller.send(call("f"))
        let successor = try test.connect()
        try successor.send(#"{"type":"registerfunction","id":"f"}"#)
        try worker.send(result(Self.id, "\"old\""))
        #expect(try caller.receive().map { $0["result"] } == ["old"])
        try caller.send(call("f"))
        #expect(try successor.receive().count == 1)
    }

    /// Envelope and payload must fit what peers read (§1.1, Better).
    @Test func oversizeResultBecomesAnError() throws {
        let test = TestEngine()
        let text = ByteBuffer(bytes: [0x22] + [UInt8](repeating: 0x61, count: Engine.maximumResultBytes) + [0x22])
        test.engine.register(FunctionDescription(id: "big"), worker: "w") { _, reply in
            reply(.success(RawJSON(validated: text)))
        }
        let caller = try test.connect()
        #expect(error(try caller.exchange(call("big"))).0 == "payload_too_large")
        #expect(caller.isConnected)
    }

    // MARK: Built-in targets

    @Test func inProcessFunctionsSeeTheCaller() throws {
        let test = TestEngine()
        var seen: [Invocation] = []
        test.engine.register(FunctionDescription(id: "state::get"), worker: "iii-state") { invocation, reply in
            seen.append(invocation)
            reply(.success(.null))
        }
        let caller = try test.connect()
        let frames = try caller.exchange(call("state::get", data: "[1]", more: #","metadata":{"m":1}"#))
        #expect(frames.count == 1)
        #expect(frames.first?["result"] == .null)
        #expect(seen.count == 1)
        #expect(seen.first?.caller?.id.description == caller.id)
        #expect(seen.first?.data.description == "[1]")
        #expect(seen.first?.metadata?.description == #"{"m":1}"#)
    }

    @Test func lateAnswerToALostCallerIsDropped() throws {
        let test = TestEngine()
        var replies: [Reply] = []
        test.engine.register(FunctionDescription(id: "slow"), worker: "w") { _, reply in replies.append(reply) }
        let caller = try test.connect()
        try caller.send(call("slow"))
        try caller.disconnect()
        for reply in replies { reply(.success(nil)) }
        #expect(replies.count == 1)
        #expect(test.engine.connections.isEmpty)
    }

    // MARK: §9.7

    @Test func engineCallsHaveAnIDButNoCaller() throws {
        let test = TestEngine()
        let (worker, _) = try pair(test)
        var outcome: InvocationOutcome?
        let metadata = RawJSON(literal: #"{"m":1}"#)
        test.engine.invoke("f", data: .emptyObject, metadata: metadata) { outcome = $0 }
        let frame = try #require(try worker.receive().first)
        let id = try #require(frame["invocation_id"]?.string)
        #expect(UUID(id) != nil)
        #expect(frame.object?.map(\.key) == ["type", "invocation_id", "function_id", "data", "metadata"])
        #expect(frame["data"] == [:])
        try worker.send(result(id, #"{"a":1}"#))
        guard case .success(let value?)? = outcome else {
            Issue.record("no result: \(String(describing: outcome))")
            return
        }
        #expect(value.description == #"{"a":1}"#)
    }

    @Test func engineCallsFailWithTheSameCodes() throws {
        let test = TestEngine()
        let (worker, _) = try pair(test)
        guard case .failure(let missing)? = try test.invoke("nobody") else {
            Issue.record("a missing function must fail at once")
            return
        }
        #expect(missing.code == "function_not_found")
        var outcome: InvocationOutcome?
        test.engine.invoke("f", data: .null) { outcome = $0 }
        try worker.disconnect()
        guard case .failure(let stopped)? = outcome else {
            Issue.record("the loss of the executor must end the call")
            return
        }
        #expect(stopped.code == "invocation_stopped")
    }

    // MARK: §10

    @Test(
        arguments: [
            ("", nil, nil),
            (#","traceparent":"rubbish","baggage":"""#, nil, nil),
            (#","baggage":"a=1""#, nil, "a=1,iii.function.id=f"),
            (
                #","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00""#,
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "iii.function.id=f"
            ),
            (
                #","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","baggage":"iii.function.id=x,b=2""#,
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "b=2,iii.function.id=f"
            ),
        ] as [(String, String?, String?)]
    )
    func traceHeadersPassThrough(sent: String, parent: String?, baggage: String?) throws {
        let (worker, caller) = try pair()
        try caller.send(call("f", more: sent))
        let frame = try #require(try worker.receive().first)
        #expect(frame["traceparent"]?.string == parent)
        #expect(frame["baggage"]?.string == baggage)
        try worker.send(result(Self.id, "1"))
        let answer = try #require(try caller.receive().first)
        #expect(answer["traceparent"]?.string == parent)
    }
}
