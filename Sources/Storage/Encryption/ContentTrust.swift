/// What the headers of new segments say, under authentication, of the content before them.
struct TrustMarks: Equatable, Sendable {
    /// Plain content is believed: the store is being encrypted.
    var plainBefore = false
    /// Encrypted content may come from a version that authenticated no headers and no checkpoint row.
    var olderBefore = false

    var features: UInt32 {
        (plainBefore ? SegmentHeader.plainBeforeFeature : 0) | (olderBefore ? SegmentHeader.olderBeforeFeature : 0)
    }

    /// After a checkpoint: the row that it wrote proves everything that the log still needs.
    mutating func settle(_ row: CheckpointRow?, _ keys: EncryptionKeys) {
        guard let row, row.isAuthenticated, row.isSettled(keys) else { return }
        self = TrustMarks()
    }
}

/// Decides, with a key in force, whether what recovery needs was written by holders of a key (docs/encryption.md).
///
/// Headers and the checkpoint row come here with their authentication codes checked, where they have one. Pure.
struct ContentTrust {
    /// A segment that recovery needs, in the order of the log.
    struct Segment {
        var header: SegmentHeader
        var path: String

        var isPlain: Bool { !header.isEncrypted }
        func says(_ feature: UInt32) -> Bool {
            header.isAuthenticated && header.ignorableFeatures & feature != 0
        }
    }

    let keys: EncryptionKeys
    /// The operator says that plain content is to be encrypted.
    let encryptsExisting: Bool
    let snapshotPath: String

    struct Verdict: Equatable {
        /// For the next segment.
        var marks = TrustMarks()
        var warning: String?
    }

    /// - Throws: `.damaged` where content can't have been written with a key, `.notEncrypted` where all of it is plain.
    func judge(_ row: CheckpointRow?, _ segments: [Segment]) throws(StorageError) -> Verdict {
        guard keys.current != nil, !isMutant(.plainContentIsBelieved) else { return Verdict() }
        let lastMarked = segments.lastIndex { $0.says(SegmentHeader.plainBeforeFeature) }
        let mayBePlain = encryptsExisting && !(row?.provesSealedRows ?? false) && !(row?.isOlderAndSealed ?? false)
        let isEncrypted = row.map { !$0.neededKeys.isEmpty } ?? false || segments.contains { !$0.isPlain }
        try requireProof(of: row, segments)
        for (index, segment) in segments.enumerated() {
            if segment.isPlain {
                guard mayBePlain || index < lastMarked ?? 0 else {
                    throw isEncrypted ? .plainSegment(segment) : .notEncrypted(segment.path)
                }
            } else {
                try judge(encrypted: segment, row, segments[..<index])
            }
        }
        return verdict(row, segments)
    }

    /// The part that is about the snapshot.
    func requireProof(of row: CheckpointRow?, _ segments: [Segment]) throws(StorageError) {
        guard keys.current != nil, let row, !row.isAuthenticated else { return }
        if row.isOlder && row.keyID != 0 {
            let believed = segments.allSatisfy {
                !$0.header.isAuthenticated || $0.says(SegmentHeader.olderBeforeFeature)
            }
            guard believed else { throw .unprovenSnapshot(snapshotPath, "an earlier format, which proves nothing") }
            return
        }
        guard encryptsExisting || segments.contains(where: { $0.says(SegmentHeader.plainBeforeFeature) }) else {
            let isEncrypted = !row.neededKeys.isEmpty || segments.contains { !$0.isPlain }
            throw isEncrypted ? .unprovenSnapshot(snapshotPath, "no encryption key") : .notEncrypted(snapshotPath)
        }
    }

    private func judge(encrypted segment: Segment, _ row: CheckpointRow?, _ earlier: ArraySlice<Segment>)
        throws(StorageError)
    {
        guard !segment.header.isAuthenticated else { return }
        // Its code was taken off: these nonces came with the codes.
        guard !segment.header.hasContentNonces else { throw .unprovenHeader(segment) }
        if let from = row?.authenticatedFrom, from != .none, segment.header.number >= from {
            throw .unprovenHeader(segment)
        }
        guard !earlier.contains(where: { $0.header.isAuthenticated }) else { throw .unprovenHeader(segment) }
    }

    private func verdict(_ row: CheckpointRow?, _ segments: [Segment]) -> Verdict {
        var verdict = Verdict()
        verdict.marks.plainBefore = row?.mayHoldPlainRows ?? false || segments.contains { $0.isPlain }
        verdict.marks.olderBefore =
            row?.isOlderAndSealed ?? false
            || segments.contains { !$0.isPlain && !$0.header.isAuthenticated }
        let isSealed = row.map { $0.provesSealedRows || $0.isOlderAndSealed } ?? false
        if encryptsExisting, isSealed {
            verdict.warning =
                "the store is encrypted; remove the option that lets plain content in (encrypts_existing)"
        }
        return verdict
    }
}

extension StorageError.Code {
    /// A key was given, and nothing in the store was written with one.
    public static let notEncrypted = StorageError.Code(description: "notEncrypted")
}

extension StorageError {
    private static let unproven =
        "Somebody without the key may have written this. Nothing was changed. Restore a backup"

    static func notEncrypted(_ path: String) -> StorageError {
        StorageError(
            .notEncrypted,
            "an encryption key was given, but the store is not encrypted. "
                + "To encrypt it, start the engine once with `encrypt_existing: true` beside the key "
                + "(StorageOptions.encryptsExistingStore); to use it as it is, leave the key away. "
                + "If it was encrypted before, somebody replaced it: restore a backup",
            path: path
        )
    }

    static func plainSegment(_ segment: ContentTrust.Segment) -> StorageError {
        unprovenLog(
            segment,
            "log segment \(segment.header.number) is not encrypted, but the store is. \(unproven), or cut the log here "
                + "with iii-storage-inspect. If the store was used without its key, open it without a key, close it, "
                + "then encrypt it with `encrypt_existing: true`; iii-storage-inspect reads it with --encryption-off"
        )
    }

    static func unprovenHeader(_ segment: ContentTrust.Segment) -> StorageError {
        unprovenLog(
            segment,
            "the header of log segment \(segment.header.number) is not authenticated. \(unproven), or cut the log here "
                + "with iii-storage-inspect"
        )
    }

    static func forgedHeader(_ segment: ContentTrust.Segment) -> StorageError {
        unprovenLog(
            segment,
            "the header of log segment \(segment.header.number) was changed: its checksum is right, its authentication "
                + "code is not. \(unproven), or cut the log here with iii-storage-inspect"
        )
    }

    private static func unprovenLog(_ segment: ContentTrust.Segment, _ message: String) -> StorageError {
        var error = StorageError(.damaged, message, path: segment.path)
        error.row = .r15
        error.segment = segment.header.number.rawValue
        error.offset = 0
        return error
    }

    static func unprovenSnapshot(_ path: String, _ what: String) -> StorageError {
        var error = StorageError(
            .damaged,
            "the snapshot was written with \(what), but the store is encrypted. \(unproven). If the store was used "
                + "without its key, open it without a key (the old one as a previous key), close it, then encrypt it "
                + "with `encrypt_existing: true`; iii-storage-inspect reads it with --encryption-off",
            path: path
        )
        error.row = .r17
        return error
    }

    static func forgedSnapshot(_ path: String) -> StorageError {
        var error = StorageError(
            .damaged,
            "the snapshot's checkpoint row was changed: its checksum is right, its authentication code is not. \(unproven)",
            path: path
        )
        error.row = .r17
        return error
    }
}

extension EncryptionKeys {
    /// Checks a header's authentication code, if it has one and its key was given. Without that key nothing of the segment
    /// can be read anyway.
    func requireGenuine(_ header: SegmentHeader, _ block: UnsafeRawBufferPointer, path: String) throws(StorageError) {
        guard header.isAuthenticated, let key = key(KeyID(rawValue: header.keyID)) else { return }
        guard header.isGenuine(block, key: key) || isMutant(.noHeaderAuthentication) else {
            throw .forgedHeader(ContentTrust.Segment(header: header, path: path))
        }
    }

    /// - Throws: `unusableKey` that names all keys of these that were not given.
    func requireAll(_ ids: [KeyID], neededFor path: String) throws(StorageError) {
        let missing = ids.filter { key($0) == nil }
        guard !missing.isEmpty else { return }
        throw missingKeys(missing, path)
    }
}
