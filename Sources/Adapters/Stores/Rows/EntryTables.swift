import Engine
import NIOCore
import Storage

/// An ordered map of each owner: entries are listed in insertion order.
///
/// | table | key | value |
/// |---|---|---|
/// | keys | owner, key name* | entry id, u64 big-endian |
/// | entries | owner, entry id | JSON text, key name, length of the key name as u32 big-endian |
///
/// * as in `NameTables`. An overwritten entry keeps its id and so its place; a deleted and re-created one gets the next
/// id of its owner.
struct EntryTables: Sendable {
    let keys: TableID
    let entries: TableID

    func keyKey(_ key: String, owner: Bytes) -> Bytes {
        var bytes = owner
        bytes.append(name: key)
        return bytes
    }

    func entryKey(_ id: UInt64, owner: Bytes) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(owner.count + 8)
        bytes.append(contentsOf: owner)
        bytes.append(bigEndian: id)
        return bytes
    }
}

/// The value of an `entries` row.
enum EntryRow {
    static func make(json: UnsafeRawBufferPointer, key: String) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(json.count + key.utf8.count + 4)
        bytes.append(contentsOf: json)
        bytes.append(contentsOf: key.utf8)
        bytes.append(bigEndian: UInt32(key.utf8.count))
        return bytes
    }

    static func make(_ json: RawJSON, key: String) -> Bytes {
        json.buffer.withUnsafeReadableBytes { make(json: $0, key: key) }
    }

    /// JSON text and key name; nil: not such a row.
    static func parts<Row: RandomAccessCollection<UInt8>>(_ row: Row) -> (json: Row.SubSequence, key: Row.SubSequence)?
    {
        guard row.count >= 4 else { return nil }
        let keyLength = Int(row.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) })
        guard keyLength <= row.count - 4 else { return nil }
        return (row.dropLast(4 + keyLength), row.dropLast(4).suffix(keyLength))
    }

    static func json<Row: RandomAccessCollection<UInt8>>(_ row: Row) -> Row.SubSequence {
        parts(row)?.json ?? row[row.startIndex..<row.startIndex]
    }

    static func key<Row: RandomAccessCollection<UInt8>>(_ row: Row) -> String {
        String(decoding: parts(row)?.key ?? row[row.startIndex..<row.startIndex], as: UTF8.self)
    }

    static func value(_ row: Bytes) -> RawJSON {
        RawJSON(validated: ByteBuffer(bytes: json(row)))
    }
}

extension RowReader where Self: ~Copyable {
    func entryID(_ key: String, owner: Bytes, in tables: EntryTables) -> UInt64? {
        get(tables.keys, key: tables.keyKey(key, owner: owner))?.integer()
    }

    func entry(_ key: String, owner: Bytes, in tables: EntryTables) -> RawJSON? {
        guard let id = entryID(key, owner: owner, in: tables),
            let row = get(tables.entries, key: tables.entryKey(id, owner: owner))
        else { return nil }
        return EntryRow.value(row)
    }
}

extension Transaction {
    /// Writes an entry and returns what was there.
    mutating func setEntry(_ key: String, to row: Bytes, owner: Bytes, in tables: EntryTables) -> RawJSON? {
        let keyKey = tables.keyKey(key, owner: owner)
        if let id: UInt64 = get(tables.keys, key: keyKey)?.integer() {
            let old = exchange(tables.entries, key: tables.entryKey(id, owner: owner), value: row)
            return old.map(EntryRow.value)
        }
        let last = edgeKey(tables.entries, prefix: owner, last: true)
        let id = last.map { $0.integer(at: owner.count, as: UInt64.self) + 1 } ?? 1
        put(tables.keys, key: keyKey, value: Bytes(bigEndian: id))
        put(tables.entries, key: tables.entryKey(id, owner: owner), value: row)
        return nil
    }

    /// Removes an entry; `wasLast`: the owner has none any more.
    mutating func removeEntry(
        _ key: String,
        owner: Bytes,
        in tables: EntryTables
    ) -> (value: RawJSON, wasLast: Bool)? {
        let keyKey = tables.keyKey(key, owner: owner)
        guard let id: UInt64 = get(tables.keys, key: keyKey)?.integer() else { return nil }
        let entryKey = tables.entryKey(id, owner: owner)
        guard let old = get(tables.entries, key: entryKey) else { return nil }
        _ = delete(tables.keys, key: keyKey)
        _ = delete(tables.entries, key: entryKey)
        return (EntryRow.value(old), !hasRows(tables.entries, prefix: owner, near: id))
    }
}
