/// One top-level member of an object, as byte ranges of the text.
public struct JSONMember: Sendable {
    /// The raw bytes between the key's quotes.
    public var keyRange: Range<Int>
    /// Whether the key's bytes hold escapes: then equal keys can have different bytes.
    public var keyHasEscapes: Bool
    /// The value's bytes, without white space around it.
    public var valueRange: Range<Int>
    public var kind: JSONKind
}

/// Validates one complete JSON text (RFC 8259; strict UTF-8; no lone surrogates, as serde_json) in one pass, without
/// allocating and without recursion, and reports where things are. A byte-order mark isn't part of the grammar.
///
/// Containers may nest `JSONLimits.maximumDepth` deep. Duplicate keys are valid and reported each.
public enum JSONScanner {
    /// Returns the kind of the text's value.
    public static func validate(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONKind {
        var cursor = try JSONCursor(bytes)
        let kind = try cursor.skipValue(depth: 0)
        try cursor.finish()
        return kind
    }

    /// Validates the whole text and reports each top-level member of the object, in order. Members before a mistake
    /// have been reported when it is found. Throws `.notAnObject` for other valid texts.
    public static func scanObject(
        _ bytes: UnsafeRawBufferPointer,
        _ visit: (JSONMember) -> Void
    ) throws(JSONError) {
        var cursor = try JSONCursor(bytes)
        try cursor.enter(UInt8(ascii: "{"), orElse: .notAnObject)
        guard try cursor.nextToken() != UInt8(ascii: "}") else { return try cursor.leave() }
        var code = JSONError.Code.expectedKeyOrEnd
        while true {
            let key = try cursor.skipKey(orElse: code)
            let start = cursor.position
            let kind = try cursor.skipValue(depth: 1)
            visit(
                JSONMember(
                    keyRange: key.range,
                    keyHasEscapes: key.hasEscapes,
                    valueRange: Range(uncheckedBounds: (start, cursor.position)),
                    kind: kind
                )
            )
            guard try cursor.continues(until: UInt8(ascii: "}"), orElse: .expectedCommaOrBrace) else { return }
            code = .expectedKey
        }
    }

    /// Validates the whole text and reports each element of the array, in order. Throws `.notAnArray` for other valid
    /// texts.
    public static func scanArray(
        _ bytes: UnsafeRawBufferPointer,
        _ visit: (Range<Int>, JSONKind) -> Void
    ) throws(JSONError) {
        var cursor = try JSONCursor(bytes)
        try cursor.enter(UInt8(ascii: "["), orElse: .notAnArray)
        guard try cursor.nextToken() != UInt8(ascii: "]") else { return try cursor.leave() }
        while true {
            let start = cursor.position
            let kind = try cursor.skipValue(depth: 1)
            visit(Range(uncheckedBounds: (start, cursor.position)), kind)
            guard try cursor.continues(until: UInt8(ascii: "]"), orElse: .expectedCommaOrBracket) else { return }
        }
    }
}

extension JSONCursor {
    /// Steps into the outermost container. Another value is validated first, so that a malformed text says what is
    /// malformed, then fails with `code`.
    @inline(__always)
    fileprivate mutating func enter(_ opening: UInt8, orElse code: JSONError.Code) throws(JSONError) {
        guard byte(at: position) == opening else {
            let start = position
            _ = try skipValue(depth: 0)
            try finish()
            throw JSONError(code, at: start)
        }
        position &+= 1
    }

    /// Steps over the outermost container's end, which must be the text's.
    @inline(__always)
    fileprivate mutating func leave() throws(JSONError) {
        position &+= 1
        try finish()
    }

    /// Behind a value of the outermost container: to the next one, or out.
    @inline(__always)
    fileprivate mutating func continues(until closing: UInt8, orElse code: JSONError.Code) throws(JSONError) -> Bool {
        let next = try nextToken()
        if next == UInt8(ascii: ",") {
            position &+= 1
            _ = try nextToken()
            return true
        }
        guard next == closing else { throw JSONError(code, at: position) }
        try leave()
        return false
    }

    /// The value here, whatever it is. `depth` containers are open around it.
    @inline(__always)
    mutating func skipValue(depth: Int) throws(JSONError) -> JSONKind {
        let first = byte(at: position)
        switch first {
        case UInt8(ascii: "\""):
            _ = try skipString()
            return .string
        case UInt8(ascii: "{"):
            try skipContainer(depth: depth)
            return .object
        case UInt8(ascii: "["):
            try skipContainer(depth: depth)
            return .array
        default:
            return try skipScalar(first)
        }
    }

    /// The container here and all inside it. Which kinds of container are open is one bit each, outermost highest:
    /// `JSONLimits.maximumDepth` bits, hence no recursion and no memory.
    @inline(never)
    private mutating func skipContainer(depth outside: Int) throws(JSONError) {
        var depth = outside
        var open: UInt128 = 0
        var inObject = false
        value: while true {
            // Here: at the first byte of a value.
            let first = byte(at: position)
            switch first {
            case UInt8(ascii: "\""):
                _ = try skipString()
            case UInt8(ascii: "{"):
                try descend(&depth)
                open = open &<< 1 | (inObject ? 1 : 0)
                inObject = true
                if try nextToken() == UInt8(ascii: "}") { break }
                _ = try skipKey(orElse: .expectedKeyOrEnd)
                continue value
            case UInt8(ascii: "["):
                try descend(&depth)
                open = open &<< 1 | (inObject ? 1 : 0)
                inObject = false
                if try nextToken() == UInt8(ascii: "]") { break }
                continue value
            default:
                _ = try skipScalar(first)
            }
            // Here: behind a scalar, or at the end of an empty container.
            while true {
                let next = try nextToken()
                if next == UInt8(ascii: ",") {
                    position &+= 1
                    _ = try nextToken()
                    if inObject { _ = try skipKey(orElse: .expectedKey) }
                    continue value
                }
                guard next == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw JSONError(inObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: position)
                }
                position &+= 1
                depth &-= 1
                inObject = open & 1 == 1
                open &>>= 1
                if depth == outside { return }
            }
        }
    }

    @inline(__always)
    private mutating func descend(_ depth: inout Int) throws(JSONError) {
        guard depth < JSONLimits.maximumDepth else { throw JSONError(.tooDeep, at: position) }
        depth &+= 1
        position &+= 1
    }
}
