import Glibc

/// The segment that batches go to.
struct ActiveSegment<File: Sendable>: Sendable {
    var number: SegmentNumber
    var epoch: UInt64
    var file: File
    /// Written blocks from the file's start.
    var preparedBytes: UInt64
    /// Where the next batch goes.
    var offset: UInt64
    let codec: BatchCodec
    /// Its last batch has been written.
    var isFinished = false

    var room: Int { Int(preparedBytes) - Int(offset) }
}

/// A prepared file that is no segment yet: every block written and synced, under its temporary name.
struct PreparedSegment: Sendable {
    var path: String
    var bytes: Int
    /// It was a segment before and still holds what was written then: the new epoch makes that harmless.
    var isRecycled = false
}

/// Writes batches, one after the other (storage.md §5.6). Not thread-safe: the writer owns it.
struct LogWriter<IO: StorageIO>: Sendable {
    let io: IO
    let directory: LogDirectory
    let store: StoreID
    let clock: StorageClock
    let random: @Sendable () -> UInt64
    /// Writes are durable when they return (`O_DIRECT|O_DSYNC`).
    let isDirect: Bool
    /// Seals what is written; nil: not encrypted.
    let key: EncryptionKey?
    /// What the headers of new segments say of the content before them; none without a key.
    var marks = TrustMarks()

    private(set) var segment: ActiveSegment<IO.File>?
    /// Behind the last batch written, which may stand in the previous segment.
    private(set) var end: LogEnd
    /// Behind the last batch known synced: what a snapshot may rest on (I5). A seal is not synced by itself.
    private(set) var syncedEnd: LogEnd
    private(set) var isSealed = true

    init(io: IO, directory: LogDirectory, store: StoreID, options: StorageOptions, isDirect: Bool, end: LogEnd) {
        self.io = io
        self.directory = directory
        self.store = store
        clock = options.clock
        random = options.random
        self.isDirect = isDirect
        key = options.encryption.current
        self.end = end
        syncedEnd = end
    }

    var lastBatch: BatchNumber { end.lastBatch }
    var syncedBatch: BatchNumber { syncedEnd.lastBatch }
    /// The next record's position.
    var nextLSN: LSN { end.nextLSN }

    /// Room in the active segment; one block stays reserved for its last, empty batch.
    var room: Int { segment.map { $0.isFinished ? 0 : $0.room - LogLimits.blockBytes } ?? 0 }

    /// The most that a batch may take.
    func storedBytes(_ batch: BatchBuffer) -> Int {
        LogLimits.roundedToBlock(batch.count + (key == nil ? 0 : BatchCipher.overheadBytes))
    }

    /// Writes one batch of records. Durable after `sync()`.
    mutating func append(_ batch: BatchBuffer) throws(StorageError) {
        precondition(batch.firstLSN == nextLSN, "batches out of order")
        precondition(storedBytes(batch) <= room, "a batch must fit its segment")
        precondition(batch.paddedBytes <= LogLimits.maximumBatchBytes, "a batch beyond its limit")
        try write(batch, flags: [])
        isSealed = false
    }

    /// Writes an empty batch: it proves that the one before it was durable. Needs no sync of its own.
    mutating func seal(_ flags: BatchHeader.Flags = []) throws(StorageError) {
        precondition(syncedBatch == lastBatch || isSealed, "only what is durable can be sealed")
        let empty = BatchBuffer(capacity: LogLimits.blockBytes)
        empty.firstLSN = nextLSN
        try write(empty, flags: flags.union(.seal))
        isSealed = true
    }

    /// Makes everything written so far durable (I1).
    mutating func sync() throws(StorageError) {
        guard let segment else { return }
        if !isDirect && !isMutant(.noLogSync) {
            try orFail("sync the log") { () throws(SystemCallError) in try io.fdatasync(segment.file) }
        }
        syncedEnd = end
    }

    /// Somebody removed the active segment under the running store: what is written to it now nobody will ever read.
    func requireName() throws(StorageError) {
        guard let segment else { return }
        var isLinked = false
        try orFail("look at the log") { () throws(SystemCallError) in isLinked = try io.isLinked(segment.file) }
        guard !isLinked else { return }
        try orFail("go on with the log, its file was removed") { () throws(SystemCallError) in
            throw SystemCallError(call: "statx", number: ENOENT, path: directory.segment(segment.number))
        }
    }

    private mutating func write(_ batch: BatchBuffer, flags: BatchHeader.Flags) throws(StorageError) {
        guard var segment, !segment.isFinished else { preconditionFailure("no segment to write to") }
        let position = BatchHeader.Position(segment: segment.number, offset: segment.offset)
        var header = BatchHeader(
            flags: flags,
            epoch: segment.epoch,
            number: lastBatch.next,
            firstLSN: batch.firstLSN,
            recordCount: UInt32(batch.recordCount),
            storedBytes: 0,
            rawBytes: 0,
            payloadCRC: 0,
            durableThrough: syncedBatch,
            chain: end.chain,
            committedAt: clock.wallNanoseconds()
        )
        let (bytes, crc) = segment.codec.encode(batch, &header, at: position)
        try orFail("write the log") { () throws(SystemCallError) in
            try io.writeAll(segment.file, bytes, at: position.offset)
        }
        extendLifetime(batch)
        segment.offset += UInt64(bytes.count)
        self.segment = segment
        end = LogEnd(
            lastBatch: header.number,
            chain: crc,
            nextLSN: LSN(rawValue: end.nextLSN.rawValue + UInt64(batch.recordCount)),
            segment: segment.number,
            offset: segment.offset,
            batchOffset: position.offset,
            epoch: segment.epoch
        )
        if isDirect { syncedEnd = end }
    }

    /// Any failure here is final (§5.8): no retry, no acknowledgement.
    private func orFail(_ what: String, _ body: () throws(SystemCallError) -> Void) throws(StorageError) {
        do {
            try body()
        } catch {
            var failure = StorageError(
                .durabilityLost,
                "could not \(what): \(error.reason). Nothing after LSN \(nextLSN) is promised; check the device, then restart",
                path: segment.map { directory.segment($0.number) },
                systemCall: error
            )
            failure.segment = segment?.number.rawValue
            failure.offset = segment?.offset
            failure.batch = lastBatch.next.rawValue
            throw failure
        }
    }
}

// Rotation (§5.6): never under the core's lock.
extension LogWriter {
    /// Ends the active segment with an empty batch and syncs it.
    mutating func finishSegment(_ flags: BatchHeader.Flags = []) throws(StorageError) {
        guard segment?.isFinished == false else { return }
        try sync()
        try seal(flags.union(.lastInSegment))
        try sync()
        self.segment?.isFinished = true
    }

    /// Turns a prepared file into the active segment: header, sync, rename, sync of the directory. Only then may a batch
    /// go there.
    mutating func activate(_ prepared: PreparedSegment) throws(StorageError) {
        precondition(segment?.isFinished ?? true, "the active segment must be finished first")
        let header = SegmentHeader(
            store: store,
            number: end.segment.next,
            epoch: random(),
            firstBatch: lastBatch.next,
            firstLSN: nextLSN,
            preparedBytes: UInt64(prepared.bytes),
            predecessor: end.predecessorFacts,
            requiredFeatures: key == nil ? 0 : SegmentHeader.sealedFeatures,
            ignorableFeatures: (prepared.isRecycled ? SegmentHeader.recycledFeature : 0)
                | (key == nil ? 0 : marks.features),
            createdAt: clock.wallNanoseconds(),
            keyID: key?.id.rawValue ?? 0
        )
        let path = directory.segment(header.number)
        var opened: IO.File?
        try orFail("start segment \(header.number)") { () throws(SystemCallError) in
            let file = try io.open(prepared.path, isDirect && !isMutant(.noDirectSync) ? .updateDirect : .update)
            opened = file
            let block = AlignedBytes(count: SegmentHeader.encodedBytes)
            header.encode(into: block.mutable, key: key)
            try io.writeAll(file, block.readOnly, at: 0)
            extendLifetime(block)
            if !isMutant(.noHeaderSync) { try io.fdatasync(file) }
            try io.rename(prepared.path, to: path)
            if !isMutant(.noSegmentNameSync) { try io.syncDirectory(directory.wal) }
        }
        guard let file = opened else { return }
        if let segment { io.close(segment.file) }
        segment = ActiveSegment(
            number: header.number,
            epoch: header.epoch,
            file: file,
            preparedBytes: header.preparedBytes,
            offset: LogLimits.firstBatchOffset,
            codec: BatchCodec(key.map { BatchCipher(key: $0, of: header) })
        )
    }

    /// Ends the log for this owner: last batch with the clean-shutdown flag, the unused rest of the file given back.
    mutating func closeCleanly() throws(StorageError) {
        guard let segment else { return }
        if !segment.isFinished { try finishSegment(.cleanShutdown) }
        try orFail("give back the unused end of the log") { () throws(SystemCallError) in
            try io.truncate(segment.file, to: end.offset)
            try io.fdatasync(segment.file)
        }
        closeFile()
    }

    /// Lets go of the file as it is.
    mutating func closeFile() {
        if let segment { io.close(segment.file) }
        segment = nil
    }
}
