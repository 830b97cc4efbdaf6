import Engine

/// What the caller of a write wants to be told or insists on (docs/streams.md, "Acknowledgements that say what they
/// are"). Members of the payload beside the write's own; without them nothing changes.
public struct WriteOptions: Sendable, Equatable {
    /// `ack: true`: the result says how durable the write is.
    public var acknowledges: Bool
    /// `require: "synced"`: a store in memory refuses the write.
    public var requiresSynced: Bool

    static let requirements = [StoreMode.synced.rawValue]

    /// The members, for a request's published schema.
    public static let schema: [JSONSchema.Property] = [
        .optional("ack", .boolean, "Adds `durable` to the result", initial: false),
        .optional("require", .oneOf(requirements), "Refuses the write unless the store is of this mode"),
    ]

    public init(acknowledges: Bool = false, requiresSynced: Bool = false) {
        self.acknowledges = acknowledges
        self.requiresSynced = requiresSynced
    }

    public init(_ reader: ArgumentReader) throws(ArgumentError) {
        acknowledges = try reader.optionalBool("ack") ?? false
        requiresSynced = try reader.optionalVariant("require", of: Self.requirements) != nil
    }

    /// nil: the write may go on.
    public func refusal(worker: String, mode: StoreMode) -> InvocationError? {
        guard requiresSynced, mode != .synced else { return nil }
        return InvocationError(
            code: "NOT_SYNCED",
            message: "the write requires `synced`, but \(worker) keeps its data in memory (mode `\(mode.rawValue)`); "
                + "nothing was written. Give \(worker) the `kv` adapter with `store_method: file_based`, "
                + "or leave `require` out of the call"
        )
    }

    /// What the result says; nil when nobody asked.
    public func durability(lsn: UInt64?, mode: StoreMode) -> WriteDurability? {
        acknowledges ? WriteDurability(lsn: lsn, mode: mode) : nil
    }
}

extension WriteOptions {
    enum Reading {
        case other
        case taken
        /// Left to `init(_:)`, which words the error.
        case unclear
    }

    /// Takes in one member of a payload that is scanned without building a tree. Its key has no escapes.
    mutating func read(_ member: JSONMember, of bytes: UnsafeRawBufferPointer) -> Reading {
        if JSONScanner.key(bytes, of: member, is: "ack") {
            guard member.kind == .bool else { return .unclear }
            acknowledges = bytes[member.valueRange.lowerBound] == UInt8(ascii: "t")
            return .taken
        }
        guard JSONScanner.key(bytes, of: member, is: "require") else { return .other }
        guard member.kind == .string,
            JSONScanner.string(bytes, token: member.valueRange) == StoreMode.synced.rawValue
        else { return .unclear }
        requiresSynced = true
        return .taken
    }
}
