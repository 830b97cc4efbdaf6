import Engine
import NIOCore

/// What a function's return value means as a response (http.md §11).
extension HTTPResponse {
    /// `result` is any JSON value. It isn't parsed into a tree: the ranges of the three members are found in one scan
    /// and the body's bytes go out from where they are.
    init(functionResult result: RawJSON) {
        let text = result.buffer
        self = text.withUnsafeReadableBytes { bytes in
            var members = ResultMembers()
            // Anything but an object is an object with none of the keys.
            try? JSONScanner.scanObject(bytes) { members.take($0, bytes) }
            return HTTPResponse(members, bytes, text: text)
        }
    }

    private init(_ members: ResultMembers, _ bytes: UnsafeRawBufferPointer, text: ByteBuffer) {
        let code = members.statusCode ?? members.statusCodeAlias
        let status = code.flatMap { Self.status(bytes, $0) } ?? 200
        // A final response can't be informational, and the engine doesn't switch protocols.
        guard status >= 200 else {
            self = .empty(500, closesConnection: true)
            return
        }
        var headers = ResponseHeaders()
        if let member = members.headers { headers.read(bytes, member) }
        // `connection: close` is honoured: a handler may ask for the end of the client's connection.
        let closesConnection = headers.removeHopByHop()
        self.init(status: status, headers: headers)
        self.closesConnection = closesConnection
        setBody(members.body, bytes, text: text)
    }

    /// First matching row of §11's table.
    private mutating func setBody(_ member: ResultMembers.Value?, _ bytes: UnsafeRawBufferPointer, text: ByteBuffer) {
        guard headers.contains("content-type") else {
            headers.add("content-type", "application/json")
            body = member.map { Self.compact(bytes, $0.range) } ?? ByteBuffer(staticString: "{}")
            return
        }
        switch member?.kind {
        case nil: body = ByteBuffer(staticString: "{}")
        case .null: body = ByteBuffer()
        case .string: body = member.map { Self.content(bytes, $0.range, text: text) } ?? ByteBuffer()
        default: body = member.map { Self.compact(bytes, $0.range) } ?? ByteBuffer()
        }
    }

    /// 100-999 from an integer token, or from a float that is integral (Better); nil is the default, 200.
    static func status(_ bytes: UnsafeRawBufferPointer, _ value: ResultMembers.Value) -> Int? {
        guard value.kind == .number, value.range.count <= 32 else { return nil }
        let token = String(decoding: bytes[value.range], as: UTF8.self)
        let number = Int(token) ?? Double(token).flatMap { Int(exactly: $0) }
        return number.flatMap { (100...999).contains($0) ? $0 : nil }
    }

    private static func compact(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeCompacted(UnsafeRawBufferPointer(rebasing: bytes[range]))
        return buffer
    }

    /// The bytes that a string token stands for: a slice of the result when it has no escapes.
    private static func content(_ bytes: UnsafeRawBufferPointer, _ token: Range<Int>, text: ByteBuffer) -> ByteBuffer {
        let inner = (token.lowerBound + 1)..<(token.upperBound - 1)
        if !bytes[inner].contains(UInt8(ascii: "\\")),
            let slice = text.getSlice(at: text.readerIndex + inner.lowerBound, length: inner.count)
        {
            return slice
        }
        return ByteBuffer(string: JSONScanner.string(bytes, token: token) ?? "")
    }
}

/// Where the known members of a result stand; of duplicates the last one counts.
struct ResultMembers {
    struct Value {
        let range: Range<Int>
        let kind: JSONKind
    }

    private(set) var statusCode: Value?
    /// `statusCode`: what the Python response models serialize under (Better).
    private(set) var statusCodeAlias: Value?
    private(set) var headers: Value?
    private(set) var body: Value?

    mutating func take(_ member: JSONMember, _ bytes: UnsafeRawBufferPointer) {
        let value = Value(range: member.valueRange, kind: member.kind)
        if JSONScanner.key(bytes, of: member, is: "body") {
            body = value
        } else if JSONScanner.key(bytes, of: member, is: "status_code") {
            statusCode = member.kind == .null ? nil : value
        } else if JSONScanner.key(bytes, of: member, is: "headers") {
            headers = value
        } else if JSONScanner.key(bytes, of: member, is: "statusCode") {
            statusCodeAlias = value
        }
    }
}

extension ResponseHeaders {
    /// Reads `headers`: an object of name to string or strings, or an array of `"Name: value"` (http.md §11).
    fileprivate mutating func read(_ bytes: UnsafeRawBufferPointer, _ value: ResultMembers.Value) {
        let part = UnsafeRawBufferPointer(rebasing: bytes[value.range])
        switch value.kind {
        case .object:
            try? JSONScanner.scanObject(part) { member in
                read(part, name: JSONScanner.key(part, of: member), member)
            }
        case .array:
            try? JSONScanner.scanArray(part) { range, kind in
                if kind == .string, let line = JSONScanner.string(part, token: range) { read(line: line) }
            }
        default:
            break
        }
    }

    /// One member of the object form. The last spelling of a name wins; only arrays repeat a field.
    private mutating func read(_ bytes: UnsafeRawBufferPointer, name: String, _ member: JSONMember) {
        switch member.kind {
        case .string:
            guard let value = JSONScanner.string(bytes, token: member.valueRange) else { return }
            remove(name.lowercased())
            add(untrusted: name, value)
        case .array:
            remove(name.lowercased())
            let part = UnsafeRawBufferPointer(rebasing: bytes[member.valueRange])
            try? JSONScanner.scanArray(part) { range, kind in
                if kind == .string, let value = JSONScanner.string(part, token: range) { add(untrusted: name, value) }
            }
        default:
            break
        }
    }

    private mutating func read(line: String) {
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return }
        add(untrusted: line[..<colon].trimmed, line[line.utf8.index(after: colon)...].trimmed)
    }
}

extension Substring {
    /// Without ASCII white space at both ends.
    fileprivate var trimmed: String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }
        let head = utf8.drop(while: isSpace)
        let tail = head.reversed().prefix(while: isSpace).count
        return String(Substring(head.dropLast(tail)))
    }
}
