import Engine
import Storage
import Workers

/// Pages of an owner's entries, in the order of the `keys` table.
///
/// Keys that are there all the time come exactly once, whatever is written between two pages: a key's place in that
/// order never changes.
extension RowReader where Self: ~Copyable {
    func page(_ request: EntryPageRequest, owner: Bytes, in tables: EntryTables) -> EntryPage {
        var builder = EntryPageBuilder(request)
        for place in places(request, owner: owner, in: tables) {
            guard add(place, to: &builder, request, owner: owner, in: tables) else { break }
        }
        return builder.page
    }

    /// Where the page's entries are and the one behind it.
    private func places(
        _ request: EntryPageRequest,
        owner: Bytes,
        in tables: EntryTables
    ) -> [(position: Bytes, id: UInt64)] {
        let prefix = owner + request.prefix.utf8.prefix(Bytes.keptPrefix)
        // No key lies between one and the same with a zero behind it.
        let start = request.cursor.map { later(prefix, owner + $0.position + [0]) } ?? prefix
        var places: [(position: Bytes, id: UInt64)] = []
        scan(tables.keys, from: start, upTo: prefix.endOfPrefix, reversed: false) { key, id in
            places.append((Bytes(key.dropFirst(owner.count)), Bytes(id).integer()))
            return places.count <= request.limit
        }
        return places
    }

    private func add(
        _ place: (position: Bytes, id: UInt64),
        to builder: inout EntryPageBuilder,
        _ request: EntryPageRequest,
        owner: Bytes,
        in tables: EntryTables
    ) -> Bool {
        let isPlain = place.position.count <= Bytes.longestPlainName
        if isPlain, !request.wantsValues {
            return builder.add(
                place.position,
                key: String(decoding: place.position, as: UTF8.self),
                value: nil,
                bytes: place.position.count
            )
        }
        guard let row = get(tables.entries, key: tables.entryKey(place.id, owner: owner)) else { return true }
        return builder.add(
            place.position,
            key: EntryRow.key(row),
            value: request.wantsValues ? EntryRow.value(row) : nil,
            bytes: row.count
        )
    }
}

private func later(_ left: Bytes, _ right: Bytes) -> Bytes {
    left.lexicographicallyPrecedes(right) ? right : left
}
