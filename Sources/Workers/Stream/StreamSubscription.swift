import Engine
import NIOCore

/// One subscription of one connection.
final class StreamSubscription {
    enum State {
        /// Its sync is being read: events wait.
        case syncing(held: [StreamEvent], bytes: Int)
        /// Missed events are being sent, up to this position so far. What happens meanwhile is read like them.
        case catchingUp(since: UInt64)
        case live
    }

    let subscriptionID: String
    let group: StreamGroup
    /// One item; nil: the whole group.
    let id: String?
    /// Every frame carries a position.
    let isResumable: Bool
    /// The connection forgets its subscriptions when it is closed.
    let connection: StreamConnection
    var state = State.syncing(held: [], bytes: 0)
    /// Where it stands in its list of `StreamSubscribers`.
    var index = 0

    init(_ subscription: StreamClientFrame.Subscription, isResumable: Bool, connection: StreamConnection) {
        subscriptionID = subscription.subscriptionID
        group = subscription.group
        id = subscription.id
        self.isResumable = isResumable
        self.connection = connection
    }

    var membership: StreamMembership {
        StreamMembership(subscriptionID: subscriptionID, group: group, id: id, context: connection.authContext)
    }

    /// Keeps events until the sync has been sent; who catches up gets them from the history. What a client may keep
    /// waiting is bounded like its queue.
    func hold(_ events: [StreamEvent]) {
        guard case .syncing(var held, var bytes) = state else { return }
        state = .live
        held.append(contentsOf: events)
        bytes += events.reduce(0) { $0 + $1.text.readableBytes }
        state = .syncing(held: held, bytes: bytes)
        if bytes > connection.queueBytes { connection.closeAsTooSlow() }
    }

    /// Ends the sync, and returns the events that came meanwhile.
    func goLive() -> [StreamEvent] {
        defer { state = .live }
        guard case .syncing(let held, _) = state else { return [] }
        return held
    }
}
