import DequeModule
import NIOCore

/// The timeouts of all running requests under one timer. They all last equally long, so that the queue is in order of
/// expiry by construction.
///
/// Requests that finish stay in the queue until they outnumber the running ones: O(1) per request, and memory in
/// proportion to what runs.
final class RequestDeadlines {
    private let loop: any EventLoop
    private let timeout: TimeAmount
    private var queue: Deque<HTTPExchange> = []
    private var finished = 0
    private var timer: Scheduled<Void>?

    init(loop: any EventLoop, timeout: TimeAmount) {
        self.loop = loop
        self.timeout = timeout
    }

    var count: Int { queue.count }

    func add(_ exchange: HTTPExchange) {
        exchange.deadline = loop.now + timeout
        queue.append(exchange)
        arm()
    }

    /// Called once for every exchange that was added, when it is done.
    func noteFinished() {
        finished += 1
        guard finished > 64, finished > queue.count / 2 else { return }
        queue.removeAll { $0.isDone }
        finished = 0
    }

    func stop() {
        timer?.cancel()
        timer = nil
        queue.removeAll()
    }

    private func arm() {
        guard timer == nil, let first = queue.first else { return }
        timer = loop.assumeIsolated().scheduleTask(deadline: first.deadline) {
            self.timer = nil
            self.expire()
        }
    }

    private func expire() {
        let now = loop.now
        while let first = queue.first, first.isDone || first.deadline <= now {
            queue.removeFirst()
            // It no longer is in the queue; a timed out one adds itself to the count again.
            finished -= 1
            first.timeOut()
        }
        arm()
    }
}
