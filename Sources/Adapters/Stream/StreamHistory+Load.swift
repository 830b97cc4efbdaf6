import Engine
import NIOCore
import Storage
import Workers

extension StreamHistory {
    /// What the store has kept, as far as the limits still allow it. Begins to keep events, or stops, as they say.
    ///
    /// Blocks for the disk. A row that is no event of ours ends the opening.
    static func load(
        from store: Store,
        _ limits: StreamHistoryLimits,
        _ clock: EngineClock
    ) throws -> (StreamHistory, StreamHistoryRows) {
        let stored: UInt64? = try store.read { $0.get(StreamRows.facts, key: StreamRows.historyFloor) }.wait()?.integer()
        let floor = (limits.isKept ? stored : nil) ?? store.durableLSN.rawValue
        let history = StreamHistory(
            limits: limits,
            positions: StreamPositions(store: store.recovery.positionPrefix),
            clock: clock,
            floor: floor
        )
        guard limits.isKept else {
            if stored != nil { try store.commit { $0.forgetHistory() }.wait() }
            return (history, StreamHistoryRows(floor: floor))
        }
        guard stored != nil else { return (history, try StreamHistoryRows(beginningAt: floor, store)) }
        var next: Bytes? = Bytes(bigEndian: floor + 1)
        while let from = next {
            let page = try page(of: store, from: from)
            try history.append(page, store)
            next = page.last.map { $0.key + [0] }
        }
        return (history, StreamHistoryRows(floor: floor))
    }

    private func append(_ rows: [(key: Bytes, text: Bytes)], _ store: Store) throws {
        for row in rows {
            guard let event = StoredStreamEvent(row.key, row.text), event.event.position > last else {
                throw StorageError(
                    .writerBug,
                    "a row of table \(StreamRows.events.rawValue) is no stream event, or one that was removed. Keep the "
                        + "files and report it",
                    path: store.recovery.path
                )
            }
            append(event.event, now: event.timestamp)
        }
    }

    /// Bytes read at once: what is older than the history keeps is forgotten as it is read.
    private static let pageBytes = 1 << 20

    private static func page(of store: Store, from: Bytes) throws -> [(key: Bytes, text: Bytes)] {
        try store.read { view in
            var rows: [(key: Bytes, text: Bytes)] = []
            var bytes = 0
            view.scan(StreamRows.events, from: from, upTo: nil) { key, text in
                rows.append((Bytes(key), Bytes(text)))
                bytes += text.count
                return bytes < pageBytes
            }
            return rows
        }.wait()
    }
}

/// An event as its row tells it: the message holds everything but the position, which is the key.
private struct StoredStreamEvent {
    let event: StreamEvent
    let timestamp: Int64

    init?(_ key: Bytes, _ text: Bytes) {
        guard key.count == 8, let fields = StreamMessageFields(text), let stream = fields.stream,
            let group = fields.group, let timestamp = fields.timestamp
        else { return nil }
        self.timestamp = timestamp
        event = StreamEvent(
            position: key.integer(),
            group: StreamGroup(stream: stream, group: group),
            id: fields.id,
            text: ByteBuffer(bytes: text)
        )
    }
}

/// The members of a wrapper message, found without building a tree of its data.
private struct StreamMessageFields {
    private(set) var stream: String?
    private(set) var group: String?
    private(set) var id: String?
    private(set) var timestamp: Int64?

    init?(_ text: Bytes) {
        let isObject = text.withUnsafeBytes { bytes in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { read($0, of: bytes) }
                return true
            } catch {
                return false
            }
        }
        guard isObject else { return nil }
    }

    private mutating func read(_ member: JSONMember, of bytes: UnsafeRawBufferPointer) {
        let text = { JSONScanner.string(bytes, token: member.valueRange) }
        if JSONScanner.key(bytes, of: member, is: "streamName") {
            stream = text()
        } else if JSONScanner.key(bytes, of: member, is: "groupId") {
            group = text()
        } else if JSONScanner.key(bytes, of: member, is: "id") {
            id = member.kind == .string ? text() : nil
        } else if JSONScanner.key(bytes, of: member, is: "timestamp") {
            timestamp = Int64(String(decoding: bytes[member.valueRange], as: UTF8.self))
        }
    }
}
