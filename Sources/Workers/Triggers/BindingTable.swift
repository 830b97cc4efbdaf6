import Engine

/// The bindings of one trigger type: by trigger id, and by what they listen to in order of registration.
///
/// Adding and removing take constant time on average: a connection with tens of thousands of triggers on one key must
/// not stop the loop when it goes.
struct BindingTable<Key: Hashable, Binding> {
    private var keys: [Name: Key] = [:]
    private var lists: [Key: InsertionOrderedMap<Name, Binding>] = [:]

    var isEmpty: Bool { keys.isEmpty }

    func hasBindings(of key: Key) -> Bool { lists[key] != nil }

    /// Adds at the end. The id must be free.
    mutating func insert(_ binding: Binding, id: Name, key: Key) {
        precondition(keys.updateValue(key, forKey: id) == nil, "the trigger has a binding already")
        lists[key, default: InsertionOrderedMap()].updateValue(binding, forKey: id)
    }

    mutating func remove(_ id: Name) -> (binding: Binding, key: Key)? {
        guard let key = keys.removeValue(forKey: id), let binding = lists[key]?.removeValue(forKey: id) else {
            return nil
        }
        if lists[key]?.isEmpty == true { lists[key] = nil }
        return (binding, key)
    }

    /// Calls `body` with each binding that is there now, in order of registration; it may change the table.
    func forEach(of key: Key, _ body: (Binding) -> Void) {
        guard let list = lists[key] else { return }
        for (_, binding) in list { body(binding) }
    }

    /// All bindings, in no order.
    func forEach(_ body: (Binding) -> Void) {
        for list in lists.values {
            for (_, binding) in list { body(binding) }
        }
    }
}
