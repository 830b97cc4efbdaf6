import Storage

/// A table of an engine's store, and how its keys are made.
public struct EngineTable: Sendable, Hashable {
    public let role: EngineRow.Role
    /// nil: of the store itself.
    public let kind: ContentKind?
    /// Ids in front of a key.
    let ownerIDs: Int

    private static let known: [TableID: EngineTable] = {
        var tables: [TableID: EngineTable] = [
            StreamRows.sizes: .init(role: .size, kind: .stream, ownerIDs: 2),
            StreamRows.created: .init(role: .creation, kind: .stream, ownerIDs: 2),
            StreamRows.events: .init(role: .event, kind: .stream, ownerIDs: 0),
            StreamRows.facts: .init(role: .fact, kind: .stream, ownerIDs: 0),
            AdoptionRecord.table: .init(role: .importRecord, kind: nil, ownerIDs: 0),
        ]
        for kind in ContentKind.allCases {
            let layout = kind.layout
            for (level, names) in layout.names.enumerated() {
                tables[names.ids] = .init(role: .identifier, kind: kind, ownerIDs: level)
                tables[names.names] = .init(role: .name, kind: kind, ownerIDs: level)
            }
            tables[layout.entries.keys] = .init(role: .place, kind: kind, ownerIDs: layout.names.count)
            tables[layout.entries.entries] = .init(role: .entry, kind: kind, ownerIDs: layout.names.count)
        }
        return tables
    }()

    /// nil: no part of the engine writes it.
    public init?(_ table: TableID) {
        guard let known = Self.known[table] else { return nil }
        self = known
    }

    private init(role: EngineRow.Role, kind: ContentKind?, ownerIDs: Int) {
        self.role = role
        self.kind = kind
        self.ownerIDs = ownerIDs
    }

    /// Tables whose rows name the ids in others' keys, and those that name entries by their numbers.
    public static let ofNames = ContentKind.allCases.flatMap { $0.layout.names.map(\.names) }
    public static let ofPlaces = ContentKind.allCases.map(\.layout.entries.keys)

    /// Where the name of an id is: the last of a path of ids.
    static func nameRow(_ ids: [UInt32], _ kind: ContentKind) -> (table: TableID, key: Bytes)? {
        let names = kind.layout.names
        guard let last = ids.last, ids.count <= names.count else { return nil }
        return (names[ids.count - 1].names, names[ids.count - 1].nameKey(last, parent: ids.dropLast().bytes))
    }

    /// "entries of state", "ids of streams".
    public var title: String {
        switch role {
        case .entry: kind == .state ? "values of state" : "items of streams"
        case .place: kind == .state ? "places of state" : "places of streams"
        case .identifier: "ids of \(groups)"
        case .name: "names of \(groups)"
        case .size: "sizes of groups"
        case .creation: "creation times of items"
        case .event: "events of streams"
        case .fact: "facts of streams"
        case .importRecord: "import records"
        }
    }

    private var groups: String {
        switch (kind, ownerIDs) {
        case (.state, _): "scopes"
        case (_, 0): "streams"
        default: "groups"
        }
    }
}

extension EngineTable {
    func decode(_ key: Bytes, _ value: Bytes?) -> EngineRow? {
        let idBytes = ContentLayout.idBytes
        guard key.count >= ownerIDs * idBytes else { return nil }
        let owner = (0..<ownerIDs).map { key.integer(at: $0 * idBytes, as: UInt32.self) }
        return decode(owner, Bytes(key.dropFirst(ownerIDs * idBytes)), value)
    }

    private func decode(_ owner: [UInt32], _ rest: Bytes, _ value: Bytes?) -> EngineRow? {
        switch role {
        case .identifier:
            guard let name = EngineRow.Name(key: rest), value.isInteger(UInt32.self) else { return nil }
            return EngineRow(
                role,
                kind,
                owner: owner,
                name: name,
                number: value.map { UInt64($0.integer(as: UInt32.self)) }
            )
        case .place:
            guard let name = EngineRow.Name(key: rest), value.isInteger(UInt64.self) else { return nil }
            return EngineRow(role, kind, owner: owner, name: name, number: value.map { $0.integer() })
        case .name:
            guard rest.count == ContentLayout.idBytes else { return nil }
            return named(owner + [rest.integer()], value)
        case .entry: return entry(owner, rest, value)
        case .creation:
            guard rest.count == MemoryLayout<UInt64>.size else { return nil }
            return EngineRow(role, kind, owner: owner, name: .number(rest.integer()), number: rest.integer())
        case .size: return rest.isEmpty ? EngineRow(role, kind, owner: owner) : nil
        case .event:
            guard rest.count == MemoryLayout<UInt64>.size else { return nil }
            return EngineRow(role, kind, name: .number(rest.integer()))
        case .fact, .importRecord:
            return String(validating: rest, as: UTF8.self).map { EngineRow(role, kind, name: .text($0)) }
        }
    }

    /// The value of a `name` row is the name: all of it, however long.
    private func named(_ ids: [UInt32], _ value: Bytes?) -> EngineRow? {
        guard let value else { return EngineRow(role, kind, owner: ids) }
        guard let name = String(validating: value, as: UTF8.self) else { return nil }
        return EngineRow(role, kind, owner: Array(ids.dropLast()), name: .text(name), number: ids.last.map(UInt64.init))
    }

    private func entry(_ owner: [UInt32], _ rest: Bytes, _ value: Bytes?) -> EngineRow? {
        guard rest.count == MemoryLayout<UInt64>.size else { return nil }
        let number: UInt64 = rest.integer()
        guard let value else { return EngineRow(role, kind, owner: owner, name: .number(number), number: number) }
        guard let parts = EntryRow.parts(value), let name = String(validating: parts.key, as: UTF8.self) else {
            return nil
        }
        return EngineRow(role, kind, owner: owner, name: .text(name), number: number)
    }
}

extension EngineRow.Name {
    /// As it stands in keys.
    fileprivate init?(key: Bytes) {
        let isWhole = key.count <= Bytes.longestPlainName
        // The cut may have gone through a character.
        let text =
            isWhole
            ? String(validating: key, as: UTF8.self) : String(decoding: key.prefix(Bytes.keptPrefix), as: UTF8.self)
        guard let text else { return nil }
        self = isWhole ? .text(text) : .beginning(text)
    }
}

extension Bytes? {
    /// An integer of this size, or not known.
    fileprivate func isInteger<Value: FixedWidthInteger>(_ type: Value.Type) -> Bool {
        map { $0.count == MemoryLayout<Value>.size } ?? true
    }
}

extension Sequence<UInt32> {
    /// As they stand in keys.
    var bytes: Bytes {
        reduce(into: Bytes()) { $0.append(bigEndian: $1) }
    }
}
