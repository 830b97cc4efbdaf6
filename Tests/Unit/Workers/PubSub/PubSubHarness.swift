import Adapters
import NIOCore
import NIOEmbedded
import Testing

@testable import Engine
@testable import Workers

/// An engine with `iii-pubsub` on an embedded loop: every call is answered before it returns.
final class PubSubHarness {
    let loop = EmbeddedEventLoop()
    let engine: Engine
    let worker: PubSubWorker

    init(adapter: any PubSubAdapter = LocalPubSubAdapter()) throws {
        engine = Engine(loop: loop)
        worker = try PubSubWorker(configuration: PubSubConfiguration()) { _ in adapter }
        worker.initialize(engine)
    }

    /// Publishes JSON text as data. Returns the outcome.
    @discardableResult
    func publish(_ topic: String, _ data: String, trace: TraceContext = .none) throws -> InvocationOutcome {
        try call(#"{"topic":\#(RawJSON(.string(topic))),"data":\#(data)}"#, trace: trace)
    }

    func call(_ input: String, trace: TraceContext = .none) throws -> InvocationOutcome {
        try engine.outcome("publish", input, trace: trace)
    }

    func error(_ input: String) throws -> InvocationError {
        try engine.error("publish", input)
    }

    func record(_ function: String, answer: String? = nil) -> Recorder {
        engine.record(function, answer: answer)
    }

    /// Registers a `subscribe` trigger under an id, and says what refused it.
    @discardableResult
    func bind(_ id: String, to function: String, _ config: String, metadata: String? = nil) -> InvocationError? {
        engine.bind("subscribe", id: id, to: function, config, metadata: metadata)
    }

    func subscribe(_ id: String, _ topic: String, to function: String) {
        bind(id, to: function, #"{"topic":"\#(topic)"}"#)
    }
}

/// An adapter whose operations end when and how the test says.
final class TestPubSubAdapter: PubSubAdapter {
    var log: [String] = []
    var receive: ((PubSubMessage) -> Void)?
    var holdsSubscriptions = false
    var held: [Completion] = []
    var failure: PubSubAdapterError?

    func start(_ receive: @escaping (PubSubMessage) -> Void) { self.receive = receive }

    func subscribe(topic: String, completion: @escaping Completion) {
        log.append("+\(topic)")
        if holdsSubscriptions { held.append(completion) } else { completion(result) }
    }

    func unsubscribe(topic: String, completion: @escaping Completion) {
        log.append("-\(topic)")
        completion(result)
    }

    func publish(_ message: PubSubMessage, completion: @escaping Completion) {
        log.append("!\(message.topic)")
        completion(result)
    }

    func close() { log.append("closed") }

    private var result: Result<Void, PubSubAdapterError> { failure.map { .failure($0) } ?? .success(()) }
}
