/// Refusals of the recovery table, one factory per row (storage.md §5.10). Each says what to do next.
extension StorageError {
    /// Where in the log a refusal points to.
    struct Spot {
        var path: String
        var segment: SegmentNumber
        var offset: UInt64
        var batch: BatchNumber?
    }

    private static let keepFiles =
        "Nothing was changed. Keep a copy of the directory; restore from a backup, or cut the log here with iii-storage-inspect"

    private static func refusal(_ code: Code, _ row: RecoveryRow, _ message: String, at spot: Spot? = nil)
        -> StorageError
    {
        var error = StorageError(code, message, path: spot?.path)
        error.row = row
        error.segment = spot?.segment.rawValue
        error.offset = spot?.offset
        error.batch = spot?.batch?.rawValue
        return error
    }

    static func filesRemoved(_ root: String, _ what: String) -> StorageError {
        var error = refusal(
            .missingFiles,
            .r2,
            "\(what). Put the missing files back, or name an empty directory for a new store"
        )
        error.path = root
        return error
    }

    /// R2: rows without FORMAT.
    static func snapshotWithoutFormat(_ directory: LogDirectory, bytes: UInt64) -> StorageError {
        .filesRemoved(
            directory.root,
            "there is a snapshot (\(directory.snapshotData), \(bytes) bytes) but no FORMAT file"
        )
    }

    static func headWithoutFormat(_ directory: LogDirectory, _ head: LogHead) -> StorageError {
        .filesRemoved(
            directory.root,
            "\(directory.head) says that segment \(head.segment) was begun, but there is no FORMAT file"
        )
    }

    static func acknowledgedDataDamaged(at spot: Spot, because reason: String, proof: String) -> StorageError {
        refusal(.damaged, .r7, "acknowledged data is damaged (\(reason)); \(proof). \(keepFiles)", at: spot)
    }

    static func headerDamaged(at spot: Spot, _ reason: String) -> StorageError {
        acknowledgedDataDamaged(
            at: spot,
            because: "segment header: \(reason)",
            proof: "it was synced before the segment got its name"
        )
    }

    static func lostOrMisdirectedWrite(at spot: Spot, _ what: String) -> StorageError {
        refusal(.damaged, .r9, "a write was lost or went elsewhere: \(what). \(keepFiles)", at: spot)
    }

    /// R9: batches on both sides of a segment's fixed end.
    static func twoWriters(_ batch: BatchHeader, behind end: LogEnd, path: String) -> StorageError {
        refusal(
            .damaged,
            .r9,
            "batch \(batch.number) was written after segment \(end.segment.next) had begun: two engines wrote to this store, and each has acknowledged what the other doesn't know. \(keepFiles)",
            at: Spot(path: path, segment: end.segment, offset: end.offset, batch: batch.number)
        )
    }

    static func snapshotDamaged(_ path: String, _ what: String) -> StorageError {
        var error = refusal(
            .damaged,
            .r17,
            "the snapshot is damaged: \(what). Nothing was changed. Restore a backup with iii-storage-inspect restore, or let iii-storage-inspect salvage what is sound"
        )
        error.path = path
        return error
    }

    /// A hard link to the snapshot's file is no copy of it: whoever opens one writes the other too, and neither knows of it.
    static func snapshotOfTwoNames(_ path: String, names: UInt64) -> StorageError {
        StorageError(
            .unusableDirectory,
            "the snapshot's file has \(names) names (hard links): what is written here would be written to the other one as well, and an engine there would destroy both. Nothing was changed. Give this store a file of its own: cp data.mdb own.mdb && mv own.mdb data.mdb, in snapshot/",
            path: path
        )
    }

    /// R10: what the snapshot rests on is not in the log.
    static func logLost(_ path: String, _ what: String) -> StorageError {
        var error = refusal(.damaged, .r10, "the log lost what had been durable: \(what). \(keepFiles)")
        error.path = path
        return error
    }

    static func segmentMissing(_ number: SegmentNumber, path: String, _ what: String) -> StorageError {
        refusal(
            .missingFiles,
            .r11,
            "log segment \(number) is missing: \(what). Put the file back",
            at: Spot(path: path, segment: number, offset: 0)
        )
    }

    static func foreign(at spot: Spot, _ what: String) -> StorageError {
        refusal(
            .foreignFile,
            .r13,
            "the file does not belong here: \(what). Remove what was copied in by hand",
            at: spot
        )
    }

    static func newerWriter(at spot: Spot, _ what: String) -> StorageError {
        refusal(.needsVersion, .r14, "\(what) needs a newer version of this program; upgrade to it", at: spot)
    }

    static func unreadableThoughSound(at spot: Spot, _ what: String) -> StorageError {
        refusal(
            .writerBug,
            .r15,
            "the checksum is right but the content is not (\(what)): a bug of the program that wrote it. Keep the files and report it",
            at: spot
        )
    }

    static func deviceFailed(_ error: SystemCallError) -> StorageError {
        // The process's own matter: nobody has looked at the device.
        if error.isLackOfResources { return .processShort("reading the store", error) }
        var refusal = StorageError(
            .inputOutput,
            "reading the store failed: \(error.reason). Check the device; this is never taken for the end of the log",
            path: error.path,
            systemCall: error
        )
        refusal.row = .r16
        return refusal
    }

    /// A system call failed while the store was being opened, other than a read.
    static func openFailed(_ error: SystemCallError) -> StorageError {
        if error.isLackOfResources { return .processShort("opening the store", error) }
        return StorageError(
            .inputOutput,
            "opening the store failed: \(error.reason)",
            path: error.path,
            systemCall: error
        )
    }

    /// The process or the system has no descriptor or memory left: says nothing of any file.
    static func processShort(_ what: String, _ error: SystemCallError) -> StorageError {
        StorageError(
            .inputOutput,
            "no descriptor or memory left for \(what): \(error.reason); raise the limits",
            path: error.path,
            systemCall: error
        )
    }
}
