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
        try engine.result(function, data)
    }

    func error(_ function: String, _ data: String) throws -> InvocationError {
        try engine.error(function, data)
    }

    func record(_ function: String, answer: String? = nil) -> Recorder {
        engine.record(function, answer: answer)
    }

    func bind(_ function: String, _ config: String, metadata: String? = nil) -> InvocationError? {
        engine.bind("state", to: function, config, metadata: metadata)
    }
}
