import Engine

/// Where state lives: the port that `iii-state` needs (architecture.md, "The house").
///
/// Called on the engine's event loop. Operations take effect in call order; a completion runs on the loop when the
/// result may be seen by anybody, which for a durable adapter is after its sync (storage.md I1, I4). Completions of
/// one adapter run in commit order.
public protocol StateAdapter: AnyObject {
    typealias Completion<Value> = (Result<Value, AdapterError>) -> Void

    /// What an acknowledgement of this adapter means.
    var mode: StoreMode { get }

    /// What `engine::health` shows of the store. Waits for no disk.
    var status: StoreStatus { get }

    func set(scope: String, key: String, value: RawJSON, completion: @escaping Completion<EntryChange>)

    /// nil: absent. A stored JSON null is a value.
    func get(scope: String, key: String, completion: @escaping Completion<RawJSON?>)

    /// Removes and returns the value in one step.
    func delete(scope: String, key: String, completion: @escaping Completion<EntryChange>)

    /// Read, transform, write as one isolated step; `errors` of the transformation travel with the change.
    func update(
        scope: String,
        key: String,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    )

    /// Values of a scope in insertion order, as one JSON array.
    func list(scope: String, completion: @escaping Completion<RawJSON>)

    /// A part of a scope's entries, ascending by key; concurrent writes neither hide nor repeat keys that stay.
    func page(scope: String, _ request: EntryPageRequest, completion: @escaping Completion<EntryPage>)

    /// Scopes that hold at least one key, ascending by bytes.
    func listGroups(completion: @escaping Completion<[String]>)

    /// Closes what the adapter holds open.
    func close() throws
}
