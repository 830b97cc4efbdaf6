import NIOCore

/// Something with bytes written but not yet flushed.
package protocol Flushable: AnyObject {
    func flushNow()
}

/// One flush per connection and turn of the event loop: everything that a read burst or one log sync releases for a
/// connection leaves in one system call.
///
/// Confined to `loop`.
package final class FlushScheduler {
    private let loop: any EventLoop
    private var dirty: [any Flushable] = []
    private var isScheduled = false

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// The caller marks itself at most once until its `flushNow` is called.
    package func mark(_ connection: any Flushable) {
        dirty.append(connection)
        guard !isScheduled else { return }
        isScheduled = true
        loop.assumeIsolated().execute { self.flushAll() }
    }

    private func flushAll() {
        isScheduled = false
        let connections = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in connections { connection.flushNow() }
    }
}
