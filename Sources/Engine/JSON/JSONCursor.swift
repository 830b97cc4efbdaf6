/// A position in a text, and the tokens of RFC 8259 read from there. The one grammar that scanner and parser share.
///
/// Every method starts at the first byte of its token and leaves the position behind the last one. No method reads at or
/// behind `count`.
struct JSONCursor {
    let base: UnsafeRawPointer
    let count: Int
    var position: Int

    /// Stands at the first token. Fails with `.endOfText` when there is none.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard let base = bytes.baseAddress else { throw JSONError(.endOfText, at: 0) }
        self.base = base
        count = bytes.count
        position = 0
        skipWhitespace()
        if position == count { throw JSONError(.endOfText, at: count) }
    }

    @inline(__always)
    func byte(at index: Int) -> UInt8 { base.load(fromByteOffset: index, as: UInt8.self) }

    @inline(__always)
    func word(at index: Int) -> UInt64 { base.loadUnaligned(fromByteOffset: index, as: UInt64.self) }

    @inline(__always)
    mutating func skipWhitespace() {
        while position < count, byte(at: position).isJSONWhitespace { position &+= 1 }
    }

    /// The next token's first byte, behind white space.
    @inline(__always)
    mutating func nextToken() throws(JSONError) -> UInt8 {
        skipWhitespace()
        guard position < count else { throw JSONError(.endOfText, at: count) }
        return byte(at: position)
    }

    /// Nothing but white space may follow the value.
    @inline(__always)
    mutating func finish() throws(JSONError) {
        skipWhitespace()
        if position < count { throw JSONError(.trailingCharacters, at: position) }
    }

    /// A scalar that isn't a string. `first` is the byte here.
    @inline(__always)
    mutating func skipScalar(_ first: UInt8) throws(JSONError) -> JSONKind {
        switch first {
        case UInt8(ascii: "-"), 0x30...0x39:
            try skipNumber(first)
            return .number
        case UInt8(ascii: "t"):
            try skipLiteral("true")
            return .bool
        case UInt8(ascii: "f"):
            try skipLiteral("false")
            return .bool
        case UInt8(ascii: "n"):
            try skipLiteral("null")
            return .null
        default:
            throw JSONError(.expectedValue, at: position)
        }
    }

    private mutating func skipLiteral(_ literal: StaticString) throws(JSONError) {
        let text = literal.utf8Start
        for index in 1..<literal.utf8CodeUnitCount {
            guard position &+ index < count else { throw JSONError(.endOfText, at: count) }
            guard byte(at: position &+ index) == text[index] else { throw JSONError(.expectedValue, at: position) }
        }
        position &+= literal.utf8CodeUnitCount
    }

    /// `key :`, leaving the position at the value. Returns what the quotes enclose and whether it holds escapes.
    @inline(__always)
    mutating func skipKey(orElse code: JSONError.Code) throws(JSONError) -> (range: Range<Int>, hasEscapes: Bool) {
        guard byte(at: position) == UInt8(ascii: "\"") else { throw JSONError(code, at: position) }
        let start = position &+ 1
        let hasEscapes = try skipString()
        let end = position &- 1
        guard try nextToken() == UInt8(ascii: ":") else { throw JSONError(.expectedColon, at: position) }
        position &+= 1
        _ = try nextToken()
        return (Range(uncheckedBounds: (start, end)), hasEscapes)
    }
}

// MARK: - Numbers

extension JSONCursor {
    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    @inline(__always)
    fileprivate mutating func skipNumber(_ first: UInt8) throws(JSONError) {
        let start = position
        if first == UInt8(ascii: "-") { position &+= 1 }
        guard position < count else { throw JSONError(.endOfText, at: count) }
        if byte(at: position) == UInt8(ascii: "0") {
            position &+= 1
            if position < count, byte(at: position).isDecimalDigit { throw JSONError(.invalidNumber, at: start) }
        } else {
            try skipDigits(of: start)
        }
        if position < count, byte(at: position) == UInt8(ascii: ".") {
            position &+= 1
            try skipDigits(of: start)
        }
        if position < count, byte(at: position) | 0x20 == UInt8(ascii: "e") {
            position &+= 1
            if position < count, byte(at: position) == UInt8(ascii: "+") || byte(at: position) == UInt8(ascii: "-") {
                position &+= 1
            }
            try skipDigits(of: start)
        }
    }

    /// At least one digit.
    @inline(__always)
    private mutating func skipDigits(of number: Int) throws(JSONError) {
        let start = position
        while position &+ JSONBytes.wordBytes <= count {
            let marks = JSONBytes.marksOfNonDigit(word(at: position))
            if marks != 0 {
                position &+= JSONBytes.firstMark(marks)
                if position == start { throw JSONError(.invalidNumber, at: number) }
                return
            }
            position &+= JSONBytes.wordBytes
        }
        while position < count, byte(at: position).isDecimalDigit { position &+= 1 }
        guard position == start else { return }
        throw position == count ? JSONError(.endOfText, at: count) : JSONError(.invalidNumber, at: number)
    }
}
