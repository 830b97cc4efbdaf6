import DequeModule
import Engine
import Workers

/// The latest events of all groups together, for subscribers that come back: bounded by number, bytes and age.
/// Confined to the event loop.
final class StreamHistory {
    private struct Entry {
        let position: UInt64
        let group: StreamGroup
        let bytes: Int
        let milliseconds: Int64
    }

    private let limits: StreamHistoryLimits
    private let positions: StreamPositions
    private let clock: EngineClock
    private var order: Deque<Entry> = []
    private var groups: [StreamGroup: Deque<StreamEvent>] = [:]
    private var bytes = 0
    /// Events up to here may be gone.
    private(set) var floor: UInt64
    /// Of events that were forgotten since this began.
    private(set) var forgottenBytes = 0
    /// Of the latest event, kept or not.
    private(set) var last: UInt64

    init(limits: StreamHistoryLimits, positions: StreamPositions, clock: EngineClock, floor: UInt64) {
        self.limits = limits
        self.positions = positions
        self.clock = clock
        self.floor = floor
        last = floor
    }

    var isKept: Bool { limits.isKept }

    func append(_ event: StreamEvent) {
        append(event, now: clock.unixMilliseconds())
    }

    /// - Parameter now: Unix time, milliseconds.
    func append(_ event: StreamEvent, now: Int64) {
        precondition(event.position > last, "events come in order")
        last = event.position
        guard limits.isKept else {
            floor = last
            return
        }
        order.append(
            Entry(position: event.position, group: event.group, bytes: event.text.readableBytes, milliseconds: now)
        )
        groups[event.group, default: []].append(event)
        bytes += event.text.readableBytes
        trim(now: now)
    }

    private func trim(now: Int64) {
        while let first = order.first,
            order.count > limits.events || bytes > limits.bytes || now - first.milliseconds > limits.ageMilliseconds
        {
            order.removeFirst()
            bytes -= first.bytes
            forgottenBytes += first.bytes
            floor = first.position
            groups[first.group]?.removeFirst()
            if groups[first.group]?.isEmpty == true { groups[first.group] = nil }
        }
    }

    func text(of position: UInt64) -> String { positions.text(of: position) }

    /// Events of a group, or of one item, after a position as clients keep it.
    ///
    /// - Parameters:
    ///   - bytes: about how much at once; one event at least, if there is any.
    ///   - latest: no position beyond it has been given to anybody.
    func missed(
        since text: String,
        of group: StreamGroup,
        id: String?,
        atMost bytes: Int,
        latest: UInt64
    ) -> StreamMissed {
        guard let position = positions.position(text), position <= latest else { return .unknown }
        guard let page = events(after: position, of: group, id: id, atMost: bytes) else { return .tooOld }
        return .events(page.events, more: page.more)
    }

    /// How many there are behind them too; nil: some of them may be gone.
    private func events(
        after position: UInt64,
        of group: StreamGroup,
        id: String?,
        atMost bytes: Int
    ) -> (events: [StreamEvent], more: Int)? {
        trim(now: clock.unixMilliseconds())
        guard position >= floor else { return nil }
        guard let all = groups[group] else { return ([], 0) }
        let later = all[all.partitioningIndex { $0.position > position }...]
        guard let id else { return later.page(atMost: bytes) }
        return later.filter { $0.id.map(Name.init) == Name(id) }.page(atMost: bytes)
    }
}

extension Collection<StreamEvent> {
    fileprivate func page(atMost limit: Int) -> (events: [StreamEvent], more: Int) {
        var bytes = 0
        let page = prefix { event in
            let isFirst = bytes == 0
            bytes += event.text.readableBytes
            return isFirst || bytes <= limit
        }
        return (Array(page), count - page.count)
    }
}

extension Deque {
    /// The first index whose element satisfies a condition that all later ones satisfy too.
    fileprivate func partitioningIndex(_ isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
