/// A result that can't be looked at before everything it rests on is durable (I4).
public struct Pending<R: Sendable>: Sendable {
    /// The failure: what was read is damaged, or could not be read any more. Nothing is shown.
    private let result: Result<R, StorageError>
    private let gate: DurabilityGate
    private let isRead: Bool
    public let lsn: LSN

    init(_ result: Result<R, StorageError>, lsn: LSN, gate: DurabilityGate, isRead: Bool) {
        self.result = result
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
        guard case .success(let value) = result, !gate.isDelivered(lsn, isRead: isRead) else { return body(result) }
        gate.wait(for: lsn, isRead: isRead) { error in
            if let error { body(.failure(error)) } else { body(.success(value)) }
        }
    }

    /// Blocks the calling thread until durable: for programs without an event loop, and for what a program does before
    /// it serves anybody. Waits for the disk only, not for callbacks of others.
    @discardableResult
    public func wait() throws(StorageError) -> R {
        let value = try result.get()
        if gate.isDelivered(lsn, isRead: isRead) { return value }
        if let error = gate.block(until: lsn) { throw error }
        return value
    }

    /// Suspends until durable.
    public func durable() async throws(StorageError) -> R {
        let value = try result.get()
        if gate.isDelivered(lsn, isRead: isRead) { return value }
        let result: Result<R, StorageError> = await withUnsafeContinuation { continuation in
            whenDurable { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
