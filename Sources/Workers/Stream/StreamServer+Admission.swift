import Engine
import Logging
import NIOCore
import NIOHTTP1

/// Who may connect (stream.md §6.1, §6.2).
extension StreamServer: WebSocketService {
    func admit(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Handshake> {
        if let mistake = mistake(in: head) { return engine.loop.makeSucceededFuture(.refused(mistake)) }
        guard let function = configuration.authFunction else {
            return engine.loop.makeSucceededFuture(.accepted(Self.headers(for: head)))
        }
        let promise = engine.loop.makePromise(of: Handshake.self)
        let request = StreamAuthentication(head, peer: channel.remoteAddress)
        let once = AnswerOnce(engine.loop, after: StreamAuthentication.timeout) { outcome in
            promise.succeed(self.judge(outcome, function, head, channel))
        }
        engine.invoke(function, data: request.json, reply: once.answer)
        return promise.futureResult
    }

    /// A function that fails or isn't there refuses (Better); one that answers, admits.
    private func judge(
        _ outcome: InvocationOutcome,
        _ function: String,
        _ head: HTTPRequestHead,
        _ channel: any Channel
    ) -> Handshake {
        switch outcome {
        case .failure(let error):
            logger.error(
                "stream client refused: the auth function failed",
                metadata: ["function": "\(function)", "error": "\(error)"]
            )
            return .refused(.init(.unauthorized, "Unauthorized"))
        case .success(let value):
            remember(context(value, function), for: channel)
            return .accepted(Self.headers(for: head))
        }
    }

    private func context(_ value: RawJSON?, _ function: String) -> RawJSON {
        guard let value, !value.isNull else { return .null }
        guard let object = (try? value.parse())?.object else {
            logger.error(
                "the auth function of streams returned no object: admitted without context",
                metadata: ["function": "\(function)"]
            )
            return .null
        }
        return object["context"].map { RawJSON($0) } ?? .null
    }

    private func remember(_ context: RawJSON, for channel: any Channel) {
        let id = ObjectIdentifier(channel)
        admitted[id] = context
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.admitted[id] = nil }
    }

    /// Browsers that ask for a subprotocol fail unless one is chosen (Better).
    private static func headers(for head: HTTPRequestHead) -> HTTPHeaders {
        guard let first = head.headers[canonicalForm: "sec-websocket-protocol"].first else { return [:] }
        return ["sec-websocket-protocol": String(first)]
    }

    /// What NIO's handshake doesn't look at; nil: nothing is wrong.
    private func mistake(in head: HTTPRequestHead) -> Handshake.Refusal? {
        guard head.path == "/" || head.path.isEmpty else { return .init(.notFound) }
        guard head.method == .GET else { return .methodNotAllowed }
        guard head.names("upgrade", in: "connection") else {
            return .init(.badRequest, "Connection header did not include 'upgrade'")
        }
        return nil
    }

    func refusal(of head: HTTPRequestHead) -> Handshake.Refusal {
        if let mistake = mistake(in: head) { return mistake }
        guard head.names("websocket", in: "upgrade") else {
            return .init(.badRequest, "`Upgrade` header did not include 'websocket'")
        }
        guard head.headers.contains(name: "sec-websocket-key") else {
            return .init(.badRequest, "`Sec-WebSocket-Key` header missing")
        }
        return .init(.badRequest, "`Sec-WebSocket-Version` header did not include '13'")
    }

    func attach(_ channel: any Channel, _ head: HTTPRequestHead) throws {
        let limits = configuration.limits
        let socket = WebSocketHandler(
            engine: engine,
            budget: budget,
            queueLimit: .init(bytes: limits.connectionQueueBytes, overflow: .close(code: Self.tooSlow))
        )
        let context = admitted.removeValue(forKey: ObjectIdentifier(channel)) ?? .null
        let connection = StreamConnection(socket, authContext: context, server: self)
        socket.delegate = connection
        add(connection)
        try channel.pipeline.syncOperations.addHandler(socket)
    }
}

extension HTTPRequestHead {
    fileprivate func names(_ token: String, in header: String) -> Bool {
        headers[canonicalForm: header].contains { $0.lowercased() == token }
    }
}
