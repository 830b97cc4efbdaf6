import Engine

#if canImport(Glibc)
    import Glibc
#endif

/// Rewrites a value as upstream spells it: no white space outside strings, the members of every object in byte order of
/// their keys (the last of equal keys counts), strings with the fewest escapes. Numbers keep their text.
///
/// One pass with a stack of its own: the depth of a value can't exhaust the thread's.
struct UpstreamValueText {
    /// What upstream refuses when it loads: containers inside each other, the index itself included.
    static let maximumDepth = 127 - 1
    /// No shorter plain number overflows a double.
    private static let shortNumberBytes = 308

    enum Problem: Error {
        case notJSON(JSONError)
        case tooDeep
        /// Beyond the range of a double: upstream fails to load the whole index.
        case numberOutOfRange
    }

    private let input: UnsafeRawBufferPointer
    private var position = 0
    private var output: [UInt8]
    private var open: [Container] = []
    /// The keys of the open objects, as what they stand for.
    private var keys: [UInt8] = []

    private struct Member {
        /// In `output`.
        var start: Int
        var end = 0
        /// In `keys`.
        var key: Range<Int>
    }

    private struct Container {
        let isObject: Bool
        /// In `output`, behind the brace.
        let start: Int
        /// In `keys`.
        let keyStart: Int
        var members: [Member] = []
        var isAtKey: Bool
    }

    /// Appends the value to `output`, whose content is unspecified after an error.
    static func append(_ value: UnsafeRawBufferPointer, to output: inout [UInt8]) throws(Problem) {
        do throws(JSONError) {
            _ = try JSONScanner.validate(value)
        } catch {
            throw error.code == .tooDeep ? .tooDeep : .notJSON(error)
        }
        var text = UpstreamValueText(value, appendingTo: output)
        output = []
        try text.run()
        output = text.output
    }

    private init(_ input: UnsafeRawBufferPointer, appendingTo output: consuming [UInt8]) {
        self.input = input
        self.output = output
    }

    private mutating func run() throws(Problem) {
        while position < input.count {
            let byte = input[position]
            switch byte {
            case _ where byte.isBlank: position += 1
            case UInt8(ascii: "\""): appendString()
            case UInt8(ascii: "{"), UInt8(ascii: "["): try descend(byte)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): ascend(byte)
            case UInt8(ascii: ","): separate()
            case UInt8(ascii: ":"): appendByte(byte)
            default: try appendScalar()
            }
        }
    }

    private mutating func appendByte(_ byte: UInt8) {
        output.append(byte)
        position += 1
    }

    private mutating func descend(_ byte: UInt8) throws(Problem) {
        guard open.count < Self.maximumDepth else { throw .tooDeep }
        appendByte(byte)
        let isObject = byte == UInt8(ascii: "{")
        open.append(
            Container(isObject: isObject, start: output.count, keyStart: keys.count, isAtKey: isObject)
        )
    }

    private mutating func ascend(_ byte: UInt8) {
        endMember()
        if let closed = open.popLast() {
            if closed.isObject { sort(closed.members, from: closed.start) }
            keys.removeSubrange(closed.keyStart...)
        }
        appendByte(byte)
    }

    private mutating func separate() {
        endMember()
        appendByte(UInt8(ascii: ","))
    }

    private mutating func endMember() {
        guard let last = open.indices.last, open[last].isObject, !open[last].members.isEmpty else { return }
        open[last].members[open[last].members.count - 1].end = output.count
        open[last].isAtKey = true
    }

    private mutating func appendScalar() throws(Problem) {
        let start = position
        while position < input.count, !input[position].endsScalar { position += 1 }
        let text = input[start..<position]
        output.append(contentsOf: text)
        guard text.count > Self.shortNumberBytes || text.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) else {
            return
        }
        let number = JSONNumber(String(decoding: text, as: UTF8.self))
        if number?.double.isInfinite == true { throw .numberOutOfRange }
    }
}

// MARK: - Strings

extension UpstreamValueText {
    private mutating func appendString() {
        let start = output.count
        let (token, hasEscapes) = nextString()
        let isKey = open.last?.isAtKey == true
        let keyStart = keys.count
        if hasEscapes, let text = JSONScanner.string(input, token: token) {
            var writer = JSONWriter(appendingTo: output)
            output = []
            writer.string(text)
            output = writer.bytes
            if isKey { keys.append(contentsOf: text.utf8) }
        } else {
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[token]))
            if isKey { keys.append(contentsOf: input[token].dropFirst().dropLast()) }
        }
        if isKey { beginMember(at: start, key: keyStart..<keys.count) }
    }

    private mutating func beginMember(at start: Int, key: Range<Int>) {
        open[open.count - 1].isAtKey = false
        open[open.count - 1].members.append(Member(start: start, key: key))
    }

    /// The token here, quotes included.
    private mutating func nextString() -> (token: Range<Int>, hasEscapes: Bool) {
        let start = position
        var hasEscapes = false
        position += 1
        while position < input.count, input[position] != UInt8(ascii: "\"") {
            if input[position] == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
            }
            position += 1
        }
        position += 1
        return (start..<min(position, input.count), hasEscapes)
    }
}

// MARK: - Order

extension UpstreamValueText {
    /// Puts the members that stand from `start` to the output's end in order.
    private mutating func sort(_ members: [Member], from start: Int) {
        guard !zip(members, members.dropFirst()).allSatisfy({ compare($0, $1) < 0 }) else { return }
        let text = Array(output[start...])
        output.removeSubrange(start...)
        let order = members.indices.sorted { left, right in
            let difference = compare(members[left], members[right])
            return difference < 0 || (difference == 0 && left < right)
        }
        for (rank, position) in order.enumerated() {
            let member = members[position]
            // Of equal keys only the last one, which comes last here too.
            if rank + 1 < order.count, compare(member, members[order[rank + 1]]) == 0 { continue }
            if output.count > start { output.append(UInt8(ascii: ",")) }
            output.append(contentsOf: text[(member.start - start)..<(member.end - start)])
        }
    }

    /// Negative, zero or positive, by the keys' bytes.
    private func compare(_ left: Member, _ right: Member) -> Int {
        keys.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let common = min(left.key.count, right.key.count)
            let difference = memcmp(base + left.key.lowerBound, base + right.key.lowerBound, common)
            return difference != 0 ? Int(difference) : left.key.count - right.key.count
        }
    }
}

extension UInt8 {
    fileprivate var endsScalar: Bool {
        isBlank || self == UInt8(ascii: ",") || self == UInt8(ascii: "}") || self == UInt8(ascii: "]")
    }
}
