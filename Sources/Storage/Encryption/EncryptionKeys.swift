/// The keys that a store may use. `current` seals, all of them open.
///
/// Rotation: the new key becomes `current`, the old one goes to `previous` until nothing sealed with it is left.
public struct EncryptionKeys: Sendable {
    /// nil: what is written from now on is not encrypted.
    public var current: EncryptionKey?
    public var previous: [EncryptionKey]

    public init(current: EncryptionKey? = nil, previous: [EncryptionKey] = []) {
        self.current = current
        self.previous = previous
    }

    /// No key was given.
    public var isEmpty: Bool { current == nil && previous.isEmpty }

    func key(_ id: KeyID) -> EncryptionKey? {
        if let current, current.id == id { return current }
        return previous.first { $0.id == id }
    }

    /// - Parameter path: the file that was sealed with the key.
    /// - Throws: `unusableKey` that names the missing key and those that were given.
    func key(_ id: KeyID, neededFor path: String) throws(StorageError) -> EncryptionKey {
        if let key = key(id) { return key }
        throw missingKeys([id], path)
    }

    func missingKeys(_ missing: [KeyID], _ path: String) -> StorageError {
        let given = ([current].compactMap { $0 } + previous).map { "\($0.id)" }
        let facts = given.isEmpty ? "no key was given" : "the given keys are \(given.joined(separator: ", "))"
        let names = missing.map { "\($0)" }.joined(separator: ", ")
        let (noun, pronoun) = missing.count == 1 ? ("key", "that key") : ("keys", "those keys")
        var error = StorageError(
            .unusableKey,
            "this was encrypted with the \(noun) \(names), but \(facts). Nothing was changed; "
                + "open the store with \(pronoun) as the current or a previous one",
            path: path
        )
        error.missingKeys = missing
        return error
    }
}
