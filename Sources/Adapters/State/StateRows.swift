import CCrypto
import Storage

/// How state lies in a store. Keys are numeric, so that a scope's entries are listed in insertion order and names of
/// any length fit (storage.md §5.9).
///
/// | table | key | value |
/// |---|---|---|
/// | scopes | scope name* | scope id, u32 big-endian |
/// | scopeNames | scope id | scope name |
/// | keys | scope id, key name* | entry id, u64 big-endian |
/// | entries | scope id, entry id | JSON text, key name, length of the key name as u32 big-endian |
///
/// * A name of more than 400 bytes stands for itself by its first 368 bytes, its SHA-256 and one byte more, which no
/// shorter name can equal: keys of a store have at most 500 bytes.
///
/// An overwritten entry keeps its id and so its place; a deleted and re-created one gets the next id of its scope.
/// A scope without entries has no rows.
enum StateRows {
    static let scopes = TableID(rawValue: 1)
    static let scopeNames = TableID(rawValue: 2)
    static let keys = TableID(rawValue: 3)
    static let entries = TableID(rawValue: 4)

    private static let longestPlainName = 400
    private static let keptPrefix = 368

    static func scopesKey(_ scope: String) -> Bytes {
        var bytes = Bytes()
        append(name: scope, to: &bytes)
        return bytes
    }

    static func keysKey(scope: UInt32, key: String) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(4 + min(key.utf8.count, longestPlainName + 1))
        bytes.append(bigEndian: scope)
        append(name: key, to: &bytes)
        return bytes
    }

    private static func append(name: String, to bytes: inout Bytes) {
        guard name.utf8.count > longestPlainName else { return bytes.append(contentsOf: name.utf8) }
        bytes.append(contentsOf: name.utf8.prefix(keptPrefix))
        bytes.append(contentsOf: sha256(Bytes(name.utf8)))
        bytes.append(0)
    }

    private static func sha256(_ bytes: Bytes) -> Bytes {
        Bytes(unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { place, count in
            var length: UInt32 = 0
            let done = EVP_Digest(bytes, bytes.count, place.baseAddress, &length, EVP_sha256(), nil)
            precondition(done == 1, "libcrypto has no SHA-256")
            count = Int(length)
        }
    }

    static func entryKey(scope: UInt32, entry: UInt64) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(12)
        bytes.append(bigEndian: scope)
        bytes.append(bigEndian: entry)
        return bytes
    }

    /// First key after all of the scope's.
    static func end(ofScope scope: UInt32) -> Bytes? {
        scope == .max ? nil : Bytes(bigEndian: scope + 1)
    }

    static func entry(json: UnsafeRawBufferPointer, key: String) -> Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(json.count + key.utf8.count + 4)
        bytes.append(contentsOf: json)
        bytes.append(contentsOf: key.utf8)
        bytes.append(bigEndian: UInt32(key.utf8.count))
        return bytes
    }

    /// The JSON text of an entry's value.
    static func json<Value: RandomAccessCollection<UInt8>>(ofEntry value: Value) -> Value.SubSequence {
        let keyLength = Int(value.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) })
        return value.dropLast(min(value.count, 4 + keyLength))
    }
}

extension Bytes {
    init(bigEndian value: some FixedWidthInteger) {
        self = []
        append(bigEndian: value)
    }

    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// The bytes from `offset` as one integer.
    func integer<Value: FixedWidthInteger & UnsignedInteger>(at offset: Int = 0, as _: Value.Type = Value.self) -> Value
    {
        self[offset..<(offset + MemoryLayout<Value>.size)].reduce(0) { $0 << 8 | Value($1) }
    }
}
