import Engine
import Logging

/// The trigger type `subscribe` (pubsub.md §3): who listens to which topic.
final class PubSubTriggers: TriggerProvider {
    private let engine: Engine
    private let broker: PubSubBroker
    private let logger: Logger
    private var subscriptions: [Name: PubSubSubscription] = [:]
    /// By topic, then trigger id: a worker with thousands of triggers on one topic leaves in linear time.
    private var byTopic: [Name: [Name: PubSubSubscription]] = [:]

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
        defer { if let previous { leave(previous.topic) } }
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
        add(PubSubSubscription(trigger, topic: Name(topic), delivery: delivery(of: trigger, config)))
        logger.info("PubSub subscription", metadata: ["topic": "\(topic)", "function": "\(trigger.functionID)"])
    }

    func unregister(_ trigger: Trigger) {
        if let subscription = take(trigger.id) { leave(subscription.topic) }
    }

    private func delivery(of trigger: Trigger, _ config: SubscribeTriggerConfig) -> TriggerDelivery<SingleLane> {
        TriggerDelivery(
            of: trigger,
            condition: config.conditionFunctionID,
            engine: engine,
            logger: logger,
            limits: .singleLane
        )
    }

    private func add(_ subscription: PubSubSubscription) {
        let id = Name(subscription.trigger.id)
        subscriptions[id] = subscription
        byTopic[subscription.topic, default: [:]][id] = subscription
        broker.subscribe(subscription.topic)
    }

    private func take(_ id: String) -> PubSubSubscription? {
        guard let subscription = subscriptions.removeValue(forKey: Name(id)) else { return nil }
        subscription.delivery.close()
        byTopic[subscription.topic]?[Name(id)] = nil
        return subscription
    }

    /// After a subscription has gone: was it its topic's last?
    private func leave(_ topic: Name) {
        guard byTopic[topic]?.isEmpty == true else { return }
        byTopic[topic] = nil
        broker.unsubscribe(topic)
    }

    /// Each subscription gets its own copy, in order of publication.
    func deliver(_ message: PubSubMessage) {
        guard let subscribers = byTopic[Name(message.topic)] else { return }
        for subscription in subscribers.values {
            subscription.delivery.deliver(message.data, trace: message.trace)
        }
    }

    /// Nothing is delivered any more; the engine keeps the triggers.
    func stop() {
        for subscription in subscriptions.values { subscription.delivery.close() }
        subscriptions = [:]
        byTopic = [:]
    }
}

final class PubSubSubscription {
    let trigger: Trigger
    let topic: Name
    let delivery: TriggerDelivery<SingleLane>

    init(_ trigger: Trigger, topic: Name, delivery: TriggerDelivery<SingleLane>) {
        self.trigger = trigger
        self.topic = topic
        self.delivery = delivery
    }
}
