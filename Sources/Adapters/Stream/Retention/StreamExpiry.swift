import Engine
import HeapModule
import NIOCore
import Workers

/// Finds the groups whose oldest item has reached its age: one timer for the earliest of them, none while nothing is due.
/// Confined to the event loop.
final class StreamExpiry {
    private struct Due: Comparable {
        let milliseconds: Int64
        let group: StreamGroup

        static func < (left: Due, right: Due) -> Bool { left.milliseconds < right.milliseconds }
        static func == (left: Due, right: Due) -> Bool { left.milliseconds == right.milliseconds }
    }

    /// How soon something is tried again that could not be removed.
    static let retryMilliseconds: Int64 = 1000
    /// Longest single wait: a clock that is set meanwhile is noticed by then.
    private static let longestWait: Int64 = 3_600_000

    let age: Int64
    private let loop: any EventLoop
    private let clock: EngineClock
    private var heap = Heap<Due>()
    private var known: Set<StreamGroup> = []
    /// Groups that are being expired, and the creation of the earliest item that came meanwhile.
    private var expiring: [StreamGroup: Int64] = [:]
    private var isStopped = false
    private var timer: Scheduled<Void>?
    /// Removes what is due in a group and calls back with the creation of the oldest item left; nil: none is left.
    var expire: (StreamGroup, _ upTo: Int64, @escaping (Int64?) -> Void) -> Void = { $2(nil) }

    init(age: Int64, loop: any EventLoop, clock: EngineClock) {
        self.age = age
        self.loop = loop
        self.clock = clock
    }

    /// A group has items, the oldest of which was created then. Nothing happens to one that is known.
    func add(_ group: StreamGroup, created: Int64) {
        guard known.insert(group).inserted else {
            if let first = expiring[group] { expiring[group] = min(first, created) }
            return
        }
        push(group, created)
    }

    func stop() {
        isStopped = true
        timer?.cancel()
        timer = nil
        heap = Heap()
    }

    private func push(_ group: StreamGroup, _ created: Int64) {
        guard !isStopped else { return }
        heap.insert(Due(milliseconds: created + age, group: group))
        arm()
    }

    private func arm() {
        timer?.cancel()
        timer = nil
        guard let next = heap.min else { return }
        let wait = min(max(0, next.milliseconds - clock.unixMilliseconds()), Self.longestWait)
        timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
            self.timer = nil
            self.run()
        }
    }

    private func run() {
        let now = clock.unixMilliseconds()
        while let next = heap.min, next.milliseconds <= now {
            heap.removeMin()
            expiring[next.group] = .max
            expire(next.group, now - age) { self.expired(next.group, $0) }
        }
        arm()
    }

    private func expired(_ group: StreamGroup, _ oldest: Int64?) {
        let added = expiring.removeValue(forKey: group) ?? .max
        if let oldest = oldest ?? (added == .max ? nil : added) {
            push(group, oldest)
        } else {
            known.remove(group)
        }
    }
}
