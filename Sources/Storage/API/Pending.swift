/// A result that can't be looked at before everything it rests on is durable (I4).
public struct Pending<R: Sendable>: Sendable {
    private let value: R
    private let gate: DurabilityGate
    private let isRead: Bool
    public let lsn: LSN
    /// What was read is damaged, or could not be read any more: nothing is shown. Beside the value, not in a `Result` with
    /// it, whose type the generic code of `commit` would have to look up for every put.
    private let failure: StorageError?

    init(_ value: R, lsn: LSN, gate: DurabilityGate, isRead: Bool, failure: StorageError? = nil) {
        self.failure = failure
        self.value = value
        self.lsn = lsn
        self.gate = gate
        self.isRead = isRead
    }

    /// Calls back exactly once: in place if already durable and everything before it was delivered, else through
    /// `StorageOptions.deliver`, in LSN order.
    ///
    /// Fails with `durabilityLost`; a read also with `damaged` if the snapshot is, `overloaded` when too many wait already,
    /// `closed` if the store was.
    public func whenDurable(_ body: @escaping @Sendable (Result<R, StorageError>) -> Void) {
        if let failure { return body(.failure(failure)) }
        if gate.isDelivered(lsn, isRead: isRead) { return body(.success(value)) }
        let value = value
        gate.wait(for: lsn, isRead: isRead) { error in
            if let error { body(.failure(error)) } else { body(.success(value)) }
        }
    }

    /// Blocks the calling thread until durable: for programs without an event loop, and for what a program does before
    /// it serves anybody. Waits for the disk only, not for callbacks of others.
    @discardableResult
    public func wait() throws(StorageError) -> R {
        if let failure { throw failure }
        if gate.isDelivered(lsn, isRead: isRead) { return value }
        if let error = gate.block(until: lsn) { throw error }
        return value
    }

    /// Suspends until durable.
    public func durable() async throws(StorageError) -> R {
        if let failure { throw failure }
        if gate.isDelivered(lsn, isRead: isRead) { return value }
        let result: Result<R, StorageError> = await withUnsafeContinuation { continuation in
            whenDurable { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
