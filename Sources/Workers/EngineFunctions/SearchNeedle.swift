/// A case-insensitive substring to look for. Nil when the caller searched for nothing.
struct SearchNeedle {
    private let text: String

    init?(_ text: String?) {
        guard let text, !text.isEmpty else { return nil }
        self.text = text.lowercased()
    }

    func isIn(_ text: String?) -> Bool {
        guard let text else { return false }
        return Self.find(self.text, in: text.lowercased())
    }

    /// How well a function matches, lower is better; nil when it doesn't (engine-functions.md §3): 0 the id starts
    /// with the needle or one of its segments is the needle, 1 the id contains it, 2 only the description does.
    func rank(id: String, description: String?) -> Int? {
        let id = id.lowercased()
        if id.utf8.starts(with: text.utf8) || Self.segments(of: id).contains(where: { $0.elementsEqual(text.utf8) }) {
            return 0
        }
        if Self.find(text, in: id) { return 1 }
        return isIn(description) ? 2 : nil
    }

    private static func segments(of id: String) -> [Substring.UTF8View] {
        let colon = UInt8(ascii: ":")
        let bytes = id.utf8
        var segments: [Substring.UTF8View] = []
        var start = bytes.startIndex
        var index = start
        while index != bytes.endIndex {
            let next = bytes.index(after: index)
            if bytes[index] == colon, next != bytes.endIndex, bytes[next] == colon {
                segments.append(bytes[start..<index])
                start = bytes.index(after: next)
                index = start
            } else {
                index = next
            }
        }
        segments.append(bytes[start...])
        return segments
    }

    private static func find(_ needle: String, in text: String) -> Bool {
        var rest = text.utf8[...]
        while rest.count >= needle.utf8.count {
            if rest.starts(with: needle.utf8) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}

extension String {
    /// Equality of bytes: identifiers aren't compared by Unicode equivalence.
    func isSameName(as other: String?) -> Bool {
        other.map { utf8.elementsEqual($0.utf8) } ?? false
    }

    var isEngineID: Bool { utf8.starts(with: "engine::".utf8) }
}
