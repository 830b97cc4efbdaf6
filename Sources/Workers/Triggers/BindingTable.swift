import Engine

/// The bindings of one trigger type: by trigger id, and by what they listen to in order of registration.
///
/// Adding and removing take constant time on average: a connection with tens of thousands of triggers on one key must
/// not stop the loop when it goes. A removed binding leaves a gap; a list of which more than half is gaps is closed up.
struct BindingTable<Key: Hashable, Binding> {
    private struct Entry {
        let id: Name
        let binding: Binding
    }

    private struct Place {
        let key: Key
        var index: Int
    }

    private struct List {
        var entries: [Entry?] = []
        var gaps = 0
    }

    private var places: [Name: Place] = [:]
    private var lists: [Key: List] = [:]

    var isEmpty: Bool { places.isEmpty }

    func hasBindings(of key: Key) -> Bool { lists[key] != nil }

    /// Adds at the end. The id must be free.
    mutating func insert(_ binding: Binding, id: Name, key: Key) {
        precondition(places[id] == nil, "the trigger has a binding already")
        places[id] = Place(key: key, index: lists[key]?.entries.count ?? 0)
        lists[key, default: List()].entries.append(Entry(id: id, binding: binding))
    }

    mutating func remove(_ id: Name) -> (binding: Binding, key: Key)? {
        guard let place = places.removeValue(forKey: id),
            let entry = lists[place.key]?.entries[place.index]
        else { return nil }
        lists[place.key]?.entries[place.index] = nil
        lists[place.key]?.gaps += 1
        closeGaps(of: place.key)
        return (entry.binding, place.key)
    }

    private mutating func closeGaps(of key: Key) {
        guard let list = lists[key], list.gaps * 2 > list.entries.count else { return }
        let remaining = list.entries.compactMap { $0 }
        guard !remaining.isEmpty else {
            lists[key] = nil
            return
        }
        for (index, entry) in remaining.enumerated() { places[entry.id]?.index = index }
        lists[key] = List(entries: remaining)
    }

    /// Calls `body` with each binding that is there now, in order of registration; it may change the table.
    func forEach(of key: Key, _ body: (Binding) -> Void) {
        guard let list = lists[key] else { return }
        for case let entry? in list.entries { body(entry.binding) }
    }

    /// All bindings, in no order.
    func forEach(_ body: (Binding) -> Void) {
        for list in lists.values {
            for case let entry? in list.entries { body(entry.binding) }
        }
    }
}
