import Storage

/// A store's content, if it is certain.
enum StoreContent {
    /// - Throws: with the status of damage if anything is missing or uncertain.
    static func read(_ path: String, _ keys: EncryptionKeys, at position: LSN? = nil) throws -> StoreReader {
        let reader = try open(path, keys, at: position)
        if let reason = reader.uncertainty { throw damage(reason, path) }
        // An engine that has the store open goes on writing behind what was read.
        if let position, position > reader.through, ProcessStatus(reader.log.verdict.condition) != .damage,
            position > reader.log.content.lastLSN ?? reader.through
        {
            throw CommandFailure(
                "the log ends before LSN \(position): its last record is LSN \(reader.through)",
                path: path,
                remedy: "ask for an earlier one",
                status: .no
            )
        }
        return reader
    }

    private static func open(_ path: String, _ keys: EncryptionKeys, at position: LSN?) throws -> StoreReader {
        do {
            return try StoreReader(path: path, keys: keys, at: position, pages: .always)
        } catch let error as StorageError where error.code == .missingFiles && error.row == nil {
            // A moment before the snapshot is no damage.
            var failure = CommandFailure(error)
            failure.status = .no
            throw failure
        }
    }

    static func changedPhrase(_ reader: StoreReader) -> String {
        "the store changed while it was read: rows are from LSN \(reader.through) to \(reader.readThrough)"
    }

    static func changed(_ reader: StoreReader) -> CommandFailure {
        CommandFailure(
            changedPhrase(reader),
            path: reader.path,
            remedy: "try again, or make a backup and read that",
            status: .no
        )
    }

    private static func damage(_ reason: StorageError, _ path: String) -> CommandFailure {
        CommandFailure(
            "the store's content is not certain: \(ProblemReport.phrase(reason))",
            path: path,
            remedy: "salvage it first, then use the result",
            status: .damage
        )
    }
}
