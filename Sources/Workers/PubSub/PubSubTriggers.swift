import Engine
import Logging

/// The trigger type `subscribe` (pubsub.md §3): who listens to which topic.
final class PubSubTriggers: TriggerProvider {
    private let engine: Engine
    private let broker: PubSubBroker
    private let logger: Logger
    /// By topic.
    private var subscriptions = BindingTable<Name, TriggerDelivery<SingleLane>>()

    init(engine: Engine, broker: PubSubBroker, logger: Logger) {
        self.engine = engine
        self.broker = broker
        self.logger = logger
    }

    /// Never refuses: a config without a usable topic is accepted and inert, as upstream.
    func register(_ trigger: Trigger, replacing replaced: Trigger?) {
        let config = SubscribeTriggerConfig(trigger.config)
        // An exchange on one topic doesn't leave the topic in between.
        let previous = take(trigger.id)
        defer { if let previous { leave(previous) } }
        if config.ignoresCondition {
            logger.warning(
                "condition_function_id is not a string and has no effect",
                metadata: ["trigger.id": "\(trigger.id)"]
            )
        }
        guard let topic = config.topic else {
            return logger.warning(
                "Topic is not set for trigger",
                metadata: ["trigger.id": "\(trigger.id)", "reason": "\(config.refusal ?? "unknown")"]
            )
        }
        let delivery = TriggerDelivery<SingleLane>(
            of: trigger,
            condition: config.conditionFunctionID,
            engine: engine,
            logger: logger,
            limits: .singleLane
        )
        subscriptions.insert(delivery, id: Name(trigger.id), key: Name(topic))
        broker.subscribe(Name(topic))
        logger.info("PubSub subscription", metadata: ["topic": "\(topic)", "function": "\(trigger.functionID)"])
    }

    func unregister(_ trigger: Trigger) {
        if let topic = take(trigger.id) { leave(topic) }
    }

    /// Ends a subscription. Returns its topic.
    private func take(_ id: String) -> Name? {
        guard let (delivery, topic) = subscriptions.remove(Name(id)) else { return nil }
        delivery.close()
        return topic
    }

    /// After a subscription has gone: was it its topic's last?
    private func leave(_ topic: Name) {
        if !subscriptions.hasBindings(of: topic) { broker.unsubscribe(topic) }
    }

    /// Each subscription gets its own copy, in order of publication.
    func deliver(_ message: PubSubMessage) {
        subscriptions.forEach(of: Name(message.topic)) { $0.deliver(message.data, trace: message.trace) }
    }

    /// Nothing is delivered any more; the engine keeps the triggers.
    func stop() {
        subscriptions.forEach { $0.close() }
        subscriptions = BindingTable()
    }
}
