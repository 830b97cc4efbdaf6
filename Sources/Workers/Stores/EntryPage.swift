import Engine
import NIOCore

/// A part of a scope's or group's entries, ascending by key (docs/state.md, "Keys and entries in pages").
public struct EntryPageRequest: Sendable {
    public static let defaultLimit = 1000
    public static let limits = 1...10_000
    /// Beyond this many bytes of keys and values a page ends; its first entry may exceed it alone.
    public static let maximumBytes = 16 << 20

    /// Entries whose key begins with these bytes.
    public var prefix: String
    /// Behind this place; nil: from the start.
    public var cursor: EntryCursor?
    /// Most entries.
    public var limit: Int
    public var wantsValues: Bool

    public init(
        prefix: String = "",
        cursor: EntryCursor? = nil,
        limit: Int = defaultLimit,
        wantsValues: Bool = false
    ) {
        self.prefix = prefix
        self.cursor = cursor
        self.limit = limit
        self.wantsValues = wantsValues
    }

    /// Reads `prefix`, `cursor` and `limit`.
    public init(_ reader: ArgumentReader, wantsValues: Bool) throws(ArgumentError) {
        prefix = try reader.optionalString("prefix") ?? ""
        cursor = try reader.optionalString("cursor").map { (text) throws(ArgumentError) in
            guard let cursor = EntryCursor(text) else {
                throw .invalidValue(.string(text), expected: "the cursor of an earlier page, or none to begin")
            }
            return cursor
        }
        let limit = try reader.optionalInt64("limit") ?? Int64(Self.defaultLimit)
        guard let limit = Int(exactly: limit), Self.limits.contains(limit) else {
            throw .invalidValue(
                JSON(limit),
                expected: "a number from \(Self.limits.lowerBound) to \(Self.limits.upperBound)"
            )
        }
        self.limit = limit
        self.wantsValues = wantsValues
    }

    /// The members, for a request's published schema.
    public static let schema: [JSONSchema.Property] = [
        .optional("prefix", .string, "Only keys that begin with it", initial: ""),
        .optional("cursor", .string, "Of the page before; none to begin"),
        .optional("limit", .uint64, "Most entries of the page, 1 to \(limits.upperBound)", initial: JSON(defaultLimit)),
    ]
}

/// What a page holds, and where the next begins.
public struct EntryPage: Sendable {
    public struct Entry: Sendable {
        public var key: String
        /// nil when only keys were asked for.
        public var value: RawJSON?

        public init(key: String, value: RawJSON?) {
            self.key = key
            self.value = value
        }
    }

    public var entries: [Entry]
    /// nil: this is the last page.
    public var next: EntryCursor?

    public init(entries: [Entry] = [], next: EntryCursor? = nil) {
        self.entries = entries
        self.next = next
    }

    /// `{"keys":["a","b"],"cursor":null}`
    var keysJSON: RawJSON {
        json("{\"keys\":[") { text, entry in text.writeJSONString(entry.key) }
    }

    /// `{"entries":[{"key":"a","value":1}],"cursor":"01…"}`
    var entriesJSON: RawJSON {
        json("{\"entries\":[") { text, entry in
            text.writeStaticString("{\"key\":")
            text.writeJSONString(entry.key)
            text.writeStaticString(",\"value\":")
            text.writeImmutableBuffer((entry.value ?? .null).buffer)
            text.writeStaticString("}")
        }
    }

    private func json(_ head: StaticString, _ write: (inout ByteBuffer, Entry) -> Void) -> RawJSON {
        var text = ByteBuffer(staticString: head)
        for (index, entry) in entries.enumerated() {
            if index > 0 { text.writeStaticString(",") }
            write(&text, entry)
        }
        text.writeStaticString("],\"cursor\":")
        if let next { text.writeJSONString(next.text) } else { text.writeStaticString("null") }
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }
}
