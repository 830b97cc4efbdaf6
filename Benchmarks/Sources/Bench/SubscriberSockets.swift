import BenchKit
import CBench
import Glibc

/// Many sockets that only receive, and the writer's own: one thread reads whichever has something and counts bytes.
///
/// What the subscribers get is thrown away by the kernel uncopied (`MSG_TRUNC`), so that the generator needs a fraction
/// of what the server needs; `FanOut` makes sure that it was all there.
final class SubscriberSockets {
    /// Taken from one socket at once.
    private static let readBytes = 1 << 20
    private static let eventsPerPoll = 256

    let descriptors: [Int32]
    /// Bytes of each subscriber since `startCounting`.
    private(set) var received: [Int]
    private(set) var total = 0
    private let queue: Int32
    private let writer: Int32?
    private let onAnswer: () throws -> Void
    private var ready = [epoll_event](repeating: epoll_event(), count: eventsPerPoll)

    /// - Parameters:
    ///   - descriptors: connected sockets, closed by this object.
    ///   - writer: a socket that isn't counted; `onAnswer` reads it when it has something.
    init(_ descriptors: [Int32], writer: Int32? = nil, onAnswer: @escaping () throws -> Void = {}) throws {
        self.descriptors = descriptors
        self.writer = writer
        self.onAnswer = onAnswer
        received = [Int](repeating: 0, count: descriptors.count)
        queue = epoll_create1(0)
        guard queue >= 0 else { throw BenchError("no epoll: errno \(errno)") }
        for (index, descriptor) in descriptors.enumerated() { try add(descriptor, index) }
        if let writer { try add(writer, descriptors.count) }
    }

    deinit {
        close(queue)
        closeAll()
    }

    private var isClosed = false

    func closeAll() {
        guard !isClosed else { return }
        isClosed = true
        for descriptor in descriptors { close(descriptor) }
        if let writer { close(writer) }
    }

    private func add(_ descriptor: Int32, _ index: Int) throws {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u32 = UInt32(index)
        guard epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw BenchError("can't watch a socket: errno \(errno)")
        }
    }

    func startCounting() {
        total = 0
        for index in received.indices { received[index] = 0 }
    }

    /// Reads once from each socket that has something, at most some hundreds of them; waits for the first.
    func poll(milliseconds: Int32) throws {
        let count = epoll_wait(queue, &ready, Int32(ready.count), milliseconds)
        guard count >= 0 || errno == EINTR else { throw BenchError("epoll_wait failed: errno \(errno)") }
        for slot in 0..<Int(max(0, count)) {
            let index = Int(ready[slot].data.u32)
            if index < descriptors.count { try discard(index) } else { try onAnswer() }
        }
    }

    private func discard(_ index: Int) throws {
        let count = recv(descriptors[index], nil, Self.readBytes, Int32(MSG_TRUNC) | Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { throw BenchError("a subscriber lost its connection: errno \(count < 0 ? errno : 0)") }
        received[index] += count
        total += count
    }
}
