import Engine
import NIOCore
import Storage
import Workers

/// State on a store.
public final class DurableStateAdapter: StateAdapter {
    private let access: StoreAccess

    public init(store: SharedStore, loop: any EventLoop) {
        access = StoreAccess(store, loop: loop)
    }

    public var mode: StoreMode { .synced }
    public var status: StoreStatus { access.shared.status }

    public func set(scope: String, key: String, value: RawJSON, completion: @escaping Completion<EntryChange>) {
        let row = EntryRow.make(value, key: key)
        commit(completion) { EntryChange(old: $0.setState(scope, key, to: row), new: value) }
    }

    public func get(scope: String, key: String, completion: @escaping Completion<RawJSON?>) {
        access.read(completion) { $0.state(scope, key) }
    }

    public func delete(scope: String, key: String, completion: @escaping Completion<EntryChange>) {
        commit(completion) { EntryChange(old: $0.deleteState(scope, key), new: nil) }
    }

    public func update(
        scope: String,
        key: String,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    ) {
        access.commit({ (result: Result<(EntryUpdate, lsn: UInt64), AdapterError>) in
            completion(result.map { EntryUpdate(change: $0.0.change.at($0.lsn), errors: $0.0.errors) })
        }) { transaction in
            let (value, errors) = try transaction.state(scope, key).applying(operations)
            let old = transaction.setState(scope, key, to: EntryRow.make(value, key: key))
            return EntryUpdate(change: EntryChange(old: old, new: value), errors: errors)
        }
    }

    public func list(scope: String, completion: @escaping Completion<RawJSON>) {
        access.read({ completion($0.flatMap { $0 }) }) { view in
            var array = JSONArrayBuilder(limit: ListLimits.listBytes)
            if let owner = view.scope(scope) {
                view.scan(StateRows.entries.entries, prefix: owner) { array.append(EntryRow.json($1)) }
            }
            return array.finish(ListLimits.stateAdvice)
        }
    }

    public func page(scope: String, _ request: EntryPageRequest, completion: @escaping Completion<EntryPage>) {
        access.read(completion) { view in
            guard let owner = view.scope(scope) else { return EntryPage() }
            return view.page(request, owner: owner, in: StateRows.entries)
        }
    }

    public func listGroups(completion: @escaping Completion<[String]>) {
        access.read(completion) { view in
            var names: [Name] = []
            view.scanNames(in: StateRows.scopes) { _, name in
                names.append(Name(name))
                return true
            }
            return names.sorted().map(\.string)
        }
    }

    public func close() throws {
        try access.shared.release()
    }

    private func commit(
        _ completion: @escaping Completion<EntryChange>,
        _ body: @escaping (inout Transaction) throws -> EntryChange
    ) {
        access.commit({ completion($0.map { $0.0.at($0.lsn) }) }, body)
    }
}

extension EntryChange {
    func at(_ lsn: UInt64) -> EntryChange {
        EntryChange(old: old, new: new, lsn: lsn)
    }
}

extension RowReader where Self: ~Copyable {
    /// What the scope's entries are owned by; nil: it has none.
    fileprivate func scope(_ scope: String) -> Bytes? {
        id(of: scope, in: StateRows.scopes).map { Bytes(bigEndian: $0) }
    }

    fileprivate func state(_ scope: String, _ key: String) -> RawJSON? {
        self.scope(scope).flatMap { entry(key, owner: $0, in: StateRows.entries) }
    }
}

extension Transaction {
    fileprivate mutating func setState(_ scope: String, _ key: String, to row: Bytes) -> RawJSON? {
        let owner = Bytes(bigEndian: id(making: scope, in: StateRows.scopes))
        return setEntry(key, to: row, owner: owner, in: StateRows.entries)
    }

    /// Removes an entry, and its scope with the last one.
    fileprivate mutating func deleteState(_ scope: String, _ key: String) -> RawJSON? {
        guard let id = id(of: scope, in: StateRows.scopes) else { return nil }
        let owner = Bytes(bigEndian: id)
        guard let removed = removeEntry(key, owner: owner, in: StateRows.entries) else { return nil }
        if removed.wasLast { remove(scope, id: id, in: StateRows.scopes) }
        return removed.value
    }
}
