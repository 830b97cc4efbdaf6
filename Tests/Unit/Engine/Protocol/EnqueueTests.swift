import Testing

@testable import Engine

/// protocol.md §9.4.
struct EnqueueTests {
    private static let id = "7e0a1111-2222-4333-8444-555566667777"
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func enqueue(_ more: String = "", id: String? = id) -> String {
        let id = id.map { #""invocation_id":"\#($0)","# } ?? ""
        return """
            {"type":"invokefunction",\(id)"function_id":"orders::create","data":{"sku":"A1"},"metadata":{"m":1},\
            "action":{"type":"enqueue","queue":"default"}\(more)}
            """
    }

    /// Registers a provider in the engine that answers with `outcome` and notes what it got.
    private func provider(_ test: TestEngine, _ outcome: InvocationOutcome, _ note: @escaping (Invocation) -> Void) {
        test.engine.register(FunctionDescription(id: "engine::queue::enqueue"), worker: "iii-queue") { call, reply in
            note(call)
            reply(outcome)
        }
    }

    @Test func withoutProvider() throws {
        let caller = try TestEngine().connect()
        let answer = try caller.exchange(enqueue())
        #expect(answer.count == 1)
        #expect(answer.first?["error"]?["code"] == "enqueue_error")
        let message =
            "No queue provider is installed. `TriggerAction::Enqueue` routes through the "
            + "`engine::queue::enqueue` provider, which the standalone queue worker registers. Add it with "
            + "`iii worker add queue`. (underlying: Function engine::queue::enqueue not found)"
        #expect(answer.first?["error"]?["message"]?.string == message)
        #expect(answer.first?["function_id"] == "orders::create")
        #expect(try caller.exchange(enqueue(id: nil)).isEmpty)
    }

    @Test(arguments: [
        ("", "null", "iii.function.id=orders::create"),
        (
            #","traceparent":"\#(parent)","baggage":"t=1,iii.function.id=x""#, "\"\(parent)\"",
            "t=1,iii.function.id=orders::create"
        ),
    ])
    func providerGetsTheJob(headers: String, traceparent: String, baggage: String) throws {
        let test = TestEngine()
        var jobs: [Invocation] = []
        provider(test, .success(RawJSON(literal: "\"ignored\""))) { jobs.append($0) }
        let caller = try test.connect()
        let answer = try #require(try caller.exchange(enqueue(headers)).first)
        let receipt = try #require(answer["result"]?["messageReceiptId"]?.string)
        #expect(UUID(receipt) != nil)
        #expect(answer["result"]?.object?.count == 1)
        let job = try #require(jobs.first)
        let expected = """
            {"queue":"default","function_id":"orders::create","data":{"sku":"A1"},"messageReceiptId":"\(receipt)",
             "traceparent":\(traceparent),"baggage":"\(baggage)"}
            """
        #expect(try job.data.parse() == json(expected))
        #expect(job.metadata == nil)
        #expect(job.caller == nil)
        #expect(jobs.count == 1)
    }

    @Test func withoutIDThereIsNoReply() throws {
        let test = TestEngine()
        var count = 0
        provider(test, .success(nil)) { _ in count += 1 }
        #expect(try test.connect().exchange(enqueue(id: nil)).isEmpty)
        #expect(count == 1)
    }

    @Test func providerErrors() throws {
        let test = TestEngine()
        provider(test, .failure(InvocationError(code: "unknown_queue", message: "no queue x"))) { _ in }
        let answer = try test.connect().exchange(enqueue())
        #expect(answer.first?["error"]?["code"] == "enqueue_error")
        #expect(answer.first?["error"]?["message"] == "unknown_queue: no queue x")
    }

    /// The receipt comes only after the provider has stored the job, and a worker may be the provider.
    @Test func workerAsProvider() throws {
        let test = TestEngine()
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"engine::queue::enqueue"}"#)
        #expect(try caller.exchange(enqueue()).isEmpty)
        let job = try #require(try worker.receive().first)
        #expect(job["function_id"] == "engine::queue::enqueue")
        #expect(job["data"]?["data"] == ["sku": "A1"])
        #expect(job["data"]?["_caller_worker_id"] == nil)
        let id = try #require(job["invocation_id"]?.string)
        try worker.send(#"{"type":"invocationresult","invocation_id":"\#(id)","function_id":"x","result":1}"#)
        let receipt = try caller.receive().first?["result"]?["messageReceiptId"]
        #expect(receipt == job["data"]?["messageReceiptId"])
        #expect(receipt != nil)

        #expect(try caller.exchange(enqueue()).isEmpty)
        try worker.disconnect()
        #expect(try caller.receive().first?["error"]?["message"] == "invocation_stopped: Invocation stopped")
    }

    /// The in-process queue serves again when a worker that had taken over its id leaves.
    @Test func inProcessProviderComesBack() throws {
        let test = TestEngine()
        var count = 0
        provider(test, .success(nil)) { _ in count += 1 }
        let (worker, caller) = (try test.connect(), try test.connect())
        try worker.send(#"{"type":"registerfunction","id":"engine::queue::enqueue"}"#)
        try caller.send(enqueue())
        #expect(count == 0)
        try worker.disconnect()
        _ = try caller.receive()
        #expect(try caller.exchange(enqueue()).first?["result"]?["messageReceiptId"] != nil)
        #expect(count == 1)
    }
}
