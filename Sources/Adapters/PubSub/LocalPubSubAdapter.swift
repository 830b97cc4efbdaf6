import Engine
import Workers

/// The adapter `local`: messages stay in this engine (pubsub.md §4).
public final class LocalPubSubAdapter: PubSubAdapter {
    private var receive: ((PubSubMessage) -> Void)?
    private var topics: Set<Name> = []

    public init() {}

    public func start(_ receive: @escaping (PubSubMessage) -> Void) {
        self.receive = receive
    }

    public func subscribe(topic: String, completion: @escaping Completion) {
        topics.insert(Name(topic))
        completion(.success(()))
    }

    public func unsubscribe(topic: String, completion: @escaping Completion) {
        topics.remove(Name(topic))
        completion(.success(()))
    }

    /// The publisher is answered first: its result is on the way before any subscriber's call.
    public func publish(_ message: PubSubMessage, completion: @escaping Completion) {
        completion(.success(()))
        if topics.contains(Name(message.topic)) { receive?(message) }
    }

    public func close() {
        topics = []
        receive = nil
    }
}
