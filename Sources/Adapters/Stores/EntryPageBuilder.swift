import Engine
import Storage
import Workers

/// Fills a page until it is full.
struct EntryPageBuilder {
    private(set) var page = EntryPage()
    private let request: EntryPageRequest
    private var visited = 0
    private var bytes = 0
    private var last: Bytes?

    init(_ request: EntryPageRequest) {
        self.request = request
    }

    /// Takes in the next entry, or passes over one whose key has another prefix; false: it belongs to the next page.
    ///
    /// - Parameter bytes: what it cost to read.
    mutating func add(_ position: Bytes, key: String, value: RawJSON?, bytes read: Int) -> Bool {
        // Escaped, a key takes up to six times its bytes.
        let cost = read + 5 * key.utf8.count
        let hasRoom = visited == 0 || bytes + cost <= EntryPageRequest.maximumBytes
        guard visited < request.limit, hasRoom else {
            page.next = last.map { EntryCursor(position: $0) }
            return false
        }
        visited += 1
        bytes += cost
        last = position
        if key.utf8.starts(with: request.prefix.utf8) {
            page.entries.append(EntryPage.Entry(key: key, value: value))
        }
        return true
    }
}

/// The first names behind a place, in the order of their positions, out of any number: memory for the page only.
struct EntryPageSelection {
    private let request: EntryPageRequest
    private var places: [(position: Bytes, name: Name)] = []
    /// Names from here on are not on the page.
    private var bound: Bytes?

    init(_ request: EntryPageRequest) {
        self.request = request
    }

    mutating func offer(_ name: Name) {
        guard name.string.utf8.starts(with: request.prefix.utf8), !isBehindBound(name) else { return }
        let position = Bytes(name: name.string)
        if let cursor = request.cursor, !cursor.position.lexicographicallyPrecedes(position) { return }
        places.append((position, name))
        if places.count >= 2 * (request.limit + 1) { cut() }
    }

    /// The page's names and the one behind it.
    mutating func finish() -> [(position: Bytes, name: Name)] {
        cut()
        return places
    }

    /// Without making a position: most names of a large scope end here.
    private func isBehindBound(_ name: Name) -> Bool {
        guard let bound, name.string.utf8.count <= Bytes.longestPlainName else { return false }
        return !name.string.utf8.lexicographicallyPrecedes(bound)
    }

    private mutating func cut() {
        places.sort { $0.position.lexicographicallyPrecedes($1.position) }
        guard places.count > request.limit else { return }
        places.removeLast(places.count - request.limit - 1)
        bound = places.last?.position
    }
}
