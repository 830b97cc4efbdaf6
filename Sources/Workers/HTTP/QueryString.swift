import Engine

/// The query of a request target, decoded as a form: `+` is a space, bad escapes stay as they are, invalid UTF-8
/// becomes U+FFFD, of a repeated key the last value wins (http.md §7). Never fails.
struct QueryString {
    private(set) var pairs: [(key: String, value: String)] = []

    init(_ text: Substring) {
        var positions: [Name: Int] = [:]
        for piece in text.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            let key = Self.decode(piece[..<equals])
            let value = Self.decode(piece[equals...].dropFirst())
            if let position = positions[Name(key)] {
                pairs[position].value = value
            } else {
                positions[Name(key)] = pairs.count
                pairs.append((key, value))
            }
        }
    }

    private static func decode(_ text: Substring.UTF8View) -> String {
        guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(Substring(text))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), let decoded = escape(rest) {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escape(_ rest: Substring.UTF8View) -> UInt8? {
        var digits = rest.makeIterator()
        guard let high = digits.next().flatMap(hexValue), let low = digits.next().flatMap(hexValue) else { return nil }
        return high << 4 | low
    }
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
