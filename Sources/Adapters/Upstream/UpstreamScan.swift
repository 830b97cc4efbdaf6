import Engine

/// Where one member of the index lies in its file. The format has 30 bits of length, so 32 hold every position.
struct UpstreamMember: Sendable {
    private var keyStart: UInt32
    private var keyEnd: UInt32
    private var valueStart: UInt32
    /// The top bit says that the key holds escapes.
    private var valueEnd: UInt32

    private static let escapes: UInt32 = 1 << 31

    init(_ member: JSONMember) {
        keyStart = UInt32(member.keyRange.lowerBound)
        keyEnd = UInt32(member.keyRange.upperBound)
        valueStart = UInt32(member.valueRange.lowerBound)
        valueEnd = UInt32(member.valueRange.upperBound) | (member.keyHasEscapes ? Self.escapes : 0)
    }

    var value: Range<Int> { Int(valueStart)..<Int(valueEnd & ~Self.escapes) }

    /// Key, not decoded, and value.
    var textBytes: Int { Int(keyEnd - keyStart) + value.count }

    mutating func takeValue(of other: UpstreamMember) {
        valueStart = other.valueStart
        valueEnd = other.valueEnd & ~Self.escapes | valueEnd & Self.escapes
    }

    func key(in file: [UInt8]) -> String {
        let range = Int(keyStart)..<Int(keyEnd)
        guard valueEnd & Self.escapes != 0 else { return String(decoding: file[range], as: UTF8.self) }
        let token = (range.lowerBound - 1)..<(range.upperBound + 1)
        guard let key = file.withUnsafeBytes({ JSONScanner.string($0, token: token) }) else {
            preconditionFailure("a key that the scanner accepted must be decodable")
        }
        return key
    }

    /// The key's bytes, decoded.
    func withKey<Result>(in file: [UInt8], _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard valueEnd & Self.escapes == 0 else {
            var key = key(in: file)
            return key.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
        return file.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[Int(keyStart)..<Int(keyEnd)])) }
    }
}

/// The members of the object at a file's start, and where the text stops being one.
struct UpstreamScan {
    private(set) var members: [UpstreamMember] = []
    private(set) var duplicates = UpstreamDuplicates()
    /// Nil when the scanned bytes are one complete object. `members` are those before the mistake otherwise.
    private(set) var error: JSONError?

    init(_ file: [UInt8], _ range: Range<Int>) {
        startsAnObject = file[range].first { !$0.isBlank } == UInt8(ascii: "{")
        error = file.withUnsafeBytes { bytes -> JSONError? in
            do throws(JSONError) {
                try JSONScanner.scanObject(UnsafeRawBufferPointer(rebasing: bytes[range])) {
                    members.append(UpstreamMember($0))
                }
                return nil
            } catch {
                return error
            }
        }
        if error != nil { dropUnterminated(file, range) }
        mergeDuplicates(file)
    }

    private let startsAnObject: Bool

    /// Whether a complete object stands at the start, whatever follows.
    var isWholeObject: Bool { startsAnObject && (error == nil || error?.code == .trailingCharacters) }

    /// A number at the end of a cut text may have had more digits: only what a comma or brace follows counts.
    private mutating func dropUnterminated(_ file: [UInt8], _ range: Range<Int>) {
        guard let last = members.last?.value.upperBound else { return }
        let next = file[last..<range.upperBound].first { !$0.isBlank }
        if next != UInt8(ascii: ","), next != UInt8(ascii: "}") { members.removeLast() }
    }

    private mutating func mergeDuplicates(_ file: [UInt8]) {
        var table = UpstreamKeyTable()
        var kept = 0
        for position in members.indices {
            let member = members[position]
            let known = member.withKey(in: file) { key in
                table.insert(kept, hash: key.keyHash) { other in
                    members[other].withKey(in: file) { $0.elementsEqual(key) }
                }
            }
            if let known {
                members[known].takeValue(of: member)
                duplicates.add(member.key(in: file))
            } else {
                members[kept] = member
                kept += 1
            }
        }
        members.removeLast(members.count - kept)
    }
}

extension UInt8 {
    /// White space between JSON tokens.
    var isBlank: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
