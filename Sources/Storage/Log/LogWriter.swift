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

/// A batch that found no room. It goes out again byte by byte as it is: sealed anew it would be a second text under one
/// nonce (docs/encryption.md).
private struct Unwritten: Sendable {
    let batch: BatchBuffer
    let epoch: UInt64
    let header: BatchHeader
    let crc: UInt32
    let bytes: BatchBuffer
    let count: Int

    init(batch: BatchBuffer, epoch: UInt64, header: BatchHeader, crc: UInt32, _ encoded: UnsafeRawBufferPointer) {
        self.batch = batch
        self.epoch = epoch
        self.header = header
        self.crc = crc
        count = encoded.count
        bytes = BatchBuffer(capacity: encoded.count)
        bytes.memory.copyMemory(from: encoded.baseAddress ?? UnsafeRawPointer(bytes.memory), byteCount: encoded.count)
    }
}

/// Writes batches, one after the other (storage.md §5.6). Not thread-safe: the writer owns it.
struct LogWriter<IO: StorageIO>: Sendable {
    let io: IO
    let directory: LogDirectory
    let store: StoreID
    let clock: StorageClock
    let random: @Sendable () -> UInt64
    /// Writes are durable when they return (`O_DIRECT|O_DSYNC`). With `.auto` the first header shows whether the file system
    /// takes such writes.
    private(set) var isDirect: Bool
    private let directIO: StorageOptions.DirectIO
    private var isDirectTried = false
    /// Seals what is written; nil: not encrypted.
    let key: EncryptionKey?
    /// What the headers of new segments say of the content before them; none without a key.
    var marks = TrustMarks()
    /// nil: nobody else can know of the directory yet.
    let hold: DirectoryHold<IO>?
    /// nil: the log is part of something in the making, which an opening will look at as a whole.
    private var head: LogHeadFile<IO>?
    /// What stands in HEAD counts no more: it is made anew.
    private var isHeadNew: Bool
    /// HEAD could not be written at the latest activation, for lack of room.
    private(set) var headFailure: SystemCallError?

    private(set) var segment: ActiveSegment<IO.File>?
    /// Behind the last batch written, which may stand in the previous segment.
    private(set) var end: LogEnd
    /// Behind the last batch known synced: what a snapshot may rest on (I5). A seal is not synced by itself.
    private(set) var syncedEnd: LogEnd
    private(set) var isSealed = true
    /// Encoded and not written for lack of room.
    private var unwritten: Unwritten?

    init(
        io: IO,
        directory: LogDirectory,
        store: StoreID,
        options: StorageOptions,
        end: LogEnd,
        hold: DirectoryHold<IO>? = nil,
        head: LogHeadFile<IO>? = nil,
        isHeadNew: Bool = false
    ) {
        self.hold = hold
        self.head = head
        self.isHeadNew = isHeadNew
        self.io = io
        self.directory = directory
        self.store = store
        clock = options.clock
        random = options.random
        directIO = options.useDirectIO
        isDirect = directIO != .off
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
    ///
    /// - Parameter mutant: the one that leaves this sync out.
    mutating func sync(exceptFor mutant: Mutant = .noLogSync) throws(StorageError) {
        guard let segment else { return }
        if !isDirect && !isMutant(.noLogSync) && !isMutant(mutant) {
            try orFail("sync the log") { () throws(SystemCallError) in try io.fdatasync(segment.file) }
        }
        syncedEnd = end
    }

    /// Somebody removed the active segment, or LOCK, under the running store: what is written now nobody will ever read, or
    /// another engine writes there as well.
    func requireOwnership() throws(StorageError) {
        try requireName()
        if let hold, !isMutant(.noLockCheck) { try hold.requireLock() }
    }

    private func requireName() throws(StorageError) {
        guard let segment else { return }
        var isLinked = false
        try orFail("look at the log") { () throws(SystemCallError) in isLinked = try io.linkCount(segment.file) > 0 }
        guard !isLinked, !isMutant(.noLinkCheck) else { return }
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
        let bytes: UnsafeRawBufferPointer
        let crc: UInt32
        let earlier = unwritten
        // It may have been sealed in place: written behind another batch it would be sealed a second time.
        precondition(
            earlier.map { $0.batch === batch || $0.batch.recordCount == 0 } ?? true,
            "what found no room goes first"
        )
        unwritten = nil
        if let earlier, earlier.batch === batch, earlier.epoch == segment.epoch, earlier.header.number == header.number
        {
            (header, crc, bytes) = (earlier.header, earlier.crc, earlier.bytes.whole(earlier.count))
        } else {
            (bytes, crc) = segment.codec.encode(batch, &header, at: position)
        }
        do {
            try io.writeAll(segment.file, bytes, at: position.offset)
        } catch {
            guard error.isLackOfSpace else { throw failure("write the log", error) }
            // Nothing behind this place was acknowledged, and nothing here: it is written again as a whole. File systems
            // that write elsewhere than they wrote before have no room even for a file that is there.
            unwritten = Unwritten(batch: batch, epoch: segment.epoch, header: header, crc: crc, bytes)
            throw .noRoom(error)
        }
        extendLifetime(batch)
        extendLifetime(earlier?.bytes)
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
            throw failure(what, error)
        }
    }

    private func failure(_ what: String, _ error: SystemCallError) -> StorageError {
        var failure = StorageError(
            .durabilityLost,
            "could not \(what): \(error.reason). Nothing after LSN \(nextLSN) is promised; check the device, then restart",
            path: segment.map { directory.segment($0.number) },
            systemCall: error
        )
        failure.segment = segment?.number.rawValue
        failure.offset = segment?.offset
        failure.batch = lastBatch.next.rawValue
        return failure
    }
}

extension StorageError {
    static func noRoom(_ error: SystemCallError) -> StorageError {
        StorageError(.lowSpace, "no room for the log: \(error.reason)", path: error.path, systemCall: error)
    }

    fileprivate static func directRefused(_ root: String, _ error: SystemCallError) -> StorageError {
        StorageError(
            .inputOutput,
            "direct I/O is demanded but does not work here: \(error.reason). Set useDirectIO to auto",
            path: root,
            systemCall: error
        )
    }

    /// The process, not the disk, lacks something.
    static func shortOfResources(_ error: SystemCallError) -> StorageError {
        StorageError(
            .overloaded,
            "the log waits for a descriptor or memory: \(error.reason); raise the process's limits",
            path: error.path,
            systemCall: error
        )
    }
}

// Rotation (§5.6): never under the core's lock.
extension LogWriter {
    /// Ends the active segment with an empty batch and syncs it.
    mutating func finishSegment(_ flags: BatchHeader.Flags = []) throws(StorageError) {
        guard segment?.isFinished == false else { return }
        try sync()
        try seal(flags.union(.lastInSegment))
        try sync(exceptFor: .noSealSync)
        self.segment?.isFinished = true
    }

    /// Turns a prepared file into the active segment: header, sync, name, sync of the directory, HEAD. Only then may a batch
    /// go there.
    ///
    /// Throws `.lowSpace` or `.overloaded` if nothing has happened yet and it may be tried again, with this file or another.
    mutating func activate(_ prepared: PreparedSegment) throws(StorageError) {
        precondition(segment?.isFinished ?? true, "the active segment must be finished first")
        let header = nextHeader(prepared)
        let file = try begin(prepared, header)
        if let segment { io.close(segment.file) }
        segment = ActiveSegment(
            number: header.number,
            epoch: header.epoch,
            file: file,
            preparedBytes: header.preparedBytes,
            offset: LogLimits.firstBatchOffset,
            codec: BatchCodec(key.map { BatchCipher(key: $0, of: header) })
        )
        try writeHead(header)
    }

    private func nextHeader(_ prepared: PreparedSegment) -> SegmentHeader {
        SegmentHeader(
            store: store,
            number: end.segment.next,
            epoch: isMutant(.sameEpoch) ? 1 : random(),
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
    }

    /// Gives the segment its header and its name. What needs a descriptor or room comes before the name; after it nothing
    /// can be taken back.
    private mutating func begin(_ prepared: PreparedSegment, _ header: SegmentHeader) throws(StorageError) -> IO.File {
        let what = "start segment \(header.number)"
        var opened: IO.File?
        do {
            let file = try open(prepared, header)
            opened = file
            if !isMutant(.noHeaderSync) { try io.fdatasync(file) }
            try io.renameNew(prepared.path, to: directory.segment(header.number))
        } catch {
            if let opened { io.close(opened) }
            if error.isLackOfSpace { throw .noRoom(error) }
            if error.isLackOfResources { throw .shortOfResources(error) }
            if directIO == .on, !isDirectTried { throw .directRefused(directory.root, error) }
            guard error.number == EEXIST else { throw failure(what, error) }
            throw .ownershipLost(
                directory.segment(header.number),
                "another engine has started segment \(header.number)"
            )
        }
        guard let file = opened else { preconditionFailure("opened above") }
        if isMutant(.noSegmentNameSync) { return file }
        do {
            if let hold { try hold.syncLog() } else { try io.syncDirectory(directory.wal) }
        } catch {
            io.close(file)
            throw failure(what, error)
        }
        return file
    }

    /// Opens the file and writes the header, directly if that works here.
    private mutating func open(_ prepared: PreparedSegment, _ header: SegmentHeader) throws(SystemCallError) -> IO.File
    {
        let block = AlignedBytes(count: SegmentHeader.encodedBytes)
        header.encode(into: block.mutable, key: key)
        if isDirect, !isMutant(.noDirectSync) {
            do {
                let file = try open(prepared.path, .updateDirect, writing: block)
                isDirectTried = true
                return file
            } catch {
                guard directIO == .auto, !isDirectTried, !error.isLackOfSpace, !error.isLackOfResources else {
                    throw error
                }
                isDirect = false
            }
        }
        return try open(prepared.path, .update, writing: block)
    }

    private func open(_ path: String, _ mode: OpenMode, writing block: borrowing AlignedBytes)
        throws(SystemCallError) -> IO.File
    {
        let file = try io.open(path, mode)
        do {
            try io.writeAll(file, block.readOnly, at: 0)
        } catch {
            io.close(file)
            throw error
        }
        return file
    }

    /// Before the first batch. Without it a later opening can't miss the segment's file, so lack of room is no failure.
    private mutating func writeHead(_ header: SegmentHeader) throws(StorageError) {
        headFailure = nil
        guard !isMutant(.noHead) else { return }
        let isNew = isHeadNew
        do {
            try head?.write(LogHead(store: header.store, segment: header.number, epoch: header.epoch), isNew: isNew)
            isHeadNew = false
        } catch {
            guard error.isLackOfSpace || error.isLackOfResources else {
                throw failure("note that segment \(header.number) was begun", error)
            }
            headFailure = error
        }
    }

    /// Ends the log for this owner: last batch with the clean-shutdown flag, the unused rest of the file given back.
    mutating func closeCleanly() throws(StorageError) {
        guard let segment else { return closeFile() }
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
        head?.close()
    }
}
