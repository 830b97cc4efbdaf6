import Engine
import NIOCore

/// The `durable` member of a result: `{"lsn":1042,"mode":"synced"}`, or `{"lsn":null,"mode":"memory"}`.
public struct WriteDurability: Sendable, Equatable {
    /// Everything up to here in the store's log survives a power cut, the write included; nil in memory.
    public var lsn: UInt64?
    public var mode: StoreMode

    /// The member, for a result's published schema.
    public static let schema = JSONSchema.Property.optional(
        "durable",
        .object([
            .optional("lsn", .uint64, "Position in the store's log; null in memory"),
            .required("mode", .oneOf(StoreMode.allCases.map(\.rawValue))),
        ]),
        "Only with `ack`"
    )

    public init(lsn: UInt64?, mode: StoreMode) {
        self.lsn = lsn
        self.mode = mode
    }

    /// The result of a write that has nothing else to say: `{"durable":…}`.
    public var resultJSON: RawJSON {
        var text = ByteBuffer(staticString: "{")
        write(to: &text)
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }

    /// `"durable":{…}`.
    func write(to text: inout ByteBuffer) {
        text.writeStaticString("\"durable\":{\"lsn\":")
        text.writeString(lsn.map(String.init) ?? "null")
        text.writeStaticString(",\"mode\":\"")
        text.writeString(mode.rawValue)
        text.writeStaticString("\"}")
    }
}
