extension JSON {
    /// Builds the tree of one complete text. Accepts exactly what `JSONScanner.validate` accepts; the last of duplicate
    /// keys wins, at the first one's position.
    ///
    /// Doesn't recurse: a small thread stack is enough for any text. `maximumDepth` is for texts that come back from a
    /// store (`JSONLimits.maximumStoredDepth`).
    public static func parse(
        _ bytes: UnsafeRawBufferPointer,
        maximumDepth: Int = JSONLimits.maximumDepth
    ) throws(JSONError) -> JSON {
        var parser = JSONParser(cursor: try JSONCursor(bytes), maximumDepth: maximumDepth)
        let value = try parser.value()
        try parser.cursor.finish()
        return value
    }

    public static func parse(_ bytes: [UInt8], maximumDepth: Int = JSONLimits.maximumDepth) throws(JSONError) -> JSON {
        let result = bytes.withUnsafeBytes { Result(parsing: $0, maximumDepth) }
        return try result.get()
    }

    public static func parse(_ text: String, maximumDepth: Int = JSONLimits.maximumDepth) throws(JSONError) -> JSON {
        let result = text.withBytes { Result(parsing: $0, maximumDepth) }
        return try result.get()
    }
}

extension Result where Success == JSON, Failure == JSONError {
    /// `withUnsafeBytes` and its kin don't pass typed errors on.
    fileprivate init(parsing bytes: UnsafeRawBufferPointer, _ maximumDepth: Int) {
        do throws(JSONError) {
            self = .success(try JSON.parse(bytes, maximumDepth: maximumDepth))
        } catch {
            self = .failure(error)
        }
    }
}

/// Builds a tree with a stack of its own.
private struct JSONParser {
    var cursor: JSONCursor
    let maximumDepth: Int
    /// The open containers, innermost last.
    private var open: [Container] = []

    private struct Container {
        let isObject: Bool
        var elements: [JSON] = []
        var members = JSONObject()
        /// Of the member whose value comes next.
        var key = ""
    }

    init(cursor: JSONCursor, maximumDepth: Int) {
        self.cursor = cursor
        self.maximumDepth = maximumDepth
    }

    mutating func value() throws(JSONError) -> JSON {
        while true {
            guard var finished = try begin() else { continue }
            // A value is whole: it goes into its container, which may be whole then, and so on outwards.
            while let innermost = open.indices.last {
                store(finished, in: innermost)
                if try continues(innermost) { break }
                finished = close()
            }
            if open.isEmpty { return finished }
        }
    }

    /// The scalar or empty container here. Nil when a container with content was opened: we are at its first value then.
    private mutating func begin() throws(JSONError) -> JSON? {
        let first = cursor.byte(at: cursor.position)
        switch first {
        case UInt8(ascii: "{"):
            try descend(isObject: true)
            if try cursor.nextToken() == UInt8(ascii: "}") { return close() }
            try readKey(orElse: .expectedKeyOrEnd)
            return nil
        case UInt8(ascii: "["):
            try descend(isObject: false)
            return try cursor.nextToken() == UInt8(ascii: "]") ? close() : nil
        case UInt8(ascii: "\""):
            let start = cursor.position + 1
            let hasEscapes = try cursor.skipString()
            return .string(JSONScanner.decode(text(start..<(cursor.position - 1)), hasEscapes: hasEscapes))
        default:
            return try scalar(first)
        }
    }

    private mutating func scalar(_ first: UInt8) throws(JSONError) -> JSON {
        let start = cursor.position
        switch try cursor.skipScalar(first) {
        case .number:
            return .number(JSONNumber(validated: String(decoding: text(start..<cursor.position), as: UTF8.self)))
        case .bool:
            return .bool(first == UInt8(ascii: "t"))
        default:
            return .null
        }
    }

    private mutating func store(_ value: JSON, in index: Int) {
        if open[index].isObject {
            open[index].members.set(open[index].key, value)
        } else {
            open[index].elements.append(value)
        }
    }

    /// Behind a value: true at the container's next value, false at its closing character.
    private mutating func continues(_ index: Int) throws(JSONError) -> Bool {
        let isObject = open[index].isObject
        switch try cursor.nextToken() {
        case UInt8(ascii: ","):
            cursor.position += 1
            _ = try cursor.nextToken()
            if isObject { try readKey(orElse: .expectedKey) }
            return true
        case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
            return false
        default:
            throw JSONError(isObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: cursor.position)
        }
    }

    private mutating func readKey(orElse code: JSONError.Code) throws(JSONError) {
        let key = try cursor.skipKey(orElse: code)
        open[open.count - 1].key = JSONScanner.decode(text(key.range), hasEscapes: key.hasEscapes)
    }

    private mutating func descend(isObject: Bool) throws(JSONError) {
        guard open.count < maximumDepth else { throw JSONError(.tooDeep, at: cursor.position) }
        open.append(Container(isObject: isObject))
        cursor.position += 1
    }

    private mutating func close() -> JSON {
        cursor.position += 1
        let container = open.removeLast()
        return container.isObject ? .object(container.members) : .array(container.elements)
    }

    private func text(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: cursor.base + range.lowerBound, count: range.count)
    }
}
