import Logging
import NIOCore
import NIOEmbedded

@testable import Engine
@testable import Workers

/// One trigger's delivery to `test::handler` on an engine whose functions answer when the test says so.
final class DeliveryHarness {
    let engine = Engine(loop: EmbeddedEventLoop())
    let handler: Recorder
    let condition: Recorder

    init() {
        handler = Recorder()
        condition = Recorder()
        Self.register("test::handler", handler, on: engine)
        Self.register("test::condition", condition, on: engine)
    }

    func delivery(
        condition: String? = nil,
        metadata: String? = nil,
        limits: TriggerDeliveryLimits = TriggerDeliveryLimits()
    ) -> TriggerDelivery<String> {
        let trigger = Trigger(
            id: "t1",
            type: "test",
            functionID: "test::handler",
            config: .emptyObject,
            metadata: metadata.map { RawJSON(validated: ByteBuffer(string: $0)) }
        )
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return TriggerDelivery(of: trigger, condition: condition, engine: engine, logger: logger, limits: limits)
    }

    private static func register(_ id: String, _ recorder: Recorder, on engine: Engine) {
        engine.register(FunctionDescription(id: id), worker: "test") { invocation, reply in
            recorder.calls.append(invocation.data.description)
            recorder.metadata.append(invocation.metadata?.description)
            if recorder.holdsReplies { recorder.held.append(reply) } else { reply(.success(nil)) }
        }
    }

    /// Both functions' worker is lost.
    func removeFunctions() {
        engine.unregisterFunctions(ofWorker: "test")
    }
}

extension TriggerDelivery where Lane == String {
    func deliver(_ number: Int, lane: String = "") {
        deliver(RawJSON(validated: ByteBuffer(string: "\(number)")), lane: lane)
    }
}

extension Recorder {
    var numbers: [Int?] { calls.map { Int($0) } }

    /// Answers everything that is held now, in order.
    func answerHeld(_ outcome: InvocationOutcome = .success(nil)) {
        let replies = held
        held = []
        for reply in replies { reply(outcome) }
    }
}

extension InvocationOutcome {
    static let no = InvocationOutcome.success(RawJSON(literal: "false"))
    static let error = InvocationOutcome.failure(InvocationError(code: "oops", message: "condition is broken"))
}
