import BenchKit
import CBench
import Storage

/// Reads row after row by one thread, each in a read transaction of its own.
///
/// `@unchecked Sendable`: everything it reads is durable, so its callbacks run in place, on its own thread.
final class Reader: @unchecked Sendable {
    private let store: Store
    private var sum = 0
    private var found = 0
    private var copied: @Sendable (Result<Bytes?, StorageError>) -> Void = { _ in }
    private var looked: @Sendable (Result<UInt8?, StorageError>) -> Void = { _ in }

    init(_ store: StoreUnderTest) {
        self.store = store.store
        copied = { [unowned self] result in if case .success(let value?) = result { saw(value.first) } }
        looked = { [unowned self] result in if case .success(let byte) = result { saw(byte) } }
    }

    private func saw(_ byte: UInt8?) {
        guard let byte else { return }
        sum &+= Int(byte)
        found += 1
    }

    /// One get; the value is handed out as an array. False: no such row.
    func readCopied(_ number: UInt64) -> Bool {
        let before = found
        let key = makeKey(number)
        store.read { $0.get(StoreUnderTest.table, key: key) }.whenDurable(copied)
        return found > before
    }

    /// One look at the first row at or after a key, where it lies.
    func readInPlace(_ number: UInt64) -> Bool {
        let before = found
        let key = makeKey(number)
        store.read { StoreUnderTest.firstByte($0, key) }.whenDurable(looked)
        return found > before
    }

    /// Random rows for a slice.
    func run(rows: UInt64, copies: Bool, _ slice: Slice) throws -> LoadResult {
        var random = slice.seed
        let latencies = Histogram()
        let start = monotonicNanoseconds()
        var now = start
        while now - start < slice.windowNanoseconds {
            let number = cbench_random(&random) % rows
            guard copies ? readCopied(number) : readInPlace(number) else { throw BenchError("no row \(number)") }
            let after = monotonicNanoseconds()
            latencies.record(after - now)
            now = after
        }
        let seconds = Double(now - start) / 1e9
        return LoadResult(operations: latencies.count, seconds: seconds, latencies: latencies)
    }
}
