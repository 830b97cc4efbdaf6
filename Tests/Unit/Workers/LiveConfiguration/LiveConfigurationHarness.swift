import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import Engine
@testable import Workers

/// A worker `my-worker` with a stored configuration, and a `configuration` worker that does what the test says.
final class LiveConfigurationHarness {
    struct Call {
        let function: String
        let data: JSON
    }

    let loop = EmbeddedEventLoop()
    let engine: Engine
    private(set) var live: LiveConfiguration?
    private(set) var isStarted = false

    var stored: String?
    var hangs = false
    var refusesRegistration = false
    var calls: [Call] = []
    var heldReplies: [Reply] = []

    var failure: ConfigurationError?
    var holdsApplies = false
    var held: [EventLoopPromise<Void>] = []
    private(set) var applied: [String] = []

    init() {
        engine = Engine(loop: loop)
    }

    func makeLive() {
        let entry = ConfigurationEntry(
            id: "my-worker",
            name: "Mine",
            description: "about it",
            schema: RawJSON(literal: #"{"type":"object"}"#),
            seed: ["size": 1]
        )
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let live = LiveConfiguration(engine: engine, worker: "my-worker", entry: entry, logger: logger) { block in
            self.apply(block)
        }
        live.initialize()
        self.live = live
    }

    private func apply(_ block: ConfigBlock) -> EventLoopFuture<Void> {
        applied.append(block.json.map { RawJSON($0).description } ?? "absent")
        let promise = loop.makePromise(of: Void.self)
        if let failure {
            promise.fail(failure)
        } else if holdsApplies {
            held.append(promise)
        } else {
            promise.succeed()
        }
        return promise.futureResult
    }

    /// Whether the start is complete at once.
    func start() -> Bool {
        live?.start().assumeIsolated().whenSuccess { self.isStarted = true }
        return isStarted
    }

    /// Started with nothing stored, nothing applied.
    func startEmpty() {
        serveConfiguration()
        makeLive()
        _ = start()
        calls = []
    }

    func serveConfiguration() {
        serve("get") { self.value }
        serve("register") {
            self.refusesRegistration
                ? .failure(InvocationError(code: "INVALID_ID", message: "no")) : .success(.emptyObject)
        }
    }

    private var value: InvocationOutcome {
        guard let stored else {
            return .failure(InvocationError(code: "NOT_FOUND", message: "configuration 'my-worker' not found"))
        }
        return .success(RawJSON(validated: ByteBuffer(string: #"{"id":"my-worker","value":\#(stored)}"#)))
    }

    private func serve(_ function: String, _ answer: @escaping () -> InvocationOutcome) {
        engine.register(FunctionDescription(id: "configuration::\(function)"), worker: "test") { invocation, reply in
            self.calls.append(Call(function: function, data: (try? invocation.data.parse()) ?? .null))
            if self.hangs { self.heldReplies.append(reply) } else { reply(answer()) }
        }
    }

    func change(_ event: String = "null", _ reply: @escaping Reply) {
        engine.invoke("my-worker::on-config-change", data: RawJSON(validated: ByteBuffer(string: event)), reply: reply)
    }

    /// The answer to a change, when it comes at once.
    func change(_ event: String = "null") throws -> String? {
        var outcome: InvocationOutcome?
        change(event) { outcome = $0 }
        guard case .success(let answer) = try #require(outcome) else { return nil }
        return answer?.description
    }
}
