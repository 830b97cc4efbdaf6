import Engine
import NIOCore
import Workers

/// Streams in memory: lost when the process ends (state.md §6.3).
public final class InMemoryStreamAdapter: StreamAdapter {
    private var groups: [StreamGroup: MemoryGroup] = [:]
    private let history: StreamHistory
    private let retention: StreamRetention
    private let clock: EngineClock
    private let expiry: StreamExpiry?
    private var nextPosition: UInt64 = 1

    public weak var sink: (any StreamEventSink)?
    public let mode = StoreMode.memory
    public let status = StoreStatus.memory

    /// - Parameter store: a name that no other process uses: positions of another one mean nothing here.
    public init(configuration: StreamConfiguration, loop: any EventLoop, clock: EngineClock, store: String) {
        history = StreamHistory(
            limits: configuration.history,
            positions: StreamPositions(store: store),
            clock: clock,
            floor: 0
        )
        retention = configuration.retention
        self.clock = clock
        expiry = retention.ageMilliseconds.map { StreamExpiry(age: $0, loop: loop, clock: clock) }
        expiry?.expire = { [unowned self] group, upTo, done in done(expire(group, upTo)) }
    }

    public func set(
        _ id: String,
        in group: StreamGroup,
        data: RawJSON,
        completion: @escaping Completion<EntryChange>
    ) {
        if let error = retention.refusal(of: data) { return completion(.failure(error)) }
        completion(.success(store(id, data.detached, group)))
    }

    public func get(_ id: String, in group: StreamGroup, completion: @escaping Completion<RawJSON?>) {
        completion(.success(groups[group]?[id]))
    }

    public func delete(_ id: String, in group: StreamGroup, completion: @escaping Completion<EntryChange>) {
        completion(.success(remove(id, group)))
    }

    public func update(
        _ id: String,
        in group: StreamGroup,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    ) {
        do throws(AdapterError) {
            let old = groups[group]?[id]
            let (value, errors) = try old.applying(operations)
            if let error = retention.refusal(of: value) { throw error }
            completion(.success(EntryUpdate(change: store(id, value, group), errors: errors)))
        } catch {
            completion(.failure(error))
        }
    }

    public func list(_ group: StreamGroup, completion: @escaping Completion<RawJSON>) {
        completion(values(of: group, limit: ListLimits.listBytes))
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
        let position = history.last
        if let id {
            return completion(.success(StreamSnapshot(data: groups[group]?[id], ids: nil, position: position)))
        }
        let ids = RawJSON(.array(groups[group]?.items.map { .string($0.key.string) } ?? []))
        completion(
            values(of: group, limit: ListLimits.snapshotBytes).map {
                StreamSnapshot(data: $0, ids: ids, position: position)
            }
        )
    }

    public func missed(
        since position: String,
        of group: StreamGroup,
        id: String?,
        atMost bytes: Int
    ) -> StreamMissed {
        history.missed(since: position, of: group, id: id, atMost: bytes, latest: history.last)
    }

    public var lastPosition: UInt64 { history.last }

    public func text(of position: UInt64) -> String {
        history.text(of: position)
    }

    public func close() {
        expiry?.stop()
    }

    private func values(of group: StreamGroup, limit: Int) -> Result<RawJSON, AdapterError> {
        var array = JSONArrayBuilder(limit: limit)
        if let items = groups[group]?.items {
            for (_, item) in items where !array.append(item.value) { break }
        }
        return array.finish(ListLimits.streamAdvice)
    }

    // MARK: Writes

    private func store(_ id: String, _ value: RawJSON, _ group: StreamGroup) -> EntryChange {
        let now = clock.unixMilliseconds()
        let change = EntryChange(old: groups[group, default: MemoryGroup()].set(id, value, now: now), new: value)
        for id in groups[group]?.excess(retention, keeping: id) ?? [] { _ = remove(id, group) }
        emit(StreamEventBody(change), id, group)
        if change.old == nil { expiry?.add(group, created: now) }
        return change
    }

    /// Removes an item, and its group with the last one.
    private func remove(_ id: String, _ group: StreamGroup) -> EntryChange {
        let change = EntryChange(old: groups[group]?.remove(id), new: nil)
        if groups[group]?.isEmpty == true { groups[group] = nil }
        emit(StreamEventBody(change), id, group)
        return change
    }

    private func expire(_ group: StreamGroup, _ upTo: Int64) -> Int64? {
        for id in groups[group]?.expired(upTo: upTo) ?? [] { _ = remove(id, group) }
        return groups[group]?.oldestCreation
    }

    private func emit(_ body: StreamEventBody?, _ id: String?, _ group: StreamGroup) {
        guard let body else { return }
        let now = clock.unixMilliseconds()
        let event = StreamEvent(position: nextPosition, group: group, id: id, timestamp: now, body)
        nextPosition += 1
        history.append(event, now: now)
        sink?.fire(event)
        sink?.deliver(event)
    }
}
