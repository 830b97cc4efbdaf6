/// Bytes that all sockets of the engine hold together: messages that are still arriving and messages that wait to be
/// sent. Each socket has limits of its own; this one keeps their sum from exhausting the machine.
///
/// Confined to the event loop.
package final class BufferBudget {
    /// 1 GiB.
    package static let defaultLimitBytes = 1 << 30

    package let limitBytes: Int
    package private(set) var usedBytes = 0
    /// Makes room, soon, in place of dropping the socket that grew: for an owner who knows which one to close.
    package var onExceeded: (() -> Void)?

    package var isExceeded: Bool { usedBytes > limitBytes }

    package init(limitBytes: Int = defaultLimitBytes) {
        self.limitBytes = limitBytes
    }

    /// Accounts a change of what one socket holds. False when growth exceeds the budget; it is accounted all the same,
    /// and the socket is expected to be dropped.
    func change(from old: Int, to new: Int) -> Bool {
        usedBytes += new - old
        return new <= old || !isExceeded
    }
}
