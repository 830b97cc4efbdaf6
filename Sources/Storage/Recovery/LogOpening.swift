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
    /// The owner's lock; nil: nobody else can know of the directory.
    var lock: IO.File?
    /// Where to stop; then `finishStopped` decides what becomes of the rest.
    var limit = RecoveryLimit.none
    /// More changes than this become a snapshot after a segment, before all is judged: for copies only. A restore may
    /// replay more log than memory holds.
    var overlayBytesLimit = Int.max
    /// From FORMAT.
    private(set) var incarnation: UInt64 = 0
    var warnings: [String] = []
    var quarantinedFiles: [String] = []
    var quarantinedBytes: UInt64 = 0
    var quarantineLimit = UInt64(LogLimits.quarantineBytes)

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

    /// Runs everything. Judges first and changes afterwards: an error leaves everything as it was.
    mutating func run() throws(StorageError) -> OpenedLog<IO> {
        let start = options.clock.monotonicNanoseconds()
        let found = try FormatFile(io: io, directory: directory).read()
        let listing = try listLog()
        guard let format = found else { return try create(over: listing, openedAt: start) }
        let store = format.store
        incarnation = format.incarnation
        try syncBeforeBelieving(newest: listing.segments.last)
        let snapshot = try openSnapshot(store, false)
        do {
            let head = try readHead(store)
            var recovered = try recover(listing.segments, store: store, snapshot: snapshot, head: head)
            try requireLimit(recovered)
            try remove(listing.temporaries)
            try setAside(&recovered, snapshot)
            let isHeadNew = try limit != .none ? finishStopped(listing.segments, &recovered, snapshot) : head == nil
            var opened = try startSegment(recovered, snapshot, store: store, isHeadNew: isHeadNew, openedAt: start)
            if case .place = limit { try cutBehind(recovered.end, &opened) }
            return opened
        } catch {
            snapshot.close()
            throw error
        }
    }

    /// R1. The FORMAT file completes the creation: before it there is no store, and no batch was written yet.
    private mutating func create(over listing: LogListing, openedAt start: UInt64) throws(StorageError)
        -> OpenedLog<IO>
    {
        try clearUnfinishedCreation(listing.segments)
        try remove(listing.temporaries)
        try orOpenFailed { () throws(SystemCallError) in
            try io.createDirectory(directory.wal)
            try io.createDirectory(directory.snapshot)
            if !isMutant(.noRootSync) { try io.syncDirectory(directory.root) }
            try syncParent()
        }
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
                isHeadNew: true,
                openedAt: start
            )
            try orOpenFailed { () throws(SystemCallError) in
                try FormatFile(io: io, directory: directory).write(StoreFormat(store: store))
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

    /// Step 10: always a new segment; its predecessor facts fix the end of the old one for ever. Where there is no room for
    /// one a store that is there opens without: it can be read, and the first rotation that finds room begins one.
    private mutating func startSegment(
        _ recovered: RecoveredLog,
        _ snapshot: any SnapshotStore,
        store: StoreID,
        isHeadNew: Bool,
        openedAt start: UInt64
    ) throws(StorageError) -> OpenedLog<IO> {
        var recovered = recovered
        let preparer = SegmentPreparer(io: io, directory: directory)
        let hold = try orOpenFailed { () throws(SystemCallError) in
            try DirectoryHold(io: io, directory: directory, lock: lock, snapshot: snapshot.file)
        }
        var writer = LogWriter(
            io: io,
            directory: directory,
            store: store,
            options: options,
            end: recovered.end,
            hold: hold,
            head: LogHeadFile(io: io, directory: directory),
            isHeadNew: isHeadNew
        )
        writer.marks = recovered.trust.marks
        if let warning = recovered.trust.warning { warnings.append(warning) }
        let sizing = SegmentSizing(options, now: options.clock.monotonicNanoseconds())
        if let begun = try beginSegment(&writer, preparer, sizing, &recovered, snapshot) {
            recovered.files.append(LogFile(number: recovered.end.segment.next, bytes: UInt64(begun.bytes)))
        }
        return OpenedLog(
            overlay: recovered.overlay,
            replayedBytes: recovered.replayedBytes,
            snapshot: snapshot,
            files: recovered.files,
            writer: writer,
            preparer: preparer,
            sizing: sizing,
            report: report(recovered, snapshot, store, isDirect: writer.isDirect, openedAt: start)
        )
    }

    private func report(
        _ recovered: RecoveredLog,
        _ snapshot: any SnapshotStore,
        _ store: StoreID,
        isDirect: Bool,
        openedAt start: UInt64
    ) -> RecoveryReport {
        RecoveryReport(
            path: directory.root,
            storeID: store.text,
            incarnation: incarnation,
            condition: recovered.condition,
            row: recovered.row,
            bytesOnDisk: recovered.files.reduce(0) { $0 + $1.bytes } + UInt64(snapshot.size.fileBytes),
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
    }
}

/// What the log's content came to.
struct RecoveredLog {
    var overlay = Overlay()
    var end = LogEnd.empty
    var row: RecoveryRow
    var condition: RecoveryReport.Condition
    /// What the next segment says of the content before it.
    var trust = ContentTrust.Verdict()
    /// All segments on disk, in order.
    var files: [LogFile] = []
    var replayedBytes = 0
    /// Bytes behind the log's end that must be kept for people.
    var tail: LogRemainder?
    /// A segment that never began (R12).
    var unused: SegmentNumber?
    /// `LogOpening.limit` was reached.
    var isStopped = false
    var segments = 0
    var batches: UInt64 = 0
    var records: UInt64 = 0
}

/// What stands behind the log's end in its newest segment.
struct LogRemainder: Equatable {
    var segment: SegmentNumber
    var offset: UInt64
    /// First byte behind it.
    var end: UInt64
    var bytes: UInt64 { end - offset }
}

/// Names in the log directory.
struct LogListing {
    /// In order.
    var segments: [SegmentNumber] = []
    /// Paths of files that hold nothing: no batch is ever written to one.
    var temporaries: [String] = []
}
