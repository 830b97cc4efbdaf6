import Engine
import NIOCore

/// A group of a stream: what is listed, subscribed to and limited together.
public struct StreamGroup: Hashable, Sendable {
    public let stream: Name
    public let group: Name

    public init(stream: String, group: String) {
        self.stream = Name(stream)
        self.group = Name(group)
    }
}

/// What happened.
public enum StreamEventBody: Sendable {
    case create(RawJSON)
    case update(RawJSON)
    /// With the value that is gone.
    case delete(RawJSON)
    /// Of `stream::send`: nothing is stored.
    case custom(type: String, data: RawJSON)

    /// What a write of an item amounts to; nil: nothing happened.
    public init?(_ change: EntryChange) {
        switch (change.old, change.new) {
        case (nil, let new?): self = .create(new)
        case (.some, let new?): self = .update(new)
        case (let old?, nil): self = .delete(old)
        case (nil, nil): return nil
        }
    }
}

/// One event as subscribers and triggers get it (stream.md §4, §6.6).
public struct StreamEvent: Sendable {
    /// Where it stands in the order of all events of its adapter: greater than every earlier one's.
    public let position: UInt64
    public let group: StreamGroup
    /// Of the item; nil for an event that was sent without one.
    public let id: String?
    /// The wrapper message.
    public let text: ByteBuffer

    public init(position: UInt64, group: StreamGroup, id: String?, text: ByteBuffer) {
        self.position = position
        self.group = group
        self.id = id
        self.text = text
    }

    /// - Parameter timestamp: Unix time, milliseconds.
    public init(position: UInt64, group: StreamGroup, id: String?, timestamp: Int64, _ body: StreamEventBody) {
        self.init(
            position: position,
            group: group,
            id: id,
            text: StreamMessage.text(group, id: id, timestamp: timestamp) { $0.write(body) }
        )
    }
}

/// The wrapper message of everything that goes to port 3112.
enum StreamMessage {
    /// `write` writes the value of `event`.
    static func text(
        _ group: StreamGroup,
        id: String?,
        timestamp: Int64,
        position: String? = nil,
        _ write: (inout ByteBuffer) -> Void
    ) -> ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(256)
        text.writeStaticString("{\"type\":\"stream\",\"timestamp\":")
        text.writeString(String(timestamp))
        text.writeStaticString(",\"streamName\":")
        text.writeJSONString(group.stream.string)
        text.writeStaticString(",\"groupId\":")
        text.writeJSONString(group.group.string)
        text.writeStaticString(",\"id\":")
        text.write(string: id)
        if let position {
            text.writeStaticString(",\"position\":")
            text.writeJSONString(position)
        }
        text.writeStaticString(",\"event\":")
        write(&text)
        text.writeStaticString("}")
        return text
    }

    /// An event's text for those who asked for positions.
    static func adding(position: String, to text: ByteBuffer) -> ByteBuffer {
        var copy = ByteBuffer()
        copy.reserveCapacity(text.readableBytes + position.utf8.count + 16)
        copy.writeImmutableBuffer(text)
        // In place of the closing brace.
        copy.moveWriterIndex(to: copy.writerIndex - 1)
        copy.writeStaticString(",\"position\":")
        copy.writeJSONString(position)
        copy.writeStaticString("}")
        return copy
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ body: StreamEventBody) {
        switch body {
        case .create(let data): write(event: "create", data: data)
        case .update(let data): write(event: "update", data: data)
        case .delete(let data): write(event: "delete", data: data)
        case .custom(let type, let data):
            writeStaticString("{\"type\":\"event\",\"event\":{\"type\":")
            writeJSONString(type)
            writeStaticString(",\"data\":")
            writeImmutableBuffer(data.buffer)
            writeStaticString("}}")
        }
    }

    private mutating func write(event: StaticString, data: RawJSON) {
        writeStaticString("{\"type\":\"")
        writeStaticString(event)
        writeStaticString("\",\"data\":")
        writeImmutableBuffer(data.buffer)
        writeStaticString("}")
    }

    fileprivate mutating func write(string: String?) {
        if let string { writeJSONString(string) } else { writeStaticString("null") }
    }
}
