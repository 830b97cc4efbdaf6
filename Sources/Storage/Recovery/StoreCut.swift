/// What a cut would keep and what it would lose.
public struct CutPlan: Sendable {
    /// What recovery refuses with.
    public var refusal: StorageError
    /// Where the sound part of the log ends.
    public var segment: UInt64
    public var offset: UInt64
    /// The last record that stays.
    public var keptThrough: LSN
    /// The last record that can still be seen behind that place.
    public var lastSeen: LSN?
    /// Batches behind it that are sound in themselves: they are lost too.
    public var soundBatches: UInt64 = 0
    /// Segments behind it, which leave the log.
    public var segments: UInt64 = 0
    /// Everything in the log that is missing or not certain.
    public var gaps: [LogGap]
    /// Keys of the records that can still be read, in log order, at most `StoreCut.listedKeys`.
    public var keys: [KeyMention] = []
    public var omittedKeys: UInt64 = 0
}

/// What a cut came to.
public struct CutReport: Sendable {
    /// The whole store as it was.
    public var copy: String
    public var copiedFiles: Int
    public var copiedBytes: UInt64
    public var recovery: RecoveryReport
    /// The record that says so.
    public var note: LSN
}

/// Ends a damaged log before its damage, for an operator who accepts the loss of everything behind it
/// (storage.md §5.10, §5.12).
public struct StoreCut {
    public static let listedKeys = 100
    /// Refusals that a cut can help with: what stands behind the place is damaged, missing or makes no sense.
    static let rows: Set<RecoveryRow> = [.r7, .r8, .r9, .r11, .r15]

    private let io = PosixIO()
    private let directory: LogDirectory
    private let options: StorageOptions

    /// Reads the log and says what would be lost. nil: the log is sound, there is nothing to cut.
    ///
    /// - Throws: the refusal itself if a cut can't help with it.
    public static func plan(_ path: String, keys: EncryptionKeys = EncryptionKeys()) throws -> CutPlan? {
        try CutPlanner(path: path, keys: keys).plan()
    }

    /// Copies the store to `copy`, which must not exist, then cuts the log where `plan` says.
    ///
    /// - Parameters:
    ///   - segment: with `offset`, the place that the refusal names, or where the sound part ends.
    ///   - note: what the log will say of it.
    /// - Throws: before anything is changed, if the place is another one, a process has the store open, or the copy is
    ///   not byte for byte what was copied.
    public static func run(
        _ path: String,
        segment: UInt64,
        offset: UInt64,
        copyTo copy: String,
        note: String,
        options: StorageOptions = .init(),
        progress: (UInt64) -> Void = { _ in }
    ) throws -> CutReport {
        let root = try LogInspector(path: path, keys: options.encryption).path
        let lock = try DirectoryLock.take(LogDirectory(root: root))
        defer { lock.release() }
        guard let plan = try plan(root, keys: options.encryption) else { throw StorageError.nothingToCut(root) }
        guard plan.isAt(segment: segment, offset: offset) else { throw StorageError.cutElsewhere(plan, root) }
        let cut = StoreCut(directory: LogDirectory(root: root), options: options)
        let target = try StoreDirectory.absolutePath(copy)
        let (files, bytes) = try StoreFilesCopy(source: root, target: target).run(progress)
        let (recovery, lsn) = try cut.perform(plan, note, lock)
        return CutReport(copy: target, copiedFiles: files, copiedBytes: bytes, recovery: recovery, note: lsn)
    }

    private init(directory: LogDirectory, options: StorageOptions) {
        self.directory = directory
        self.options = options
    }

    /// Recovers up to the place, sets aside what stands behind it, writes the note and closes.
    private func perform(_ plan: CutPlan, _ note: String, _ lock: DirectoryLock) throws -> (RecoveryReport, LSN) {
        let (directory, options) = (directory, options)
        try beginIncarnation()
        var opening = LogOpening(io: io, root: directory.root, options: options) { store, create throws(StorageError) in
            try LMDBSnapshot.open(directory, options, store: store, create: create)
        }
        opening.lock = lock.file
        opening.limit = .place(SegmentNumber(rawValue: plan.segment), offset: plan.offset)
        let log = LogStore(options: options, io: io, opened: try opening.run())
        // No thread writes: the steps below do.
        var wakesWriter = false
        let pending = try log.commit({ $0.note(Bytes(note.utf8)) }, &wakesWriter)
        log.refuseCommits()
        while case .wrote = log.writeStep() {}
        try log.closeLog()
        return (log.recovery, pending.lsn)
    }

    /// Before anything else is changed: positions in what is cut off must not be taken for those that follow.
    private func beginIncarnation() throws(StorageError) {
        let file = FormatFile(io: io, directory: directory)
        guard var format = try file.read() else { return }
        format.incarnation = StoreFormat.newIncarnation(options.random)
        do {
            try file.write(format)
        } catch {
            throw .openFailed(error)
        }
    }
}

extension CutPlan {
    /// The refusal's own place counts as well as the end of what is sound, which differ where a whole segment is bad.
    public func isAt(segment: UInt64, offset: UInt64) -> Bool {
        (segment, offset) == (self.segment, self.offset)
            || (segment, offset) == (refusal.segment ?? 0, refusal.offset ?? 0) && segment > 0
    }
}

extension StorageError {
    static func nothingToCut(_ root: String) -> StorageError {
        StorageError(.unusableDirectory, "there is nothing to cut: the log is sound", path: root)
    }

    static func cutElsewhere(_ plan: CutPlan, _ root: String) -> StorageError {
        StorageError(
            .unusableDirectory,
            "the log is cut where it stops being sound or not at all; that is at \(plan.segment):\(plan.offset)",
            path: root
        )
    }
}
