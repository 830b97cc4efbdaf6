import NIOCore
import NIOEmbedded
import Testing

@testable import Engine

/// What tests of in-process workers ask of an engine on an embedded loop: everything is answered before it returns.
extension Engine {
    func outcome(_ function: String, _ data: String, trace: TraceContext = .none) throws -> InvocationOutcome {
        var outcome: InvocationOutcome?
        invoke(function, data: try RawJSON.validating(ByteBuffer(string: data)), trace: trace) { outcome = $0 }
        (loop as? EmbeddedEventLoop)?.run()
        return try #require(outcome)
    }

    /// The result's text; nil when the result is absent.
    func result(_ function: String, _ data: String) throws -> String? {
        switch try outcome(function, data) {
        case .success(let value): return value?.description
        case .failure(let error): throw error
        }
    }

    func error(_ function: String, _ data: String) throws -> InvocationError {
        switch try outcome(function, data) {
        case .failure(let error):
            return error
        case .success(let result):
            Issue.record("expected an error, got \(result?.description ?? "no result")")
            return InvocationError(code: "", message: "")
        }
    }

    /// Registers a function that records what it is called with.
    func record(_ function: String, answer: String? = nil) -> Recorder {
        let recorder = Recorder()
        register(FunctionDescription(id: function), worker: "test") { invocation, reply in
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

    /// Registers a trigger, and says what refused it.
    func bind(
        _ type: String,
        id: String? = nil,
        to function: String,
        _ config: String,
        metadata: String? = nil
    ) -> InvocationError? {
        var failure: InvocationError?
        bind(
            id: id,
            type: type,
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
