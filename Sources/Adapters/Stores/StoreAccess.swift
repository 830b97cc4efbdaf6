import DequeModule
import Engine
import NIOCore
import Storage
import Workers

/// A worker's way to its store: operations take effect in call order, and every completion means that the result is on
/// disk (storage.md I1, I4). Confined to the event loop.
final class StoreAccess {
    typealias Completion<Value> = (Result<Value, AdapterError>) -> Void

    let shared: SharedStore
    let loop: any EventLoop
    /// Operations that arrived while the store had too much waiting for the disk. Their sum is bounded by what callers
    /// may have in flight (`WorkerConnection.Limits`); beyond `maximumWaiting` they fail as `overloaded`.
    private var waiting: Deque<() -> Void> = []
    private static let maximumWaiting = 262_144
    private var isResuming = false

    var store: Store { shared.store }

    init(_ shared: SharedStore, loop: any EventLoop) {
        self.shared = shared
        self.loop = loop
    }

    /// The completion also gets the transaction's position in the log.
    ///
    /// - Parameter sparing: in place of `body` when the disk or a transaction has no room for that one.
    func commit<R: Sendable>(
        _ completion: @escaping Completion<(R, lsn: UInt64)>,
        sparing: ((inout Transaction) throws -> R)? = nil,
        _ body: @escaping (inout Transaction) throws -> R
    ) {
        guard !postpone(completion, { self.commit(completion, sparing: sparing, body) }) else { return }
        do {
            let pending = try commit(body, sparing)
            let lsn = pending.lsn.rawValue
            deliver(pending) { completion($0.map { ($0, lsn) }) }
        } catch {
            completion(.failure(AdapterError("\(error)")))
        }
    }

    private func commit<R: Sendable>(
        _ body: (inout Transaction) throws -> R,
        _ sparing: ((inout Transaction) throws -> R)?
    ) throws -> Pending<R> {
        guard let sparing else { return try store.commit(body) }
        if store.isLowSpace { return try store.commit(sparing) }
        do {
            return try store.commit(body)
        } catch let error as StorageError where error.code == .lowSpace || error.code == .tooLarge {
            return try store.commit(sparing)
        }
    }

    func read<R: Sendable>(_ completion: @escaping Completion<R>, _ body: @escaping (borrowing ReadView) -> R) {
        guard !postpone(completion, { self.read(completion, body) }) else { return }
        deliver(store.read(body), to: completion)
    }

    /// Keeps an operation for later while the store is saturated or others wait already: order is kept.
    private func postpone<R>(_ completion: @escaping Completion<R>, _ operation: @escaping () -> Void) -> Bool {
        guard !isResuming, store.isSaturated || !waiting.isEmpty else { return false }
        guard waiting.count < Self.maximumWaiting else {
            completion(.failure(AdapterError("overloaded: too many operations wait for the disk; retry later")))
            return true
        }
        waiting.append(operation)
        if waiting.count == 1 { resumeWhenUnsaturated() }
        return true
    }

    private func resumeWhenUnsaturated() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        store.whenUnsaturated { [loop] in loop.execute { bound.value.resume() } }
    }

    private func resume() {
        isResuming = true
        while !store.isSaturated, let operation = waiting.popFirst() { operation() }
        isResuming = false
        if !waiting.isEmpty { resumeWhenUnsaturated() }
    }

    /// The store calls back on the loop (`StorageOptions.deliver`), or in place when already durable.
    private func deliver<R: Sendable>(_ pending: Pending<R>, to completion: @escaping Completion<R>) {
        let completion = NIOLoopBound(completion, eventLoop: loop)
        pending.whenDurable { result in
            completion.value(result.mapError { AdapterError("\($0)") })
        }
    }
}
