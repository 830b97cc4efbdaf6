import CCrypto
import Storage

/// Names that stand for numbers, so that keys stay short and names of any length fit (storage.md §5.9).
///
/// | table | key | value |
/// |---|---|---|
/// | ids | parent, name* | id, u32 big-endian |
/// | names | parent, id | name |
///
/// * A name of more than 400 bytes stands for itself by its first 368 bytes, its SHA-256 and one byte more, which no
/// shorter name can equal: keys of a store have at most 500 bytes.
struct NameTables: Sendable {
    let ids: TableID
    let names: TableID

    func idKey(_ name: String, parent: Bytes = []) -> Bytes {
        var key = parent
        key.append(name: name)
        return key
    }

    func nameKey(_ id: UInt32, parent: Bytes = []) -> Bytes {
        var key = parent
        key.append(bigEndian: id)
        return key
    }
}

extension Bytes {
    /// Longer names are replaced by something longer than this.
    static let longestPlainName = 400
    /// What is kept of a longer one.
    static let keptPrefix = 368

    /// What stands for a name in keys: it decides the order of keys.
    init(name: String) {
        self = []
        append(name: name)
    }

    mutating func append(name: String) {
        guard name.utf8.count > Self.longestPlainName else { return append(contentsOf: name.utf8) }
        append(contentsOf: name.utf8.prefix(Self.keptPrefix))
        append(contentsOf: Self.sha256(Bytes(name.utf8)))
        append(0)
    }

    private static func sha256(_ bytes: Bytes) -> Bytes {
        Bytes(unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { place, count in
            var length: UInt32 = 0
            let done = EVP_Digest(bytes, bytes.count, place.baseAddress, &length, EVP_sha256(), nil)
            precondition(done == 1, "libcrypto has no SHA-256")
            count = Int(length)
        }
    }
}

extension RowReader where Self: ~Copyable {
    func id(of name: String, in tables: NameTables, parent: Bytes = []) -> UInt32? {
        get(tables.ids, key: tables.idKey(name, parent: parent))?.integer()
    }

    /// Visits the names under a parent, in the order of their ids, until `visit` returns false.
    func scanNames(in tables: NameTables, parent: Bytes = [], _ visit: (UInt32, String) -> Bool) {
        scan(tables.names, prefix: parent) { key, name in
            visit(Bytes(key).integer(at: parent.count), String(decoding: name, as: UTF8.self))
        }
    }
}

extension Transaction {
    /// The name's id; a new one is greater than all others under its parent.
    mutating func id(making name: String, in tables: NameTables, parent: Bytes = []) -> UInt32 {
        if let id = id(of: name, in: tables, parent: parent) { return id }
        let id = freeID(in: tables, parent: parent)
        put(tables.ids, key: tables.idKey(name, parent: parent), value: Bytes(bigEndian: id))
        put(tables.names, key: tables.nameKey(id, parent: parent), value: Bytes(name.utf8))
        return id
    }

    private func freeID(in tables: NameTables, parent: Bytes) -> UInt32 {
        guard let last = edgeKey(tables.names, prefix: parent, last: true) else { return 1 }
        let highest: UInt32 = last.integer(at: parent.count)
        if highest < .max { return highest + 1 }
        // Four thousand million names have come and gone: the first gap.
        var free: UInt32 = 1
        scanNames(in: tables, parent: parent) { id, _ in
            guard id == free else { return false }
            free += 1
            return true
        }
        return free
    }

    mutating func remove(_ name: String, id: UInt32, in tables: NameTables, parent: Bytes = []) {
        _ = delete(tables.ids, key: tables.idKey(name, parent: parent))
        _ = delete(tables.names, key: tables.nameKey(id, parent: parent))
    }
}
