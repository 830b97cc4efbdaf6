import BenchKit
import CBench
import Storage

/// Lanes that use one store alike.
struct LaneGroup: Sendable {
    /// Commits one transaction; the seed of the lane's random numbers goes in and out.
    typealias Operation = @Sendable (inout UInt64) throws -> Pending<Void>

    let store: Store
    let lanes: Int
    let operation: Operation
}

extension LaneGroup {
    /// Durable puts of random keys by so many lanes. Key and value are made for each put, as the peers copy theirs.
    static func puts(_ store: StoreUnderTest, lanes: Int, keySpace: Int = StorageBench.keySpace) -> LaneGroup {
        let keys = UInt64(keySpace)
        nonisolated(unsafe) let text = cbench_text()
        return LaneGroup(store: store.store, lanes: lanes) { random in
            guard let text else { throw BenchError("no text") }
            let number = cbench_random(&random)
            return try store.put(makeKey(number % keys), makeValue(text, number, StorageBench.valueBytes))
        }
    }

    /// One group of all lanes of groups that share a store: lane after lane takes one of their operations.
    static func joined(_ groups: [LaneGroup]) -> LaneGroup {
        let operations = groups.map(\.operation)
        return LaneGroup(store: groups[0].store, lanes: groups.reduce(0) { $0 + $1.lanes }) { random in
            try operations[Int(random % UInt64(operations.count))](&random)
        }
    }
}
