import Engine
import Workers

/// The items of one group in memory, in insertion order.
struct MemoryGroup {
    struct Item {
        var value: RawJSON
        /// Unix time, milliseconds.
        var created: Int64
    }

    private(set) var items = InsertionOrderedMap<Name, Item>()
    private var bytes = 0

    var isEmpty: Bool { items.isEmpty }
    var oldestCreation: Int64? { items.first?.value.created }

    subscript(id: String) -> RawJSON? { items[Name(id)]?.value }

    mutating func set(_ id: String, _ value: RawJSON, now: Int64) -> RawJSON? {
        let old = items[Name(id)]
        items.updateValue(Item(value: value, created: old?.created ?? now), forKey: Name(id))
        bytes += value.count - (old?.value.count ?? 0)
        return old?.value
    }

    mutating func remove(_ id: String) -> RawJSON? {
        guard let old = items.removeValue(forKey: Name(id)) else { return nil }
        bytes -= old.value.count
        return old.value
    }

    /// Ids of the oldest items beyond the limits.
    func excess(_ retention: StreamRetention, keeping id: String) -> [String] {
        retention.excess(items: items.count, bytes: bytes, keeping: id) { visit in
            for (name, item) in items where !visit(name.string, item.value.count) { return }
        }
    }

    func expired(upTo: Int64) -> [String] {
        items.prefix { $0.value.created <= upTo }.map(\.key.string)
    }
}
