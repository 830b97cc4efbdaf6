import Engine
import Logging

/// The adapter in use and the topics that are subscribed on it; exchanges one adapter for another without losing a
/// subscription (pubsub.md §6, "Apply").
final class PubSubBroker {
    typealias Completion = PubSubAdapter.Completion

    private var adapter: any PubSubAdapter
    /// While an exchange is under way: the adapter that is being prepared.
    private var next: (any PubSubAdapter)?
    private var topics: Set<Name> = []
    private let logger: Logger
    /// Gets every message of a subscribed topic.
    var receive: ((PubSubMessage) -> Void)?

    init(_ adapter: any PubSubAdapter, logger: Logger) {
        self.adapter = adapter
        self.logger = logger
        start(adapter)
    }

    private var adapters: [any PubSubAdapter] { next.map { [adapter, $0] } ?? [adapter] }

    private func start(_ adapter: any PubSubAdapter) {
        adapter.start { [weak self] message in self?.receive?(message) }
    }

    // MARK: Topics

    func subscribe(_ topic: Name) {
        guard topics.insert(topic).inserted else { return }
        for adapter in adapters { subscribe(topic, on: adapter) }
    }

    func unsubscribe(_ topic: Name) {
        guard topics.remove(topic) != nil else { return }
        for adapter in adapters { unsubscribe(topic, on: adapter) }
    }

    private func subscribe(_ topic: Name, on adapter: any PubSubAdapter) {
        adapter.subscribe(topic: topic.string) { [logger] result in
            guard case .failure(let error) = result else { return }
            logger.error("subscribing failed", metadata: ["topic": "\(topic)", "error": "\(error)"])
        }
    }

    private func unsubscribe(_ topic: Name, on adapter: any PubSubAdapter) {
        adapter.unsubscribe(topic: topic.string) { [logger] result in
            guard case .failure(let error) = result else { return }
            logger.warning("unsubscribing failed", metadata: ["topic": "\(topic)", "error": "\(error)"])
        }
    }

    func publish(_ message: PubSubMessage, completion: @escaping Completion) {
        adapter.publish(message, completion: completion)
    }

    func close() {
        next?.close()
        next = nil
        adapter.close()
        topics = []
    }

    // MARK: Exchange

    /// Subscribes everything on `new`, then publishes there and closes the old one. Until then a message may arrive by
    /// both. If any subscription fails, the old one stays and `new` is closed. One exchange at a time.
    func exchange(for new: any PubSubAdapter, completion: @escaping Completion) {
        precondition(next == nil, "an exchange is under way")
        next = new
        start(new)
        // The last one is for this call itself: it ends only when all have been asked.
        var outstanding = topics.count + 1
        var failure: PubSubAdapterError?
        let finishOne: Completion = { [weak self] result in
            if case .failure(let error) = result { failure = failure ?? error }
            outstanding -= 1
            guard outstanding == 0 else { return }
            self?.finishExchange(failure, completion)
        }
        for topic in topics { new.subscribe(topic: topic.string, completion: finishOne) }
        finishOne(.success(()))
    }

    private func finishExchange(_ failure: PubSubAdapterError?, _ completion: Completion) {
        // Closed in the meantime: the new adapter is closed already.
        guard let new = next else { return completion(.failure(PubSubAdapterError("the worker has stopped"))) }
        next = nil
        if let failure {
            new.close()
            return completion(.failure(failure))
        }
        let old = adapter
        adapter = new
        old.close()
        completion(.success(()))
    }
}
