import DequeModule
import Engine
import NIOCore

/// One client of port 3112. Its frames take effect one at a time, including what they wait for: guards, leave triggers,
/// the sync (stream.md §6.3).
final class StreamConnection {
    /// What the auth function returned; null without one.
    let authContext: RawJSON
    let socket: WebSocketHandler
    unowned let server: StreamServer
    private var subscriptions: [Name: StreamSubscription] = [:]
    /// Subscriptions that missed more than was sent yet, the first of them next.
    var behind: Deque<StreamSubscription> = []
    /// Its leave triggers are running.
    private var leaving: StreamSubscription?
    private var isBusy = false
    private var isClosed = false

    init(_ socket: WebSocketHandler, authContext: RawJSON, server: StreamServer) {
        self.socket = socket
        self.authContext = authContext
        self.server = server
    }

    /// Most bytes that may wait for this client.
    var queueBytes: Int { server.configuration.limits.connectionQueueBytes }

    func has(_ subscription: StreamSubscription) -> Bool {
        subscriptions[Name(subscription.subscriptionID)] === subscription
    }

    func send(_ frames: [ByteBuffer]) {
        socket.send(frames: frames)
    }

    func closeAsTooSlow() {
        socket.close(code: StreamServer.tooSlow, reason: "too slow")
    }

    // MARK: Frames

    /// One frame is being handled; the ones behind it wait in the socket.
    private func begin() {
        isBusy = true
        socket.holdFrames()
    }

    /// Never called while the socket hands a frame over: everything that frames wait for takes a turn of the loop.
    private func end() {
        isBusy = false
        guard !isClosed else { return }
        socket.releaseFrames()
    }

    private func handle(_ text: ByteBuffer) {
        guard text.readableBytes <= server.configuration.limits.frameBytes, let frame = StreamClientFrame(text) else {
            return server.noteIgnoredFrame(text)
        }
        begin()
        switch frame {
        case .join(let join): self.join(join)
        case .leave(let subscription): leave(subscription)
        }
    }

    // MARK: Join

    private func join(_ join: StreamClientFrame.Join) {
        let wanted = join.subscription
        if let reason = refusal(of: wanted) {
            sendUnauthorized(wanted, reason: reason)
            return server.later { self.end() }
        }
        let membership = StreamMembership(
            subscriptionID: wanted.subscriptionID,
            group: wanted.group,
            id: wanted.id,
            context: authContext
        )
        server.membership.join(membership) { decision in
            guard !self.isClosed else {
                // The guards have let somebody in who is gone.
                if self.refusal(by: decision) == nil { self.server.membership.leave(membership) {} }
                return
            }
            if let reason = self.refusal(by: decision) {
                self.sendUnauthorized(wanted, reason: reason.isEmpty ? nil : reason)
                return self.server.later { self.end() }
            }
            self.subscribe(join)
        }
    }

    /// Empty: without a reason, as upstream says it. nil: admitted.
    private func refusal(by decision: StreamMembershipTriggers.Decision) -> String? {
        switch decision {
        case .admitted: nil
        case .refused: ""
        case .failed(let reason): server.configuration.admitsOnGuardError ? nil : reason
        }
    }

    private func refusal(of wanted: StreamClientFrame.Subscription) -> String? {
        let limits = server.configuration.limits
        if let error = limits.refusal(of: wanted.names) { return error.message }
        guard subscriptions[Name(wanted.subscriptionID)] == nil else { return nil }
        if subscriptions.count >= limits.subscriptionsPerConnection {
            return "the connection already has \(limits.subscriptionsPerConnection) subscriptions"
        }
        if server.subscribers.count >= limits.subscriptions {
            return "the engine already has \(limits.subscriptions) subscriptions"
        }
        return nil
    }

    private func sendUnauthorized(_ wanted: StreamClientFrame.Subscription, reason: String?) {
        let text = StreamMessage.text(wanted.group, id: wanted.id, timestamp: server.engine.nowMilliseconds) {
            $0.writeStaticString("{\"type\":\"unauthorized\"")
            if let reason {
                $0.writeStaticString(",\"reason\":")
                $0.writeJSONString(reason)
            }
            $0.writeStaticString("}")
        }
        send(SharedFrames.text(text))
    }

    private func subscribe(_ join: StreamClientFrame.Join) {
        // It may close this connection.
        server.subscribers.flush()
        guard !isClosed else { return }
        let subscription = StreamSubscription(
            join.subscription,
            isResumable: join.resume != nil,
            connection: self
        )
        // One that is replaced isn't left.
        if let replaced = subscriptions.updateValue(subscription, forKey: Name(subscription.subscriptionID)) {
            server.subscribers.remove(replaced)
        }
        server.subscribers.add(subscription)
        StreamSync(subscription, server: server).begin(join.resume) { self.server.later { self.end() } }
    }

    // MARK: Leave

    private func leave(_ wanted: StreamClientFrame.Subscription) {
        let subscription = subscriptions[Name(wanted.subscriptionID)]
        leaving = subscription
        let membership =
            subscription?.membership
            ?? StreamMembership(
                subscriptionID: wanted.subscriptionID,
                group: wanted.group,
                id: wanted.id,
                context: authContext
            )
        server.membership.leave(membership) {
            self.leaving = nil
            if let subscription, self.subscriptions[Name(wanted.subscriptionID)] === subscription {
                self.subscriptions[Name(wanted.subscriptionID)] = nil
                self.server.subscribers.remove(subscription)
            }
            self.server.later { self.end() }
        }
    }

    /// Whatever ended the connection: nothing is delivered any more, and each subscription is left.
    private func close() {
        guard !isClosed else { return }
        isClosed = true
        let left = subscriptions.values.sorted { Name($0.subscriptionID) < Name($1.subscriptionID) }
        subscriptions = [:]
        behind = []
        for subscription in left { server.subscribers.remove(subscription) }
        // One that is being left already is not left twice.
        leave(left.filter { $0 !== leaving }.map(\.membership)[...])
    }

    private func leave(_ remaining: ArraySlice<StreamMembership>) {
        guard let membership = remaining.first else { return server.didClose(self) }
        server.membership.leave(membership) {
            self.server.later { self.leave(remaining.dropFirst()) }
        }
    }
}

extension StreamConnection: WebSocketDelegate {
    func webSocket(_ socket: WebSocketHandler, didReceiveText text: ByteBuffer) {
        guard !isClosed, !isBusy else { return }
        handle(text)
    }

    func webSocket(_ socket: WebSocketHandler, didReceiveBinary data: ByteBuffer) {
        guard !isClosed, !isBusy else { return }
        handle(data)
    }

    /// In a turn of its own: it may be told while frames are handed over.
    func webSocketDidDrain(_ socket: WebSocketHandler) {
        guard !behind.isEmpty else { return }
        server.later { self.catchUp() }
    }

    func webSocketDidClose(_ socket: WebSocketHandler, reason: String) {
        server.noteClosed(self, reason: reason)
        close()
    }
}
