/// A case-insensitive substring to look for. Nil when the caller searched for nothing.
///
/// A search takes time in proportion to the text, whatever needle and text are (Knuth, Morris and Pratt): both come from
/// workers.
struct SearchNeedle {
    private let text: String
    private let bytes: [UInt8]
    /// For every prefix of the needle, how many bytes at its end begin the needle again.
    private let borders: [Int]

    init?(_ text: String?) {
        guard let text, !text.isEmpty else { return nil }
        self.text = text.lowercased()
        bytes = Array(self.text.utf8)
        borders = Self.borders(of: bytes)
    }

    func isIn(_ text: String?) -> Bool {
        guard let text else { return false }
        return isPart(of: text.lowercased())
    }

    /// How well a function matches, lower is better; nil when it doesn't (engine-functions.md §3): 0 the id starts
    /// with the needle or one of its segments is the needle, 1 the id contains it, 2 only the description does.
    func rank(id: String, description: String?) -> Int? {
        let id = id.lowercased()
        if id.utf8.starts(with: text.utf8) || Self.segments(of: id).contains(where: { $0.elementsEqual(text.utf8) }) {
            return 0
        }
        if isPart(of: id) { return 1 }
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

    private func isPart(of text: String) -> Bool {
        var matched = 0
        for byte in text.utf8 {
            while matched > 0, bytes[matched] != byte { matched = borders[matched - 1] }
            if bytes[matched] == byte { matched += 1 }
            if matched == bytes.count { return true }
        }
        return false
    }

    private static func borders(of bytes: [UInt8]) -> [Int] {
        var borders = [0]
        borders.reserveCapacity(bytes.count)
        var border = 0
        for byte in bytes.dropFirst() {
            while border > 0, bytes[border] != byte { border = borders[border - 1] }
            if bytes[border] == byte { border += 1 }
            borders.append(border)
        }
        return borders
    }
}

extension String {
    /// Equality of bytes: identifiers aren't compared by Unicode equivalence.
    func isSameName(as other: String?) -> Bool {
        other.map { utf8.elementsEqual($0.utf8) } ?? false
    }

    var isEngineID: Bool { utf8.starts(with: "engine::".utf8) }
}
