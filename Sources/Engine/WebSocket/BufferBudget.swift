/// Bytes that all sockets of the engine hold together: messages that are still arriving and messages that wait to be
/// sent. Each socket has limits of its own; this one keeps their sum from exhausting the machine.
///
/// Confined to the event loop.
final class BufferBudget {
    /// 1 GiB.
    static let defaultLimitBytes = 1 << 30

    let limitBytes: Int
    private(set) var usedBytes = 0

    init(limitBytes: Int = defaultLimitBytes) {
        self.limitBytes = limitBytes
    }

    /// Accounts a change of what one socket holds. False when growth exceeds the budget; it is accounted all the same,
    /// and the socket is expected to be dropped.
    func change(from old: Int, to new: Int) -> Bool {
        usedBytes += new - old
        return new <= old || usedBytes <= limitBytes
    }
}
