import Adapters
import NIOCore
import NIOEmbedded
import Testing

@testable import Engine
@testable import Workers

/// pubsub.md §6.
@Suite struct PubSubConfigurationTests {
    private func configuration(_ text: String?) throws -> PubSubConfiguration {
        try PubSubConfiguration(ConfigBlock(try text.map { try JSON.parse($0) }))
    }

    @Test(arguments: [
        nil, "{}", #"{"adapter":null}"#, #"{"adapter":{"name":"local"}}"#,
        #"{"adapter":{"name":"local","config":null}}"#,
        #"{"adapter":{"name":"local","config":{}}}"#,
    ])
    func local(_ text: String?) throws {
        let configuration = try configuration(text)
        #expect(configuration == PubSubConfiguration(adapter: "local"))
        #expect(RawJSON(configuration.seed).description == "{}")
    }

    @Test(arguments: [
        (
            #"{"adapter":{"name":"redis","config":{"redis_url":"redis://r"}}}"#,
            "adapter 'redis' of iii-pubsub is not served by this version yet; use `local`"
        ),
        (#"{"adapter":{"name":"x"}}"#, #"Adapter factory 'x' not found. Available: ["local"]"#),
        (#"{"adapter":{"name":"Local"}}"#, #"Adapter factory 'Local' not found. Available: ["local"]"#),
        (#"{"adapter":{"name":"local","config":{"redis_url":"x"}}}"#, "unknown field `redis_url`, there are none"),
        (#"{"adapter":{}}"#, "missing field `name`"),
        (#"{"adapter":"local"}"#, #"invalid type: string "local", expected a map"#),
        (#"{"adapter":{"name":"local","url":"x"}}"#, "unknown field `url`, expected `name` or `config`"),
        (#"{"adaptor":{"name":"local"}}"#, "unknown field `adaptor`, expected `adapter`"),
        ("5", "invalid type: integer `5`, expected a map"),
    ])
    func refused(_ text: String, _ message: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration(text) }
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }

    /// A stored configuration that this version can't serve changes nothing.
    @Test(arguments: [
        #"{"adapter":{"name":"redis"}}"#, #"{"adapter":{"name":"x"}}"#, #"{"adapter":5}"#, "5", "null",
        #"{"adapter":{"name":"local"}}"#,
    ])
    func aStoredValueThatCantBeServedKeepsWhatIs(_ value: String) throws {
        let pubsub = try PubSubHarness()
        _ = pubsub.worker.start(pubsub.engine)
        let seen = pubsub.record("test::seen")
        let stored = pubsub.record("configuration::get", answer: #"{"id":"iii-pubsub","value":\#(value)}"#)
        pubsub.subscribe("s1", "orders", to: "test::seen")
        #expect(try pubsub.change() == #"{"ok":true}"#)
        #expect(stored.calls == [#"{"id":"iii-pubsub"}"#])
        try pubsub.publish("orders", "1")
        #expect(seen.calls == ["1"])
    }

    @Test func withoutAConfigurationWorkerAChangeIsAnswered() throws {
        let pubsub = try PubSubHarness()
        _ = pubsub.worker.start(pubsub.engine)
        #expect(try pubsub.change() == #"{"ok":true}"#)
    }

    @Test func theHandlerIsInternal() throws {
        let pubsub = try PubSubHarness()
        let function = try #require(pubsub.engine.function("iii-pubsub::on-config-change"))
        #expect(function.description.metadata?.description == #"{"internal":true}"#)
        #expect(pubsub.engine.function("publish")?.description.description == "Publishes an event")
    }

    /// No other adapter exists yet; the way to one does.
    @Test func anotherAdapterIsTakenIntoUseWithAllSubscriptions() throws {
        let loop = EmbeddedEventLoop()
        let engine = Engine(loop: loop)
        let other = TestPubSubAdapter()
        let worker = try PubSubWorker(configuration: PubSubConfiguration()) { configuration in
            guard configuration.adapter == "local" else { return other }
            return LocalPubSubAdapter()
        }
        worker.initialize(engine)
        engine.bind(
            id: "s1",
            type: "subscribe",
            functionID: "f",
            config: RawJSON(literal: #"{"topic":"orders"}"#),
            metadata: nil
        ) { _, _ in }
        var isApplied = false
        worker.apply(PubSubConfiguration(adapter: "other"), on: loop).assumeIsolated().whenSuccess { isApplied = true }
        #expect(isApplied)
        engine.invoke("publish", data: RawJSON(literal: #"{"topic":"orders","data":1}"#)) { _ in }
        #expect(other.log == ["+orders", "!orders"])
    }

    @Test func anAdapterThatCantBeBuiltKeepsTheOldOne() throws {
        let loop = EmbeddedEventLoop()
        let engine = Engine(loop: loop)
        let local = TestPubSubAdapter()
        let worker = try PubSubWorker(configuration: PubSubConfiguration()) { configuration in
            guard configuration.adapter == "local" else { throw PubSubAdapterError("unreachable") }
            return local
        }
        worker.initialize(engine)
        var failure: (any Error)?
        worker.apply(PubSubConfiguration(adapter: "other"), on: loop).assumeIsolated().whenFailure { failure = $0 }
        #expect("\(failure.map { "\($0)" } ?? "")" == "unreachable")
        #expect(local.log.isEmpty)
    }
}

extension PubSubHarness {
    /// Tells the worker that its stored configuration has changed, and returns its answer.
    func change() throws -> String? {
        var outcome: InvocationOutcome?
        engine.invoke("iii-pubsub::on-config-change", data: .null) { outcome = $0 }
        guard case .success(let answer) = try #require(outcome) else { return nil }
        return answer?.description
    }
}
