import CPlatform
import Storage
import Synchronization

/// Reads of a store by a thread that may wait.
struct StoreContent {
    let store: Store

    /// Transactions that the store says it holds; released when that is durable (I4).
    func count() throws(StorageError) -> UInt64 {
        try waitUntilDurable(
            store.read { Workload.number($0.get(Workload.counterTable, key: Workload.countKey)) }
        )
    }

    func sum() throws(StorageError) -> UInt64 {
        try waitUntilDurable(store.read { Workload.number($0.get(Workload.counterTable, key: Workload.sumKey)) })
    }

    /// All rows of a table in key order, until `visit` returns false. The one place that knows how the store scans.
    func scan(_ table: TableID, _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws(StorageError)
    {
        let pending = store.read { view in
            view.scan(table, from: nil, upTo: nil) { visit($0, $1) }
        }
        try waitUntilDurable(pending)
    }
}

/// Blocks the calling thread. Never from a durability callback.
@discardableResult
func waitUntilDurable<R: Sendable>(_ pending: Pending<R>) throws(StorageError) -> R {
    let arrival = Arrival<Result<R, StorageError>>()
    pending.whenDurable { arrival.put($0) }
    return try arrival.wait().get()
}

/// A value that one thread waits for and another brings, once.
///
/// `@unchecked Sendable`: the semaphore may be used by any thread; its pointer never changes.
final class Arrival<Value: Sendable>: @unchecked Sendable {
    private let value = Mutex<Value?>(nil)
    private let semaphore: OpaquePointer

    init() {
        semaphore = iii_semaphore_create()
    }

    deinit {
        iii_semaphore_destroy(semaphore)
    }

    func put(_ arrived: Value) {
        value.withLock { $0 = arrived }
        iii_semaphore_post(semaphore)
    }

    func wait() -> Value {
        while true {
            _ = iii_semaphore_wait(semaphore, .max)
            if let value = value.withLock({ $0 }) { return value }
        }
    }
}
