import Engine
import Workers

/// State in memory: lost when the process ends (state.md §6.3).
public final class InMemoryStateAdapter: StateAdapter {
    private var scopes: [Name: InsertionOrderedMap<Name, RawJSON>] = [:]

    public init() {}

    public var mode: StoreMode { .memory }
    public var status: StoreStatus { .memory }

    public func set(scope: String, key: String, value: RawJSON, completion: @escaping Completion<EntryChange>) {
        let stored = value.detached
        let old = scopes[Name(scope), default: InsertionOrderedMap()].updateValue(stored, forKey: Name(key))
        completion(.success(EntryChange(old: old, new: stored)))
    }

    public func get(scope: String, key: String, completion: @escaping Completion<RawJSON?>) {
        completion(.success(scopes[Name(scope)]?[Name(key)]))
    }

    public func delete(scope: String, key: String, completion: @escaping Completion<EntryChange>) {
        let old = scopes[Name(scope)]?.removeValue(forKey: Name(key))
        if scopes[Name(scope)]?.isEmpty == true { scopes[Name(scope)] = nil }
        completion(.success(EntryChange(old: old, new: nil)))
    }

    public func update(
        scope: String,
        key: String,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    ) {
        let old = scopes[Name(scope)]?[Name(key)]
        do throws(AdapterError) {
            let (value, errors) = try old.applying(operations)
            scopes[Name(scope), default: InsertionOrderedMap()].updateValue(value, forKey: Name(key))
            completion(.success(EntryUpdate(change: EntryChange(old: old, new: value), errors: errors)))
        } catch {
            completion(.failure(error))
        }
    }

    public func list(scope: String, completion: @escaping Completion<RawJSON>) {
        var array = JSONArrayBuilder(limit: ListLimits.listBytes)
        if let entries = scopes[Name(scope)] {
            for (_, value) in entries where !array.append(value) { break }
        }
        completion(array.finish(ListLimits.stateAdvice))
    }

    public func page(scope: String, _ request: EntryPageRequest, completion: @escaping Completion<EntryPage>) {
        let entries = scopes[Name(scope)] ?? InsertionOrderedMap()
        var selection = EntryPageSelection(request)
        for (name, _) in entries { selection.offer(name) }
        var builder = EntryPageBuilder(request)
        for (position, name) in selection.finish() {
            let value = request.wantsValues ? entries[name] : nil
            let bytes = name.string.utf8.count + (value?.count ?? 0)
            guard builder.add(position, key: name.string, value: value, bytes: bytes) else { break }
        }
        completion(.success(builder.page))
    }

    public func listGroups(completion: @escaping Completion<[String]>) {
        completion(.success(scopes.keys.sorted().map(\.string)))
    }

    public func close() {}
}
