import Storage

/// A store's content, if it is certain.
enum StoreContent {
    /// - Throws: with the status of damage if anything is missing or uncertain: if `verify` would refuse it.
    static func read(_ path: String, _ key: KeyArguments, at position: LSN? = nil, _ console: Console) throws
        -> (reader: StoreReader, condition: StoreCondition)
    {
        let (reader, condition) = try certain(path, key, position, console)
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
        return (reader, condition)
    }

    /// A running engine may rotate, take a checkpoint and retire between two looks: what is wrong must stay so.
    private static func certain(_ path: String, _ key: KeyArguments, _ position: LSN?, _ console: Console) throws
        -> (StoreReader, StoreCondition)
    {
        var attempt = 1
        while true {
            let reader = try open(path, try key.keys(), at: position)
            let condition = try StoreCondition.look(path, key, reader.log, console)
            guard let reason = reader.uncertainty ?? condition.uncertainty(at: position) else {
                return (reader, condition)
            }
            reader.close()
            guard attempt < StoreCondition.attempts, try LogInspector(path: path).facts().lock.isHeld else {
                throw damage(reason, path)
            }
            attempt += 1
        }
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
            status: ProcessStatus(reason) == .newerFormat ? .newerFormat : .damage
        )
    }
}
