/// Says whether a text is one JSON value by RFC 8259, and which keys its outermost object has, in order.
struct JSONCheck {
    private var rest: Substring.UTF8View
    private var depth = 0
    private(set) var keys: [String] = []

    /// nil: not JSON.
    static func keys(_ text: String) -> [String]? {
        var check = JSONCheck(rest: text.utf8[...])
        guard check.value(), check.rest.isEmpty else { return nil }
        return check.keys
    }

    private init(rest: Substring.UTF8View) {
        self.rest = rest
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let wanted = text.withUTF8Buffer { Array($0) }
        guard rest.starts(with: wanted) else { return false }
        rest = rest.dropFirst(wanted.count)
        return true
    }

    private mutating func value() -> Bool {
        switch rest.first {
        case UInt8(ascii: "{"): object()
        case UInt8(ascii: "["): array()
        case UInt8(ascii: "\""): string() != nil
        default: take("true") || take("false") || take("null") || number()
        }
    }

    private mutating func object() -> Bool {
        depth += 1
        defer { depth -= 1 }
        guard take("{") else { return false }
        if take("}") { return true }
        repeat {
            guard let key = string(), take(":"), value() else { return false }
            if depth == 1 { keys.append(key) }
        } while take(",")
        return take("}")
    }

    private mutating func array() -> Bool {
        depth += 1
        defer { depth -= 1 }
        guard take("[") else { return false }
        if take("]") { return true }
        repeat {
            guard value() else { return false }
        } while take(",")
        return take("]")
    }

    private mutating func number() -> Bool {
        let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
        rest = rest.dropFirst(digits.count)
        return digits.count == 1 || digits.count > 1 && digits.first != 0x30
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        let start = rest
        var length = 0
        while let byte = rest.first {
            rest = rest.dropFirst()
            switch byte {
            case UInt8(ascii: "\""): return String(start.prefix(length))
            case UInt8(ascii: "\\"):
                guard let escaped = rest.first, "\"\\/bfnrtu".utf8.contains(escaped) else { return nil }
                rest = rest.dropFirst()
                length += 2
            case 0..<0x20: return nil
            default: length += 1
            }
        }
        return nil
    }
}
