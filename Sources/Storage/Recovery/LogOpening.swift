/// A recovered log with a fresh segment, ready to write.
struct OpenedLog<IO: StorageIO> {
    /// What the log says beyond the snapshot.
    var overlay: Overlay
    var replayedBytes: Int
    var snapshot: any SnapshotStore
    var files: [LogFile]
    var writer: LogWriter<IO>
    var preparer: SegmentPreparer<IO>
    var sizing: SegmentSizing
    var report: RecoveryReport
}

/// Opens a store's files: recovery steps 2 and 4 to 10 (storage.md §5.10). The lock is taken before, by `Store`.
struct LogOpening<IO: StorageIO> {
    let io: IO
    let directory: LogDirectory
    let options: StorageOptions
    /// Opens the snapshot of a store; `create`: there must be none yet.
    let openSnapshot: (_ store: StoreID, _ create: Bool) throws(StorageError) -> any SnapshotStore
    /// Where to stop; then `finishStopped` decides what becomes of the rest.
    var limit = RecoveryLimit.none
    /// What the next segment says of the content before it.
    var marks = TrustMarks()
    var warnings: [String] = []
    var quarantinedFiles: [String] = []
    var quarantinedBytes: UInt64 = 0

    init(
        io: IO,
        root: String,
        options: StorageOptions,
        openSnapshot: @escaping (_ store: StoreID, _ create: Bool) throws(StorageError) -> any SnapshotStore
    ) {
        self.io = io
        self.openSnapshot = openSnapshot
        directory = LogDirectory(root: root)
        self.options = options
    }

    /// Runs everything; on an error nothing acknowledged was touched.
    mutating func run() throws(StorageError) -> OpenedLog<IO> {
        let start = options.clock.monotonicNanoseconds()
        try orOpenFailed { () throws(SystemCallError) in
            try io.createDirectory(directory.wal)
            try io.createDirectory(directory.snapshot)
            try io.syncDirectory(directory.root)
        }
        let segments = try listSegments()
        guard let store = try FormatFile(io: io, directory: directory).read() else {
            return try create(over: segments, openedAt: start)
        }
        let snapshot = try openSnapshot(store, false)
        do {
            var recovered = try recover(segments, store: store, snapshot: snapshot)
            if limit != .none { try finishStopped(segments, &recovered, snapshot) }
            return try startSegment(recovered, snapshot, store: store, openedAt: start)
        } catch {
            snapshot.close()
            throw error
        }
    }

    /// R1. The FORMAT file completes the creation: before it there is no store, and no batch was written yet.
    private mutating func create(over segments: [SegmentNumber], openedAt start: UInt64) throws(StorageError)
        -> OpenedLog<IO>
    {
        try clearUnfinishedCreation(segments)
        let store = StoreID(high: options.random(), low: options.random())
        let snapshot = try openSnapshot(store, true)
        do {
            if !isMutant(.noSnapshotNameSync) {
                try orOpenFailed { () throws(SystemCallError) in try io.syncDirectory(directory.snapshot) }
            }
            let opened = try startSegment(
                RecoveredLog(row: .r1, condition: .new),
                snapshot,
                store: store,
                openedAt: start
            )
            try orOpenFailed { () throws(SystemCallError) in
                try FormatFile(io: io, directory: directory).write(store)
            }
            return opened
        } catch {
            snapshot.close()
            throw error
        }
    }

    func orOpenFailed<R>(_ body: () throws(SystemCallError) -> R) throws(StorageError) -> R {
        do {
            return try body()
        } catch {
            throw .openFailed(error)
        }
    }

    /// Segment numbers in order. Stale temporary files are removed: no batch is ever written to one.
    private mutating func listSegments() throws(StorageError) -> [SegmentNumber] {
        let names: [String]
        do {
            names = try io.list(directory.wal)
        } catch {
            throw .deviceFailed(error)
        }
        var numbers: [SegmentNumber] = []
        for name in names.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            if let number = LogDirectory.segmentNumber(ofName: name) {
                numbers.append(number)
            } else if LogDirectory.isTemporary(name) {
                try orOpenFailed { () throws(SystemCallError) in try io.unlink(directory.wal + "/" + name) }
            } else {
                warnings.append("unknown file in the log directory, ignored: \(directory.wal)/\(name)")
            }
        }
        return numbers.sorted()
    }

    /// Step 10: always a new segment; its predecessor facts fix the end of the old one for ever.
    private mutating func startSegment(
        _ recovered: consuming RecoveredLog,
        _ snapshot: any SnapshotStore,
        store: StoreID,
        openedAt start: UInt64
    ) throws(StorageError) -> OpenedLog<IO> {
        let sizing = SegmentSizing(options, now: options.clock.monotonicNanoseconds())
        let preparer = SegmentPreparer(io: io, directory: directory)
        let isDirect = try probeDirectIO()
        var writer = LogWriter(
            io: io,
            directory: directory,
            store: store,
            options: options,
            isDirect: isDirect,
            end: recovered.end
        )
        writer.marks = marks
        let spare = try takeSegment(preparer, sizing, &recovered, snapshot)
        do {
            try writer.activate(spare)
        } catch {
            // Nothing was acknowledged by this owner: not a loss, only a failed start.
            throw StorageError(.inputOutput, error.message, path: error.path, systemCall: error.systemCall)
        }
        let report = RecoveryReport(
            path: directory.root,
            storeID: store.text,
            condition: recovered.condition,
            row: recovered.row,
            bytesOnDisk: recovered.files.reduce(0) { $0 + $1.bytes } + UInt64(spare.bytes)
                + UInt64(snapshot.size.fileBytes),
            checkpointLSN: snapshot.row?.position.lsn ?? .zero,
            segmentsRead: recovered.segments,
            batchesRead: recovered.batches,
            recordsReplayed: recovered.records,
            recoveredLSN: LSN(rawValue: recovered.end.nextLSN.rawValue - 1),
            durationNanoseconds: options.clock.monotonicNanoseconds() &- start,
            quarantinedBytes: quarantinedBytes,
            quarantinedFiles: quarantinedFiles,
            isDirectIO: isDirect,
            isEncrypted: options.encryption.current != nil,
            warnings: warnings
        )
        var files = recovered.files
        files.append(LogFile(number: recovered.end.segment.next, bytes: UInt64(spare.bytes)))
        return OpenedLog(
            overlay: recovered.overlay,
            replayedBytes: recovered.replayedBytes,
            snapshot: snapshot,
            files: files,
            writer: writer,
            preparer: preparer,
            sizing: sizing,
            report: report
        )
    }

    /// A full disk must not keep a store from opening, or nobody could delete anything: what the snapshot covers goes, and
    /// then a small segment has to do.
    private func takeSegment(
        _ preparer: SegmentPreparer<IO>,
        _ sizing: SegmentSizing,
        _ recovered: inout RecoveredLog,
        _ snapshot: any SnapshotStore
    ) throws(StorageError) -> PreparedSegment {
        let sizes = [sizing.initialBytes, sizing.initialBytes, sizing.fullDiskBytes(toHold: 0)]
        for (attempt, bytes) in sizes.enumerated() {
            do {
                return try preparer.take(atLeast: bytes, wanted: bytes)
            } catch {
                guard error.isLackOfSpace, attempt + 1 < sizes.count else { throw .openFailed(error) }
            }
            if attempt == 0 { try removeCovered(&recovered, snapshot) }
        }
        preconditionFailure("the last attempt returns or throws")
    }

    /// Log that is kept for history only (I6: the snapshot that covers it is durable). Oldest first: no gap after a crash.
    private func removeCovered(_ recovered: inout RecoveredLog, _ snapshot: any SnapshotStore) throws(StorageError) {
        guard let needed = snapshot.row?.position.end.segment else { return }
        try orOpenFailed { () throws(SystemCallError) in
            for file in recovered.files where file.number < needed { try io.unlink(directory.segment(file.number)) }
            try io.syncDirectory(directory.wal)
        }
        recovered.files.removeAll { $0.number < needed }
    }

    /// One direct write into a file of its own shows whether this file system takes them.
    private func probeDirectIO() throws(StorageError) -> Bool {
        guard options.useDirectIO != .off else { return false }
        do {
            let block = AlignedBytes(count: LogLimits.blockBytes)
            io.close(try io.open(directory.probe, .create))
            defer { try? io.unlink(directory.probe) }
            let file = try io.open(directory.probe, .updateDirect)
            defer { io.close(file) }
            try io.writeAll(file, block.readOnly, at: 0)
            extendLifetime(block)
            return true
        } catch {
            guard options.useDirectIO == .on else { return false }
            throw StorageError(
                .inputOutput,
                "direct I/O is demanded but does not work here: \(error.reason). Set useDirectIO to auto",
                path: directory.root,
                systemCall: error
            )
        }
    }
}

/// What the log's content came to.
struct RecoveredLog {
    var overlay = Overlay()
    var end = LogEnd.empty
    var row: RecoveryRow
    var condition: RecoveryReport.Condition
    /// All segments on disk, in order.
    var files: [LogFile] = []
    var replayedBytes = 0
    /// `LogOpening.limit` was reached.
    var isStopped = false
    var segments = 0
    var batches: UInt64 = 0
    var records: UInt64 = 0
}
