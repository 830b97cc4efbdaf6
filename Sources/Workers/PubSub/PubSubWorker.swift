import Engine
import Logging
import NIOCore

/// The in-process worker `iii-pubsub`: fire-and-forget broadcast by topic (pubsub.md).
public final class PubSubWorker: Worker {
    public let type = "iii-pubsub"
    public let summary = "Fire-and-forget broadcast of messages by topic."

    private var configuration: PubSubConfiguration
    private let makeAdapter: (PubSubConfiguration) throws -> any PubSubAdapter
    private let broker: PubSubBroker
    private let logger = Logger(label: "iii::workers::pubsub")
    private var triggers: PubSubTriggers?
    private var live: LiveConfiguration?

    /// `makeAdapter` builds the adapter that a configuration names, now and when the stored configuration changes.
    public init(
        configuration: PubSubConfiguration,
        makeAdapter: @escaping (PubSubConfiguration) throws -> any PubSubAdapter
    ) throws {
        self.configuration = configuration
        self.makeAdapter = makeAdapter
        broker = PubSubBroker(try makeAdapter(configuration), logger: logger)
    }

    public func initialize(_ engine: Engine) {
        logger.info("Initializing PubSubModule")
        let triggers = PubSubTriggers(engine: engine, broker: broker, logger: logger)
        self.triggers = triggers
        broker.receive = { [weak triggers] message in triggers?.deliver(message) }
        engine.register(PubSubSchemas.publish, worker: type) { invocation, reply in
            self.publish(invocation, reply)
        }
        if let type = BuiltInTriggerTypes.description(of: "subscribe") {
            engine.register(type, provider: triggers, worker: self.type)
        }
        let live = LiveConfiguration(engine: engine, worker: type, entry: entry, logger: logger) { block in
            self.apply(block, on: engine.loop)
        }
        live.initialize()
        self.live = live
    }

    public func start(_ engine: Engine) -> EventLoopFuture<Void> {
        live?.start() ?? engine.loop.makeSucceededVoidFuture()
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        live?.stop()
        triggers?.stop()
        broker.close()
        return engine.loop.makeSucceededVoidFuture()
    }

    // MARK: publish

    private func publish(_ invocation: Invocation, _ reply: @escaping Reply) {
        let request: PubSubRequest
        do throws(ArgumentError) {
            request = try PubSubRequest(invocation.data)
        } catch {
            return reply(.failure(.deserialization(invocation.functionID, error.detail)))
        }
        do throws(InvocationError) {
            try request.checkTopic()
        } catch {
            return reply(.failure(error))
        }
        let message = PubSubMessage(topic: request.topic, data: request.data, trace: invocation.trace)
        broker.publish(message) { [logger] result in
            guard case .failure(let error) = result else { return reply(.success(nil)) }
            logger.error("publishing failed", metadata: ["topic": "\(message.topic)", "error": "\(error)"])
            reply(.failure(InvocationError(code: "publish_failed", message: "Failed to publish: \(error)")))
        }
    }

    // MARK: Live configuration

    /// The seed leaves an absent adapter out: `{"adapter":null}` isn't what the schema accepts.
    private var entry: ConfigurationEntry {
        ConfigurationEntry(
            id: type,
            name: "PubSub",
            description: "Configuration of the iii-pubsub worker",
            schema: PubSubSchemas.configuration,
            seed: configuration.seed
        )
    }

    /// Takes a stored configuration into use; a failure leaves everything as it was.
    private func apply(_ block: ConfigBlock, on loop: any EventLoop) -> EventLoopFuture<Void> {
        do {
            return apply(try PubSubConfiguration(block), on: loop)
        } catch {
            return loop.makeFailedFuture(error)
        }
    }

    func apply(_ new: PubSubConfiguration, on loop: any EventLoop) -> EventLoopFuture<Void> {
        guard new.adapter != configuration.adapter else { return loop.makeSucceededVoidFuture() }
        let adapter: any PubSubAdapter
        do {
            adapter = try makeAdapter(new)
        } catch {
            return loop.makeFailedFuture(error)
        }
        let promise = loop.makePromise(of: Void.self)
        broker.exchange(for: adapter) { result in
            if case .success = result { self.configuration = new }
            promise.completeWith(result.mapError { $0 as any Error })
        }
        return promise.futureResult
    }
}
