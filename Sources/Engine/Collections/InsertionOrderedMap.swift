/// A dictionary that keeps the order of insertion; a value that is replaced keeps its place.
///
/// Each operation takes constant time on average, removing the first element among them, where `OrderedDictionary` moves
/// all others. A removed element leaves a gap; when more than half of the places are gaps, they are closed up.
package struct InsertionOrderedMap<Key: Hashable, Value> {
    package typealias Element = (key: Key, value: Value)

    private var places: [Key: Int] = [:]
    private var elements: [Element?] = []
    /// There are gaps only before here.
    private var start = 0

    package init() {}

    package var count: Int { places.count }
    package var isEmpty: Bool { places.isEmpty }
    package var first: Element? { isEmpty ? nil : elements[start] }

    package subscript(key: Key) -> Value? {
        places[key].flatMap { elements[$0]?.value }
    }

    /// Returns what the key had before.
    @discardableResult
    package mutating func updateValue(_ value: Value, forKey key: Key) -> Value? {
        guard let place = places[key] else {
            places[key] = elements.count
            elements.append((key, value))
            return nil
        }
        let old = elements[place]?.value
        elements[place]?.value = value
        return old
    }

    package mutating func removeValue(forKey key: Key) -> Value? {
        guard let place = places.removeValue(forKey: key), let removed = elements[place] else { return nil }
        elements[place] = nil
        closeGaps()
        return removed.value
    }

    private mutating func closeGaps() {
        if places.count * 2 < elements.count {
            elements = elements.filter { $0 != nil }
            for (place, element) in elements.enumerated() {
                if let key = element?.key { places[key] = place }
            }
            start = 0
        }
        // Each place is passed once until they are closed up.
        while start < elements.count, elements[start] == nil { start += 1 }
    }
}

extension InsertionOrderedMap: Sequence {
    package func makeIterator() -> some IteratorProtocol<Element> {
        elements[start...].lazy.compactMap { $0 }.makeIterator()
    }
}

extension InsertionOrderedMap: Sendable where Key: Sendable, Value: Sendable {}
