import BenchKit
import CBench
import Dispatch
import Glibc
import Storage
import Synchronization

/// Building large stores: in key order, in large transactions, at most so many of them not yet durable.
extension StoreUnderTest {
    private static let transactionBytes = 2 << 20
    private static let transactionsInFlight = 4
    private static let patienceSeconds = 3
    private static let refusalPauseMilliseconds = 5

    /// Puts keys 0..<count; durable when it returns.
    func fill(count: UInt64, valueBytes: Int) throws {
        let slots = DispatchSemaphore(value: Self.transactionsInFlight)
        let failure = Mutex<StorageError?>(nil)
        let rows = UInt64(max(1, Self.transactionBytes / (valueBytes + 8)))
        for first in stride(from: 0, to: count, by: Int(rows)) {
            slots.wait()
            let pending = try putRange(first..<min(first + rows, count), valueBytes)
            pending.whenDurable { result in
                if case .failure(let error) = result { failure.withLock { $0 = error } }
                slots.signal()
            }
            if let error = failure.withLock({ $0 }) { throw error }
        }
        for _ in 0..<Self.transactionsInFlight { slots.wait() }
        for _ in 0..<Self.transactionsInFlight { slots.signal() }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// One transaction, durable when it returns.
    func put(range: Range<UInt64>, valueBytes: Int) throws {
        try wait(try store.commit { transaction in
            guard let text = cbench_text() else { return }
            for number in range {
                transaction.put(Self.table, key: makeKey(number), value: makeValue(text, number, valueBytes))
            }
        })
    }

    /// Removes a range of keys; durable when it returns.
    func trim(_ range: Range<UInt64>) throws {
        try wait(
            try store.commit {
                $0.trim(Self.table, from: makeKey(range.lowerBound), upTo: makeKey(range.upperBound))
            }
        )
    }

    /// Throws `.lowSpace` if it isn't durable after a while: what was committed just before the disk was full waits for
    /// room, which is as good as a refusal here.
    private func wait(_ pending: Pending<Void>) throws {
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<StorageError?>(nil)
        pending.whenDurable { result in
            if case .failure(let error) = result { failure.withLock { $0 = error } }
            done.signal()
        }
        guard done.wait(timeout: .now() + .seconds(Self.patienceSeconds)) == .success else {
            throw StorageError(.lowSpace, "not durable after \(Self.patienceSeconds) s")
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Waits while the store refuses for want of room in memory: its checkpoint is behind.
    private func putRange(_ range: Range<UInt64>, _ valueBytes: Int) throws -> Pending<Void> {
        guard let text = cbench_text() else { throw BenchError("no text") }
        while true {
            do {
                return try store.commit { transaction in
                    for number in range {
                        let value = makeValue(text, number, valueBytes)
                        transaction.put(Self.table, key: makeKey(number), value: value)
                    }
                }
            } catch let error as StorageError where error.code == .overloaded {
                sleep(milliseconds: Self.refusalPauseMilliseconds)
            }
        }
    }
}
