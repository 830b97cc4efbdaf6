/// What a salvage hears of the damaged snapshot.
public enum SnapshotNews: Sendable {
    /// Comes first. The id is nil before the first checkpoint.
    case facts(SnapshotFacts, storeID: String?)
    case item(SnapshotItem)
}

/// How a salvage reads the damaged snapshot: in this process, or in one that a damaged file may kill.
public protocol SnapshotSource {
    /// Tells every row, in order or backwards; false ends the walk. Returns nil, or why the walk ended early.
    /// - Throws: what `visit` throws, and what is no damage: a missing key, a newer version.
    func walk(reversed: Bool, _ visit: (SnapshotNews) throws -> Bool) throws -> String?
}

/// In this process.
public struct DirectSnapshotSource: SnapshotSource {
    let path: String
    let keys: EncryptionKeys

    public init(path: String, keys: EncryptionKeys = EncryptionKeys()) {
        self.path = path
        self.keys = keys
    }

    public func walk(reversed: Bool, _ visit: (SnapshotNews) throws -> Bool) throws -> String? {
        do {
            let snapshot = try SnapshotInspector(path: path, keys: keys, pages: .never)
            guard try visit(.facts(snapshot.facts, storeID: snapshot.storeID)) else { return nil }
            try snapshot.walk(reversed: reversed, .inOneRead) { try visit(.item($0)) }
            return nil
        } catch let error as StorageError where error.code == .damaged || error.code == .inputOutput {
            return error.message
        }
    }
}
