import Engine
import NIOCore
import Storage
import Workers

/// Streams on a store: items, and the latest events for subscribers that come back. A write and its event are one
/// transaction, and nobody is told before it is on disk.
public final class DurableStreamAdapter: StreamAdapter {
    let access: StoreAccess
    let clock: EngineClock
    let retention: StreamRetention
    private let history: StreamHistory
    private var historyRows: StreamHistoryRows
    let expiry: StreamExpiry?

    public weak var sink: (any StreamEventSink)?
    public let mode = StoreMode.synced
    public var status: StoreStatus { access.shared.status }

    /// Blocks until the events that are kept have been read.
    public init(
        store: SharedStore,
        loop: any EventLoop,
        configuration: StreamConfiguration,
        clock: EngineClock
    ) throws {
        access = StoreAccess(store, loop: loop)
        self.clock = clock
        retention = configuration.retention
        (history, historyRows) = try StreamHistory.load(from: store.store, configuration.history, clock)
        expiry = retention.ageMilliseconds.map { StreamExpiry(age: $0, loop: loop, clock: clock) }
        try StreamRetentionRows.prepare(store.store, retention, now: clock.unixMilliseconds())
        try startExpiry()
    }

    // MARK: Writes

    public func set(
        _ id: String,
        in group: StreamGroup,
        data: RawJSON,
        completion: @escaping Completion<EntryChange>
    ) {
        if let error = retention.refusal(of: data) { return completion(.failure(error)) }
        let row = EntryRow.make(data, key: id)
        write(completion) { transaction, draft in
            let change = EntryChange(old: transaction.setItem(id, in: group, to: row), new: data)
            self.finish(change, id, group, &transaction, &draft)
            return change
        } at: {
            $0.at($1)
        }
    }

    /// The event of a write, behind those of what had to make room for it.
    private func finish(
        _ change: EntryChange,
        _ id: String,
        _ group: StreamGroup,
        _ transaction: inout Transaction,
        _ draft: inout StreamEventDraft
    ) {
        if retention.isLimited { retain(change, id, group, &transaction, &draft) }
        if change.old == nil { expiry?.add(group, created: draft.timestamp) }
        draft.add(StreamEventBody(change), id, group, &transaction)
    }

    private func retain(
        _ change: EntryChange,
        _ id: String,
        _ group: StreamGroup,
        _ transaction: inout Transaction,
        _ draft: inout StreamEventDraft
    ) {
        guard let owner = transaction.owner(of: group) else { return }
        let gone = transaction.retain(retention, id, change, in: group, owner: owner, now: draft.timestamp)
        for item in gone { draft.add(.delete(item.old), item.id, group, &transaction) }
    }

    public func delete(_ id: String, in group: StreamGroup, completion: @escaping Completion<EntryChange>) {
        write(completion) { transaction, draft in
            let old = transaction.removeItem(id, in: group, self.retention, sparing: !draft.isKept)
            let change = EntryChange(old: old, new: nil)
            draft.add(StreamEventBody(change), id, group, &transaction)
            return change
        } at: {
            $0.at($1)
        }
    }

    public func update(
        _ id: String,
        in group: StreamGroup,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    ) {
        write(completion) { transaction, draft in
            let (value, errors) = try transaction.item(id, in: group).applying(operations)
            if let error = self.retention.refusal(of: value) { throw error }
            let old = transaction.setItem(id, in: group, to: EntryRow.make(value, key: id))
            let change = EntryChange(old: old, new: value)
            self.finish(change, id, group, &transaction, &draft)
            return EntryUpdate(change: change, errors: errors)
        } at: {
            EntryUpdate(change: $0.change.at($1), errors: $0.errors)
        }
    }

    public func publish(
        _ body: StreamEventBody,
        id: String?,
        in group: StreamGroup,
        completion: @escaping Completion<UInt64?>
    ) {
        write(completion) { transaction, draft in
            draft.add(body, id, group, &transaction)
            return nil
        } at: {
            $1
        }
    }

    /// One transaction with its events; when it is on disk they go out, then the caller is answered.
    ///
    /// Where the disk, or a transaction, has no room for the events too, the store gives up what it keeps of them: after a
    /// restart nobody resumes from before. So items can still be deleted when the disk is full.
    func write<R: Sendable>(
        _ completion: @escaping Completion<R>,
        _ body: @escaping (inout Transaction, inout StreamEventDraft) throws -> R,
        at lsn: @escaping (R, UInt64) -> R
    ) {
        let finish: (Result<((R, [StreamEvent]), lsn: UInt64), AdapterError>) -> Void = { result in
            completion(
                result.map { written in
                    for event in written.0.1 { self.emit(event) }
                    return lsn(written.0.0, written.lsn)
                }
            )
        }
        access.commit(finish, sparing: { try self.run(body, isKept: false, &$0) }) {
            try self.run(body, isKept: self.history.isKept, &$0)
        }
    }

    private func run<R>(
        _ body: (inout Transaction, inout StreamEventDraft) throws -> R,
        isKept: Bool,
        _ transaction: inout Transaction
    ) throws -> (R, [StreamEvent]) {
        var draft = StreamEventDraft(timestamp: clock.unixMilliseconds(), isKept: isKept)
        if isKept { historyRows.resume(&transaction) }
        let result = try body(&transaction, &draft)
        if isKept {
            historyRows.trim(history, &transaction)
        } else if history.isKept, !draft.events.isEmpty {
            historyRows.giveUp(&transaction)
        }
        return (result, draft.events)
    }

    private func emit(_ event: StreamEvent) {
        history.append(event)
        sink?.fire(event)
        sink?.deliver(event)
    }

    // MARK: Reads

    public func get(_ id: String, in group: StreamGroup, completion: @escaping Completion<RawJSON?>) {
        access.read(completion) { $0.item(id, in: group) }
    }

    public func list(_ group: StreamGroup, completion: @escaping Completion<RawJSON>) {
        access.read({ completion($0.flatMap { $0 }) }) { $0.values(of: group) }
    }

    public func listGroups(stream: String, completion: @escaping Completion<[String]>) {
        access.read(completion) { view in
            view.id(of: stream, in: StreamRows.streams).map { view.groupNames(under: $0) } ?? []
        }
    }

    public func listAll(completion: @escaping Completion<[StreamListing]>) {
        access.read(completion) { view in
            var streams: [(id: UInt32, name: Name)] = []
            view.scanNames(in: StreamRows.streams) { id, name in
                streams.append((id, Name(name)))
                return true
            }
            return streams.sorted { $0.name < $1.name }
                .map { StreamListing(stream: $0.name.string, groups: view.groupNames(under: $0.id)) }
        }
    }

    public func snapshot(of group: StreamGroup, id: String?, completion: @escaping Completion<StreamSnapshot>) {
        access.read({ completion($0.flatMap { $0 }) }) { view -> Result<StreamSnapshot, AdapterError> in
            let position = view.position.rawValue
            if let id { return .success(StreamSnapshot(data: view.item(id, in: group), ids: nil, position: position)) }
            return view.items(of: group).map { StreamSnapshot(data: $0.values, ids: $0.ids, position: position) }
        }
    }

    // MARK: Positions

    public func missed(
        since position: String,
        of group: StreamGroup,
        id: String?,
        atMost bytes: Int
    ) -> StreamMissed {
        history.missed(
            since: position,
            of: group,
            id: id,
            atMost: bytes,
            latest: access.store.durableLSN.rawValue
        )
    }

    public var lastPosition: UInt64 { history.last }

    public func text(of position: UInt64) -> String {
        history.text(of: position)
    }

    public func close() throws {
        expiry?.stop()
        try access.shared.release()
    }
}

/// The events of one transaction, each with a row of its own and the position of its record.
struct StreamEventDraft {
    let timestamp: Int64
    let isKept: Bool
    private(set) var events: [StreamEvent] = []

    init(timestamp: Int64, isKept: Bool) {
        self.timestamp = timestamp
        self.isKept = isKept
    }

    mutating func add(
        _ body: StreamEventBody?,
        _ id: String?,
        _ group: StreamGroup,
        _ transaction: inout Transaction
    ) {
        guard let body else { return }
        let position = transaction.nextLSN.rawValue
        let event = StreamEvent(position: position, group: group, id: id, timestamp: timestamp, body)
        events.append(event)
        if isKept {
            let text = Bytes(event.text.readableBytesView)
            transaction.put(StreamRows.events, key: Bytes(bigEndian: position), value: text)
        } else {
            // The position has to be taken, and its record to be waited for.
            transaction.note([])
        }
    }
}
