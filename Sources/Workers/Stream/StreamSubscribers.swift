import Engine
import NIOCore

/// Who gets which event. Events of one group and turn of the event loop leave together: each connection gets one write
/// of bytes that all share.
final class StreamSubscribers {
    /// A batch is sent when it has grown to this.
    private static let batchBytes = 64 << 10
    /// Larger events are a batch of their own: their bytes are written as they are, in fragments if need be.
    private static let largeEventBytes = 16 << 10

    private let loop: any EventLoop
    private let adapter: any StreamAdapter
    private var groups: [StreamGroup: GroupSubscribers] = [:]
    private var batch: StreamBatch?
    private var isFlushScheduled = false
    private(set) var count = 0

    init(loop: any EventLoop, adapter: any StreamAdapter) {
        self.loop = loop
        self.adapter = adapter
    }

    func add(_ subscription: StreamSubscription) {
        flush()
        count += 1
        let group = groups[subscription.group] ?? GroupSubscribers()
        group.add(subscription)
        groups[subscription.group] = group
    }

    func remove(_ subscription: StreamSubscription) {
        flush()
        guard let group = groups[subscription.group] else { return }
        count -= 1
        group.remove(subscription)
        if group.isEmpty { groups[subscription.group] = nil }
    }

    /// Events reach each connection in the order of the calls.
    func deliver(_ event: StreamEvent) {
        guard let group = groups[event.group] else { return }
        let item = event.id.flatMap { group.items[Name($0)] == nil ? nil : Name($0) }
        if let open = batch, !open.takes(group, item) { flush() }
        let current = batch ?? StreamBatch(group, item)
        batch = current
        current.append(event)
        if current.bytes >= Self.batchBytes || event.text.readableBytes >= Self.largeEventBytes {
            flush()
        } else {
            scheduleFlush()
        }
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    /// Sends what waits to be sent together. Before a subscription changes, so that it gets what it must and no more.
    func flush() {
        guard let batch else { return }
        self.batch = nil
        batch.send(text: adapter.text(of:))
    }
}

/// Events that the same subscriptions get.
private final class StreamBatch {
    private let group: GroupSubscribers
    private let item: Name?
    private var events: [StreamEvent] = []
    private(set) var bytes = 0

    init(_ group: GroupSubscribers, _ item: Name?) {
        self.group = group
        self.item = item
    }

    func takes(_ group: GroupSubscribers, _ item: Name?) -> Bool {
        self.group === group && self.item == item
    }

    func append(_ event: StreamEvent) {
        events.append(event)
        bytes += event.text.readableBytes
    }

    func send(text: @escaping (UInt64) -> String) {
        var plain: [ByteBuffer]?
        var positioned: [ByteBuffer]?
        // A copy: a connection that is closed while it is being told leaves the lists.
        for subscription in group.matching(item) {
            guard case .live = subscription.state else {
                subscription.hold(events)
                continue
            }
            let frames: [ByteBuffer]
            if subscription.isResumable {
                frames = positioned ?? StreamFrames.make(events, text)
                positioned = frames
            } else {
                frames = plain ?? StreamFrames.make(events, nil)
                plain = frames
            }
            subscription.connection.send(frames)
        }
    }
}

/// Events as WebSocket frames that many sockets share.
enum StreamFrames {
    /// - Parameter text: of a position, for clients that asked for them; nil for the others.
    static func make(_ events: [StreamEvent], _ text: ((UInt64) -> String)?) -> [ByteBuffer] {
        let messages = events.map { event in
            SharedFrames.text(
                text.map { StreamMessage.adding(position: $0(event.position), to: event.text) } ?? event.text
            )
        }
        if messages.count == 1 { return messages[0] }
        guard messages.allSatisfy({ $0.count == 1 }) else { return messages.flatMap(\.self) }
        var joined = ByteBuffer()
        joined.reserveCapacity(messages.reduce(0) { $0 + $1[0].readableBytes })
        for message in messages { joined.writeImmutableBuffer(message[0]) }
        return [joined]
    }
}

/// The subscriptions of one group. Order among them means nothing, so that removing one costs the same however many
/// there are.
private final class GroupSubscribers {
    private(set) var whole: [StreamSubscription] = []
    private(set) var items: [Name: [StreamSubscription]] = [:]

    var isEmpty: Bool { whole.isEmpty && items.isEmpty }

    func add(_ subscription: StreamSubscription) {
        guard let id = subscription.id else { return Self.append(subscription, to: &whole) }
        Self.append(subscription, to: &items[Name(id), default: []])
    }

    func remove(_ subscription: StreamSubscription) {
        guard let id = subscription.id else { return Self.remove(subscription, from: &whole) }
        Self.remove(subscription, from: &items[Name(id), default: []])
        if items[Name(id)]?.isEmpty == true { items[Name(id)] = nil }
    }

    func matching(_ item: Name?) -> [StreamSubscription] {
        guard let item, let some = items[item] else { return whole }
        return whole + some
    }

    private static func append(_ subscription: StreamSubscription, to list: inout [StreamSubscription]) {
        subscription.index = list.count
        list.append(subscription)
    }

    private static func remove(_ subscription: StreamSubscription, from list: inout [StreamSubscription]) {
        let index = subscription.index
        guard list.indices.contains(index), list[index] === subscription else { return }
        list.swapAt(index, list.count - 1)
        list[index].index = index
        list.removeLast()
    }
}
