import Engine

/// Missed events go out as fast as the client takes them, and stay in the history until then: however many there are,
/// and however slow the client, they need no memory of its own. Nor does what happens meanwhile.
extension StreamConnection {
    /// About how much is taken from the history at once. The socket has some of these at most, see `isCongested`.
    static let catchUpBytes = 256 << 10

    /// Sends events, of which there are some more in the history.
    func catchUp(_ subscription: StreamSubscription, _ events: [StreamEvent], more: Int) {
        guard socket.isOpen else { return }
        if !events.isEmpty {
            socket.send(frames: StreamFrames.make(events, server.adapter.text(of:)), isUnlimited: true)
        }
        guard more > 0, let last = events.last else {
            _ = subscription.goLive()
            return
        }
        subscription.state = .catchingUp(since: last.position)
        if behind.first !== subscription {
            behind.append(subscription)
            server.later { self.catchUp() }
        }
    }

    /// Goes on until the client has enough to read, or everything; `webSocketDidDrain` is the next occasion.
    func catchUp() {
        while socket.isOpen, !socket.isCongested, let subscription = behind.first {
            // One that was left or replaced meanwhile has no business here any more.
            if has(subscription), case .catchingUp(let position) = subscription.state {
                catchUp(subscription, since: position)
            }
            if has(subscription), case .catchingUp = subscription.state { continue }
            // Sending may have closed the connection, which forgets them all.
            if behind.first === subscription { behind.removeFirst() }
        }
    }

    private func catchUp(_ subscription: StreamSubscription, since position: UInt64) {
        // What is about to be sent comes from the same source and must not come twice.
        server.subscribers.flush()
        let position = server.adapter.text(of: position)
        let limit = Self.catchUpBytes
        switch server.adapter.missed(since: position, of: subscription.group, id: subscription.id, atMost: limit) {
        case .events(let events, let more): catchUp(subscription, events, more: more)
        // Slower than the history forgets. It comes again, and gets a sync.
        case .tooOld, .unknown: closeAsTooSlow()
        }
    }
}
