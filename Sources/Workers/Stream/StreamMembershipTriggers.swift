import Engine
import Logging
import NIOCore

/// The trigger types `stream:join` and `stream:leave` (stream.md §5): guards of subscriptions, and news of their end.
///
/// `stream_name` and `condition_function_id` are honoured when given, where upstream ignores them. What a guard doesn't
/// plainly allow is refused: an error, a missing function, no answer in time.
final class StreamMembershipTriggers {
    /// A guard that hasn't answered by then has refused.
    static let guardTimeout = TimeAmount.seconds(30)

    let joins: MembershipBindings
    let leaves: MembershipBindings
    private let engine: Engine
    private let logger: Logger

    init(engine: Engine, logger: Logger) {
        self.engine = engine
        self.logger = logger
        joins = MembershipBindings()
        leaves = MembershipBindings()
    }

    enum Decision: Equatable {
        case admitted
        /// A guard said so.
        case refused
        /// A guard failed.
        case failed(String)
    }

    /// Asks every guard, one after the other; all are asked, whatever one says.
    func join(_ membership: StreamMembership, completion: @escaping (Decision) -> Void) {
        ask(joins.matching(membership)[...], membership.json, .admitted, completion)
    }

    private func ask(
        _ remaining: ArraySlice<MembershipBinding>,
        _ data: RawJSON,
        _ decision: Decision,
        _ completion: @escaping (Decision) -> Void
    ) {
        guard let binding = remaining.first else { return completion(decision) }
        call(binding, data) { outcome in
            let worsened = decision.worsened(by: self.judge(outcome, binding))
            self.next { self.ask(remaining.dropFirst(), data, worsened, completion) }
        }
    }

    /// A turn of the loop between two triggers: a thousand that answer at once are no recursion.
    private func next(_ step: @escaping () -> Void) {
        engine.loop.assumeIsolated().execute(step)
    }

    private func judge(_ outcome: InvocationOutcome, _ binding: MembershipBinding) -> Decision {
        switch outcome {
        case .failure(let error):
            log("stream:join guard failed", binding, "\(error)")
            return .failed("a stream:join guard failed")
        case .success(let value):
            guard let value, !value.isNull else { return .admitted }
            guard let answer = (try? value.parse())?["unauthorized"]?.bool else {
                log("stream:join guard answered without a boolean `unauthorized`", binding, "taken as admitted")
                return .admitted
            }
            return answer ? .refused : .admitted
        }
    }

    /// Tells everybody, one after the other; what they answer doesn't matter.
    func leave(_ membership: StreamMembership, completion: @escaping () -> Void) {
        tell(leaves.matching(membership)[...], membership.json, completion)
    }

    private func tell(_ remaining: ArraySlice<MembershipBinding>, _ data: RawJSON, _ completion: @escaping () -> Void) {
        guard let binding = remaining.first else { return completion() }
        call(binding, data) { outcome in
            if case .failure(let error) = outcome { self.log("stream:leave handler failed", binding, "\(error)") }
            self.next { self.tell(remaining.dropFirst(), data, completion) }
        }
    }

    /// Condition, then function. JSON `false` of the condition counts as an answer without a value.
    private func call(_ binding: MembershipBinding, _ data: RawJSON, _ reply: @escaping Reply) {
        let once = AnswerOnce(engine.loop, after: Self.guardTimeout, reply)
        let invoke = {
            self.engine.invoke(
                binding.trigger.functionID,
                data: data,
                metadata: binding.trigger.metadata,
                reply: once.answer
            )
        }
        guard let condition = binding.conditionFunctionID else { return invoke() }
        engine.evaluate(condition: condition, data: data) { decision in
            switch decision {
            case .success(true): invoke()
            case .success(false): once.answer(.success(nil))
            case .failure(let error): once.answer(.failure(error))
            }
        }
    }

    private func log(_ message: String, _ binding: MembershipBinding, _ reason: String) {
        logger.error(
            "\(message)",
            metadata: [
                "trigger.id": "\(binding.trigger.id)", "function": "\(binding.trigger.functionID)",
                "reason": "\(reason)",
            ]
        )
    }
}

extension StreamMembershipTriggers.Decision {
    /// A plain refusal outweighs a failure, and both outweigh an admission.
    fileprivate func worsened(by other: Self) -> Self {
        switch (self, other) {
        case (.refused, _), (_, .refused): .refused
        case (.failed, _): self
        default: other
        }
    }
}

/// Bindings of one of the two types, in registration order.
final class MembershipBindings: TriggerProvider {
    /// One list for all streams: a binding without a stream has its place among those with one.
    private var bindings = BindingTable<SingleLane, MembershipBinding>()

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        _ = bindings.remove(Name(trigger.id))
        bindings.insert(MembershipBinding(trigger), id: Name(trigger.id), key: SingleLane())
    }

    func unregister(_ trigger: Trigger) {
        _ = bindings.remove(Name(trigger.id))
    }

    func matching(_ membership: StreamMembership) -> [MembershipBinding] {
        var matching: [MembershipBinding] = []
        bindings.forEach(of: SingleLane()) { binding in
            if binding.stream.map({ $0 == membership.group.stream }) ?? true { matching.append(binding) }
        }
        return matching
    }
}

/// Any config is accepted; what isn't a string counts as absent.
struct MembershipBinding {
    let trigger: Trigger
    let stream: Name?
    let conditionFunctionID: String?

    init(_ trigger: Trigger) {
        self.trigger = trigger
        let config = try? trigger.config.parse()
        stream = config?["stream_name"]?.string.flatMap { $0.isEmpty ? nil : Name($0) }
        conditionFunctionID = config?["condition_function_id"]?.string
    }
}

/// Who joins or leaves what: the payload of both types.
struct StreamMembership {
    let subscriptionID: String
    let group: StreamGroup
    let id: String?
    /// What the auth function returned.
    let context: RawJSON

    var json: RawJSON {
        var text = ByteBuffer(staticString: "{\"subscription_id\":")
        text.writeJSONString(subscriptionID)
        text.writeStaticString(",\"stream_name\":")
        text.writeJSONString(group.stream.string)
        text.writeStaticString(",\"group_id\":")
        text.writeJSONString(group.group.string)
        text.writeStaticString(",\"id\":")
        if let id { text.writeJSONString(id) } else { text.writeStaticString("null") }
        text.writeStaticString(",\"context\":")
        text.writeImmutableBuffer(context.buffer)
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }
}

/// The first answer counts; when none comes in time, that is the answer.
final class AnswerOnce {
    private var reply: Reply?
    private var timeout: Scheduled<Void>?

    init(_ loop: any EventLoop, after limit: TimeAmount, _ reply: @escaping Reply) {
        self.reply = reply
        timeout = loop.assumeIsolated().scheduleTask(in: limit) {
            self.answer(
                .failure(
                    InvocationError(
                        code: "timeout",
                        message: "no answer within \(limit.nanoseconds / 1_000_000_000) s"
                    )
                )
            )
        }
    }

    func answer(_ outcome: InvocationOutcome) {
        guard let reply else { return }
        self.reply = nil
        timeout?.cancel()
        timeout = nil
        reply(outcome)
    }
}
