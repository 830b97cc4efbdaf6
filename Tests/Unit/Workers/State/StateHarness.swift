import Adapters
import NIOCore
import NIOEmbedded
import Testing

@testable import Engine
@testable import Workers

/// An engine with `iii-state` on an embedded loop: every call is answered before it returns.
final class StateHarness {
    let loop = EmbeddedEventLoop()
    let engine: Engine
    let worker: StateWorker

    init(adapter: any StateAdapter = InMemoryStateAdapter(), configuration: StateConfiguration = .init()) {
        engine = Engine(loop: loop)
        worker = StateWorker(configuration: configuration, adapter: adapter)
        worker.initialize(engine)
    }

    /// The result's text; nil when the result is absent.
    func call(_ function: String, _ data: String) throws -> String? {
        var outcome: InvocationOutcome?
        engine.invoke(function, data: try RawJSON.validating(ByteBuffer(string: data))) { outcome = $0 }
        switch try #require(outcome) {
        case .success(let value): return value?.description
        case .failure(let error): throw error
        }
    }

    func error(_ function: String, _ data: String) throws -> InvocationError {
        do {
            let result = try call(function, data)
            Issue.record("expected an error, got \(result ?? "no result")")
            return InvocationError(code: "", message: "")
        } catch let error as InvocationError {
            return error
        }
    }

    /// Registers a function that records what it is called with.
    func record(_ function: String, answer: String? = nil) -> Recorder {
        let recorder = Recorder()
        engine.register(FunctionDescription(id: function), worker: "test") { invocation, reply in
            recorder.calls.append(invocation.data.description)
            recorder.metadata.append(invocation.metadata?.description)
            if recorder.holdsReplies {
                recorder.held.append(reply)
            } else {
                reply(.success(answer.map { RawJSON(validated: ByteBuffer(string: $0)) }))
            }
        }
        return recorder
    }

    func bind(_ function: String, _ config: String, metadata: String? = nil) -> InvocationError? {
        var failure: InvocationError?
        engine.bind(
            type: "state",
            functionID: function,
            config: RawJSON(validated: ByteBuffer(string: config)),
            metadata: metadata.map { RawJSON(validated: ByteBuffer(string: $0)) }
        ) { _, error in failure = error }
        return failure
    }
}

final class Recorder {
    var calls: [String] = []
    var metadata: [String?] = []
    var holdsReplies = false
    var held: [Reply] = []
}
