import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A client of a running engine: connects as any worker does, calls functions (`iii trigger`), or only checks that
/// the engine serves (`iii health`). Confined to its event loop.
public final class EngineClient {
    public enum Purpose: Sendable {
        /// A worker connection, visible in `engine::workers::list` under `name`.
        case worker(name: String)
        /// A connection on `/otel`, which is no worker and triggers nothing.
        case probe

        fileprivate var path: String {
            switch self {
            case .worker: "/"
            case .probe: "/otel"
            }
        }
    }

    private let socket: WebSocketHandler
    private var pending: [UUID: EventLoopPromise<InvocationOutcome>] = [:]
    private var pongs: [EventLoopPromise<Void>] = []
    private var closed: EngineClientError?

    private init(socket: WebSocketHandler) {
        self.socket = socket
    }

    /// Calls one function on the engine at `host:port`; the whole exchange takes at most `timeout`.
    ///
    /// When it ends without a result, the answer to a ping shortly before tells a slow function from a silent engine.
    public static func invoke(
        _ functionID: String,
        data: RawJSON,
        host: String,
        port: Int,
        timeout: TimeAmount,
        clientName: String,
        on loop: any EventLoop
    ) -> EventLoopFuture<InvocationOutcome> {
        let purpose = Purpose.worker(name: clientName)
        let engineAnswers = NIOLoopBoundBox.makeBoxSendingValue(false, eventLoop: loop)
        let check = NIODeadline.now() + timeout - min(longestCheck, .nanoseconds(timeout.nanoseconds / checkFraction))
        return exchange(host: host, port: port, purpose: purpose, timeout: timeout, on: loop) { client in
            let client = NIOLoopBound(client, eventLoop: loop)
            let ping = loop.scheduleTask(deadline: check) {
                client.value.ping(on: loop).whenSuccess { engineAnswers.value = true }
            }
            let result = client.value.invoke(functionID, data: data, on: loop)
            result.whenComplete { _ in ping.cancel() }
            return result
        }.flatMapErrorThrowing { error in
            guard case EngineClientError.timeout = error, engineAnswers.value else { throw error }
            throw EngineClientError.functionTimeout
        }
    }

    /// How long before the end of a call the engine is asked for a sign of life: a part of the time-out, not more than
    /// this.
    private static let longestCheck = TimeAmount.seconds(1)
    private static let checkFraction: Int64 = 4

    /// Succeeds when the engine at `host:port` accepts a WebSocket and answers a ping.
    public static func probe(
        host: String,
        port: Int,
        timeout: TimeAmount,
        on loop: any EventLoop
    ) -> EventLoopFuture<Void> {
        exchange(host: host, port: port, purpose: .probe, timeout: timeout, on: loop) { $0.ping(on: loop) }
    }

    private static func exchange<Value: Sendable>(
        host: String,
        port: Int,
        purpose: Purpose,
        timeout: TimeAmount,
        on loop: any EventLoop,
        _ body: @escaping @Sendable (EngineClient) -> EventLoopFuture<Value>
    ) -> EventLoopFuture<Value> {
        let result = loop.makePromise(of: Value.self)
        let deadline = loop.scheduleTask(in: timeout) { result.fail(EngineClientError.timeout) }
        let upgraded = loop.makePromise(of: NIOLoopBound<EngineClient>.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try configure(channel, host: host, port: port, purpose: purpose, upgraded: upgraded)
                }
            }
        let connected = bootstrap.connect(host: host, port: port)
        connected.whenFailure { error in
            upgraded.fail(EngineClientError.connectFailed(reason(of: error)))
        }
        upgraded.futureResult
            .flatMap { body($0.value) }
            .whenComplete { outcome in
                deadline.cancel()
                connected.whenSuccess { $0.close(promise: nil) }
                result.completeWith(outcome)
            }
        return result.futureResult
    }

    /// The system's word for it, without the library's.
    private static func reason(of error: any Error) -> String {
        guard let failure = error as? NIOConnectionError else { return "\(error)" }
        if let first = failure.connectionErrors.first?.error as? IOError { return first.systemText }
        return failure.connectionErrors.isEmpty ? "the host name can't be resolved" : "\(failure)"
    }

    private static func configure(
        _ channel: any Channel,
        host: String,
        port: Int,
        purpose: Purpose,
        upgraded: EventLoopPromise<NIOLoopBound<EngineClient>>
    ) throws {
        let upgrader = ClientUpgrader { channel in
            var random = SystemRandomNumberGenerator()
            let flusher = FlushScheduler(loop: channel.eventLoop)
            let socket = WebSocketHandler(role: .client, flusher: flusher, maskKey: random.next())
            let client = EngineClient(socket: socket)
            socket.delegate = client
            try channel.pipeline.syncOperations.addHandler(socket)
            if case .worker(let name) = purpose { client.introduce(as: name) }
            // The channel's pipeline holds the socket; this keeps its delegate.
            channel.closeFuture.assumeIsolated().whenComplete { _ in withExtendedLifetime(client) {} }
            upgraded.succeed(NIOLoopBound(client, eventLoop: channel.eventLoop))
        }
        try channel.pipeline.syncOperations.addHTTPClientHandlers(
            withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
        )
        try channel.pipeline.syncOperations.addHandler(
            ClientHandshake(
                host: "\(host.contains(":") ? "[\(host)]" : host):\(port)",
                path: purpose.path,
                upgraded: upgraded
            )
        )
    }

    private func introduce(as name: String) {
        var writer = MessageWriter(type: "invokefunction")
        writer.string("function_id", "engine::workers::register")
        writer.raw(
            "data",
            RawJSON(.object(["runtime": "swift", "version": .string(EngineVersion.string), "name": .string(name)]))
        )
        writer.raw("action", RawJSON(literal: "{\"type\":\"void\"}"))
        socket.send(writer.finish())
    }

    private func invoke(
        _ functionID: String,
        data: RawJSON,
        on loop: any EventLoop
    ) -> EventLoopFuture<InvocationOutcome> {
        if let closed { return loop.makeFailedFuture(closed) }
        let promise = loop.makePromise(of: InvocationOutcome.self)
        var random = SystemRandomNumberGenerator()
        let id = UUID.random(using: &random)
        pending[id] = promise
        var writer = MessageWriter(type: "invokefunction", payloadBytes: data.count)
        writer.uuid("invocation_id", id)
        writer.string("function_id", functionID)
        writer.raw("data", data)
        socket.send(writer.finish())
        return promise.futureResult
    }

    private func ping(on loop: any EventLoop) -> EventLoopFuture<Void> {
        if let closed { return loop.makeFailedFuture(closed) }
        let promise = loop.makePromise(of: Void.self)
        pongs.append(promise)
        socket.ping()
        return promise.futureResult
    }
}

extension EngineClient: WebSocketDelegate {
    package func webSocket(_ socket: WebSocketHandler, didReceiveText text: ByteBuffer) {
        guard case .invocationResult(let result)? = try? WorkerMessage.decode(text) else { return }
        pending.removeValue(forKey: result.invocationID)?.succeed(result.outcome)
    }

    package func webSocket(_ socket: WebSocketHandler, didReceiveBinary data: ByteBuffer) {}

    package func webSocketDidReceivePong(_ socket: WebSocketHandler) {
        let waiting = pongs
        pongs.removeAll()
        for promise in waiting { promise.succeed() }
    }

    package func webSocketDidDrain(_ socket: WebSocketHandler) {}

    package func webSocketDidClose(_ socket: WebSocketHandler, reason: String) {
        let error = EngineClientError.connectionLost(reason)
        closed = error
        for promise in pending.values { promise.fail(error) }
        for promise in pongs { promise.fail(error) }
        pending.removeAll()
        pongs.removeAll()
    }
}

public enum EngineClientError: Error, Sendable, CustomStringConvertible {
    case connectFailed(String)
    case handshakeRefused(String)
    case connectionLost(String)
    /// No connection, or no sign of life on it.
    case timeout
    /// The engine answers, the function doesn't.
    case functionTimeout

    /// The engine itself serves.
    public var isOfFunction: Bool {
        if case .functionTimeout = self { true } else { false }
    }

    public var description: String {
        switch self {
        case .connectFailed(let text): "could not connect: \(text)"
        case .handshakeRefused(let text): "no WebSocket endpoint of an engine: \(text)"
        case .connectionLost(let text): "connection closed by the engine: \(text)"
        case .timeout:
            "Timed out waiting for the engine (no response within the timeout). "
                + "Is the engine running at the given address and port?"
        case .functionTimeout: "the function didn't answer in time; the engine itself answers"
        }
    }
}
