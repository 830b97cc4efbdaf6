import Engine
import NIOCore

/// Results of writes, spliced from the stored bytes.
extension EntryChange {
    /// `{"old_value","new_value","errors"?,"durable"?}`: of a set or an update.
    public func resultJSON(errors: [UpdateError] = [], durable: WriteDurability? = nil) -> RawJSON {
        var text = ByteBuffer()
        text.reserveCapacity((old?.count ?? 4) + (new?.count ?? 4) + (durable == nil ? 40 : 100))
        text.writeStaticString("{\"old_value\":")
        text.writeImmutableBuffer((old ?? .null).buffer)
        text.writeStaticString(",\"new_value\":")
        text.writeImmutableBuffer((new ?? .null).buffer)
        if !errors.isEmpty {
            text.writeStaticString(",\"errors\":")
            text.writeImmutableBuffer(RawJSON(.array(errors.map(\.json))).buffer)
        }
        Self.finish(&text, durable)
        return RawJSON(validated: text)
    }

    /// `{"old_value","durable"?}`: of a delete.
    public func deletionJSON(durable: WriteDurability? = nil) -> RawJSON {
        var text = ByteBuffer()
        text.reserveCapacity((old?.count ?? 4) + (durable == nil ? 20 : 80))
        text.writeStaticString("{\"old_value\":")
        text.writeImmutableBuffer((old ?? .null).buffer)
        Self.finish(&text, durable)
        return RawJSON(validated: text)
    }

    private static func finish(_ text: inout ByteBuffer, _ durable: WriteDurability?) {
        if let durable {
            text.writeStaticString(",")
            durable.write(to: &text)
        }
        text.writeStaticString("}")
    }
}
