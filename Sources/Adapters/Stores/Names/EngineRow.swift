import Storage

/// What a row of an engine's store is, as far as its table, key and value say: pure, for tools that show rows.
///
/// Ids in `owner` and `number` stand for names that other rows hold; `RowNames` knows them.
public struct EngineRow: Sendable, Hashable {
    public enum Role: String, Sendable, CaseIterable {
        /// A value of state, an item of a stream.
        case entry
        /// Where an entry stands among those of its scope or group: key → number.
        case place
        /// Name → id, and id → name, of a scope, a stream or a group.
        case identifier, name
        /// Items and bytes of a stream's group; when an item was made.
        case size, creation
        /// What subscribers can still be told; facts of the stream layer.
        case event, fact
        /// How far the import of an upstream volume came.
        case importRecord
    }

    /// A name, as far as a row has it.
    public enum Name: Sendable, Hashable {
        case text(String)
        /// Of a long one, whose row is in another table: how it begins.
        case beginning(String)
        /// Only the id that stands for it.
        case number(UInt64)
    }

    public var role: Role
    /// nil: of the store itself.
    public var kind: ContentKind?
    /// Ids of the scope; of the stream, or of the stream and the group.
    public var owner: [UInt32] = []
    /// Of the entry, scope, stream, group, event or fact. nil: the owner says it all.
    public var name: Name?
    /// Number of the entry within its owner.
    public var number: UInt64?

    /// nil: a row that no part of the engine writes.
    ///
    /// - Parameter value: nil where it isn't known: of a removed or damaged row.
    public init?(_ table: TableID, key: Bytes, value: Bytes?) {
        guard let place = EngineTable(table), let row = place.decode(key, value) else { return nil }
        self = row
    }

    init(_ role: Role, _ kind: ContentKind?, owner: [UInt32] = [], name: Name? = nil, number: UInt64? = nil) {
        self.role = role
        self.kind = kind
        self.owner = owner
        self.name = name
        self.number = number
    }

    /// A value of state or an item of a stream, of which nothing else is known.
    public static func entry(_ kind: ContentKind) -> EngineRow { EngineRow(.entry, kind) }

    /// JSON text and key of an `entry` row's value; nil: not one.
    public static func entry(_ value: Bytes) -> (json: Bytes, key: String)? {
        EntryRow.parts(value).map { (Bytes($0.json), String(decoding: $0.key, as: UTF8.self)) }
    }
}
