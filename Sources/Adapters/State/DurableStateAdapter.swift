import DequeModule
import Engine
import NIOCore
import Storage
import Workers

/// State on a store: every completion means that the result is on disk (storage.md I1, I4).
public final class DurableStateAdapter: StateAdapter {
    private let store: SharedStore
    private let loop: any EventLoop
    /// Operations that arrived while the store had too much waiting for the disk. Their sum is bounded by what callers
    /// may have in flight (`WorkerConnection.Limits`); beyond `maximumWaiting` they fail as `overloaded`.
    private var waiting: Deque<() -> Void> = []
    private static let maximumWaiting = 262_144
    private var isResuming = false

    public init(store: SharedStore, loop: any EventLoop) {
        self.store = store
        self.loop = loop
    }

    public func set(scope: String, key: String, value: RawJSON, completion: @escaping Completion<StateChange>) {
        let bytes = value.buffer.withUnsafeReadableBytes { StateRows.entry(json: $0, key: key) }
        commit(completion) { transaction in
            let old = transaction.setEntry(scope: scope, key: key, to: bytes)
            return StateChange(old: old, new: value)
        }
    }

    public func get(scope: String, key: String, completion: @escaping Completion<RawJSON?>) {
        read(completion) { $0.entry(scope: scope, key: key) }
    }

    public func delete(scope: String, key: String, completion: @escaping Completion<StateChange>) {
        commit(completion) { transaction in
            StateChange(old: transaction.deleteEntry(scope: scope, key: key), new: nil)
        }
    }

    public func update(
        scope: String,
        key: String,
        operations: [UpdateOperation],
        completion: @escaping Completion<StateUpdate>
    ) {
        commit(completion) { transaction in
            let (value, errors) = try transaction.entry(scope: scope, key: key).applying(operations)
            let bytes = value.buffer.withUnsafeReadableBytes { StateRows.entry(json: $0, key: key) }
            let old = transaction.setEntry(scope: scope, key: key, to: bytes)
            return StateUpdate(change: StateChange(old: old, new: value), errors: errors)
        }
    }

    public func list(scope: String, completion: @escaping Completion<RawJSON>) {
        read(completion) { view in
            var array = JSONArrayBuilder()
            if let id = view.scopeID(scope) {
                let upTo = StateRows.end(ofScope: id)
                view.scan(StateRows.entries, from: Bytes(bigEndian: id), upTo: upTo, reversed: false) { _, value in
                    array.append(StateRows.json(ofEntry: value))
                    return true
                }
            }
            return array.finish()
        }
    }

    public func listGroups(completion: @escaping Completion<[String]>) {
        read(completion) { view in
            var names: [String] = []
            view.scan(StateRows.scopeNames, from: nil, upTo: nil, reversed: false) { _, name in
                names.append(String(decoding: name, as: UTF8.self))
                return true
            }
            return names.sorted()
        }
    }

    public func close() throws {
        try store.release()
    }

    // MARK: Store

    private func commit<R: Sendable>(
        _ completion: @escaping Completion<R>,
        _ body: @escaping (inout Transaction) throws -> R
    ) {
        guard !postpone(completion, { self.commit(completion, body) }) else { return }
        do {
            deliver(try store.store.commit(body), to: completion)
        } catch {
            completion(.failure(StateAdapterError("\(error)")))
        }
    }

    private func read<R: Sendable>(
        _ completion: @escaping Completion<R>,
        _ body: @escaping (borrowing ReadView) -> R
    ) {
        guard !postpone(completion, { self.read(completion, body) }) else { return }
        deliver(store.store.read(body), to: completion)
    }

    // MARK: Back-pressure

    /// Keeps an operation for later while the store is saturated or others wait already: order is kept.
    private func postpone<R>(_ completion: @escaping Completion<R>, _ operation: @escaping () -> Void) -> Bool {
        guard !isResuming, store.store.isSaturated || !waiting.isEmpty else { return false }
        guard waiting.count < Self.maximumWaiting else {
            completion(.failure(StateAdapterError("overloaded: too many operations wait for the disk; retry later")))
            return true
        }
        waiting.append(operation)
        if waiting.count == 1 { resumeWhenUnsaturated() }
        return true
    }

    private func resumeWhenUnsaturated() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        store.store.whenUnsaturated { [loop] in loop.execute { bound.value.resume() } }
    }

    private func resume() {
        isResuming = true
        while !store.store.isSaturated, let operation = waiting.popFirst() { operation() }
        isResuming = false
        if !waiting.isEmpty { resumeWhenUnsaturated() }
    }

    /// The store calls back on the loop (`StorageOptions.deliver`), or in place when already durable.
    private func deliver<R: Sendable>(_ pending: Pending<R>, to completion: @escaping Completion<R>) {
        let completion = NIOLoopBound(completion, eventLoop: loop)
        pending.whenDurable { result in
            completion.value(result.mapError { StateAdapterError("\($0)") })
        }
    }
}

// MARK: Rows

/// What reading rows needs, in a transaction and in a read view alike.
private protocol StateReader: ~Copyable {
    func get(_ table: TableID, key: Bytes) -> Bytes?
    func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool,
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    )
}

extension Transaction: StateReader {}
extension ReadView: StateReader {}

extension StateReader where Self: ~Copyable {
    fileprivate func scopeID(_ scope: String) -> UInt32? {
        get(StateRows.scopes, key: StateRows.scopesKey(scope))?.integer()
    }

    fileprivate func entry(scope: String, key: String) -> RawJSON? {
        guard let id = scopeID(scope),
            let entry: UInt64 = get(StateRows.keys, key: StateRows.keysKey(scope: id, key: key))?.integer(),
            let value = get(StateRows.entries, key: StateRows.entryKey(scope: id, entry: entry))
        else { return nil }
        return RawJSON(storedEntry: value)
    }

    /// Last key of a table's range, if any.
    fileprivate func last(_ table: TableID, from: Bytes?, upTo: Bytes?) -> Bytes? {
        var last: Bytes?
        scan(table, from: from, upTo: upTo, reversed: true) { key, _ in
            last = Bytes(key)
            return false
        }
        return last
    }
}

extension Transaction {
    /// Writes an entry and returns what was there.
    fileprivate mutating func setEntry(scope: String, key: String, to value: Bytes) -> RawJSON? {
        let id = scopeID(scope) ?? createScope(scope)
        let keysKey = StateRows.keysKey(scope: id, key: key)
        if let entry: UInt64 = get(StateRows.keys, key: keysKey)?.integer() {
            let entryKey = StateRows.entryKey(scope: id, entry: entry)
            let old = get(StateRows.entries, key: entryKey)
            put(StateRows.entries, key: entryKey, value: value)
            return old.map { RawJSON(storedEntry: $0) }
        }
        let last = last(StateRows.entries, from: Bytes(bigEndian: id), upTo: StateRows.end(ofScope: id))
        let entry = last.map { $0.integer(at: 4, as: UInt64.self) + 1 } ?? 1
        put(StateRows.keys, key: keysKey, value: Bytes(bigEndian: entry))
        put(StateRows.entries, key: StateRows.entryKey(scope: id, entry: entry), value: value)
        return nil
    }

    private mutating func createScope(_ scope: String) -> UInt32 {
        let id = (last(StateRows.scopeNames, from: nil, upTo: nil)?.integer() ?? 0 as UInt32) + 1
        put(StateRows.scopes, key: StateRows.scopesKey(scope), value: Bytes(bigEndian: id))
        put(StateRows.scopeNames, key: Bytes(bigEndian: id), value: Bytes(scope.utf8))
        return id
    }

    /// Removes an entry, and its scope with the last one.
    fileprivate mutating func deleteEntry(scope: String, key: String) -> RawJSON? {
        guard let id = scopeID(scope) else { return nil }
        let keysKey = StateRows.keysKey(scope: id, key: key)
        guard let entry: UInt64 = get(StateRows.keys, key: keysKey)?.integer() else { return nil }
        let entryKey = StateRows.entryKey(scope: id, entry: entry)
        let old = get(StateRows.entries, key: entryKey)
        _ = delete(StateRows.keys, key: keysKey)
        _ = delete(StateRows.entries, key: entryKey)
        if last(StateRows.entries, from: Bytes(bigEndian: id), upTo: StateRows.end(ofScope: id)) == nil {
            _ = delete(StateRows.scopes, key: StateRows.scopesKey(scope))
            _ = delete(StateRows.scopeNames, key: Bytes(bigEndian: id))
        }
        return old.map { RawJSON(storedEntry: $0) }
    }
}

extension RawJSON {
    fileprivate init(storedEntry value: Bytes) {
        self.init(validated: ByteBuffer(bytes: StateRows.json(ofEntry: value)))
    }
}
