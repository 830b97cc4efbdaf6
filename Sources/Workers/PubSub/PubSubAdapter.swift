import Engine

/// How messages travel: the port that `iii-pubsub` needs (pubsub.md §4, §5).
///
/// An adapter knows topics, not subscribers: it is told once per topic that somebody listens, and hands every message
/// of such a topic to one receiver, whatever the number of subscriptions behind it. Called on the engine's event loop,
/// where receiver and completions run too. Operations on one topic take effect in call order.
///
/// A connection that is lost is the adapter's to restore, with everything that is subscribed. A failed `subscribe`
/// means that it won't come by itself.
public protocol PubSubAdapter: AnyObject {
    typealias Completion = (Result<Void, PubSubAdapterError>) -> Void

    /// Names the receiver. Called once, before anything else.
    func start(_ receive: @escaping (PubSubMessage) -> Void)

    /// Messages of this topic are wanted from the completion on.
    func subscribe(topic: String, completion: @escaping Completion)

    /// None of this topic is wanted any more; late ones may still arrive.
    func unsubscribe(topic: String, completion: @escaping Completion)

    /// Completes when the message was handed over, before anybody has handled it; fails when it was rejected.
    func publish(_ message: PubSubMessage, completion: @escaping Completion)

    /// Lets go of every topic and connection. Nothing is called afterwards.
    func close()
}

/// One message, as published.
public struct PubSubMessage: Sendable {
    public var topic: String
    public var data: RawJSON
    /// The publisher's, where the way of the message can carry it; a Redis channel can't (pubsub.md §5.1).
    public var trace: TraceContext

    public init(topic: String, data: RawJSON, trace: TraceContext = .none) {
        self.topic = topic
        self.data = data
        self.trace = trace
    }
}

/// Why an adapter could not do it.
public struct PubSubAdapterError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
