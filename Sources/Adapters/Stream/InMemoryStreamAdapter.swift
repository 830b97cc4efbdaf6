import Engine
import OrderedCollections
import Workers

/// Streams in memory: lost when the process ends (state.md §6.3).
public final class InMemoryStreamAdapter: StreamAdapter {
    private var groups: [StreamGroup: OrderedDictionary<Name, RawJSON>] = [:]
    private let history: StreamHistory
    private let positions: StreamPositions
    private let retention: StreamRetention
    private let clock: EngineClock
    private var nextPosition: UInt64 = 1

    public weak var sink: (any StreamEventSink)?
    public let mode = StoreMode.memory
    public let status = StoreStatus.memory

    /// - Parameter store: a name that no other process uses: positions of another one mean nothing here.
    public init(configuration: StreamConfiguration, clock: EngineClock, store: String) {
        history = StreamHistory(limits: configuration.history, floor: 0)
        retention = configuration.retention
        positions = StreamPositions(store: store)
        self.clock = clock
    }

    public func set(
        _ id: String,
        in group: StreamGroup,
        data: RawJSON,
        completion: @escaping Completion<EntryChange>
    ) {
        let stored = data.detached
        let old = groups[group, default: [:]].updateValue(stored, forKey: Name(id))
        finish(EntryChange(old: old, new: stored), id, group)
        completion(.success(EntryChange(old: old, new: stored)))
    }

    public func get(_ id: String, in group: StreamGroup, completion: @escaping Completion<RawJSON?>) {
        completion(.success(groups[group]?[Name(id)]))
    }

    public func delete(_ id: String, in group: StreamGroup, completion: @escaping Completion<EntryChange>) {
        let old = groups[group]?.removeValue(forKey: Name(id))
        if groups[group]?.isEmpty == true { groups[group] = nil }
        let change = EntryChange(old: old, new: nil)
        finish(change, id, group)
        completion(.success(change))
    }

    public func update(
        _ id: String,
        in group: StreamGroup,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    ) {
        let old = groups[group]?[Name(id)]
        do throws(AdapterError) {
            let (value, errors) = try old.applying(operations)
            groups[group, default: [:]][Name(id)] = value
            let change = EntryChange(old: old, new: value)
            finish(change, id, group)
            completion(.success(EntryUpdate(change: change, errors: errors)))
        } catch {
            completion(.failure(error))
        }
    }

    public func list(_ group: StreamGroup, completion: @escaping Completion<RawJSON>) {
        completion(.success(values(of: group)))
    }

    public func listGroups(stream: String, completion: @escaping Completion<[String]>) {
        let names = groups.keys.filter { $0.stream == Name(stream) }.map(\.group)
        completion(.success(names.sorted().map(\.string)))
    }

    public func listAll(completion: @escaping Completion<[StreamListing]>) {
        let streams = Dictionary(grouping: groups.keys, by: \.stream)
        completion(
            .success(
                streams.sorted { $0.key < $1.key }.map { stream, groups in
                    StreamListing(stream: stream.string, groups: groups.map(\.group).sorted().map(\.string))
                }
            )
        )
    }

    public func publish(
        _ body: StreamEventBody,
        id: String?,
        in group: StreamGroup,
        completion: @escaping Completion<UInt64?>
    ) {
        emit(body, id, group)
        completion(.success(nil))
    }

    public func snapshot(of group: StreamGroup, id: String?, completion: @escaping Completion<StreamSnapshot>) {
        if let id {
            let value = groups[group]?[Name(id)]
            return completion(.success(StreamSnapshot(data: value, ids: nil, position: history.last)))
        }
        let ids = RawJSON(.array((groups[group]?.keys ?? []).map { .string($0.string) }))
        completion(.success(StreamSnapshot(data: values(of: group), ids: ids, position: history.last)))
    }

    public func missed(since position: String, of group: StreamGroup, id: String?) -> StreamMissed {
        history.missed(
            since: position,
            of: group,
            id: id,
            in: positions,
            latest: history.last,
            now: clock.unixMilliseconds()
        )
    }

    public var lastPosition: UInt64 { history.last }

    public func text(of position: UInt64) -> String {
        positions.text(of: position)
    }

    public func close() {}

    private func values(of group: StreamGroup) -> RawJSON {
        var array = JSONArrayBuilder()
        if let values = groups[group]?.values {
            for value in values { array.append(value) }
        }
        return array.finish()
    }

    // MARK: Events

    private func finish(_ change: EntryChange, _ id: String, _ group: StreamGroup) {
        guard let body = StreamEventBody(change) else { return }
        emit(body, id, group)
    }

    private func emit(_ body: StreamEventBody, _ id: String?, _ group: StreamGroup) {
        let now = clock.unixMilliseconds()
        let event = StreamEvent(position: nextPosition, group: group, id: id, timestamp: now, body)
        nextPosition += 1
        history.append(event, now: now)
        sink?.fire(event)
        sink?.deliver(event)
    }
}
