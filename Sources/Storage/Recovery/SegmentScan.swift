/// Reads the batches of one segment and decides where they end (R4-R9, R15).
struct SegmentScan<IO: StorageIO>: ~Copyable {
    /// How the batches of the newest segment end.
    struct End: Equatable {
        var log: LogEnd
        var row: RecoveryRow
        /// The last batch says that its writer closed the store.
        var isClean: Bool
        /// The last batch says that no other follows in this segment.
        var isFinished: Bool
        /// End of the last non-zero byte in the file; beyond `log.offset` it is what must be set aside.
        var usedBytes: UInt64
    }

    private enum Step {
        case batch(BatchHeader, crc: UInt32)
        /// Recovery was asked not to go on here.
        case limit
        /// No batch here, and why.
        case nothing(String)
    }

    private let path: String
    private let header: SegmentHeader
    private let codec: BatchCodec
    private let limit: RecoveryLimit
    /// The limit was reached: nothing behind `end` was applied.
    private(set) var isStopped = false
    private var window: SegmentWindow<IO>
    private(set) var end: LogEnd
    private var isClean = false
    private(set) var batches: UInt64 = 0
    private(set) var records: UInt64 = 0
    /// Where the last byte that belongs to this use of the file ends, as far as was looked.
    private var usedBytes: UInt64 = 0
    /// Bytes of the batches read, padding included.
    private(set) var bytes: UInt64 = 0

    init(
        io: IO,
        path: String,
        header: SegmentHeader,
        after previous: LogEnd,
        keys: EncryptionKeys,
        limit: RecoveryLimit
    )
        throws(StorageError)
    {
        let cipher = try keys.cipher(for: header, path: path)
        window = try SegmentWindow(io: io, path: path, readsAhead: true)
        codec = BatchCodec(cipher)
        self.limit = limit
        self.path = path
        self.header = header
        end = previous
        // The snapshot may end inside this segment: then the log goes on there.
        if previous.segment != header.number {
            end.segment = header.number
            end.offset = LogLimits.firstBatchOffset
        }
    }

    private var spot: StorageError.Spot {
        StorageError.Spot(path: path, segment: header.number, offset: end.offset, batch: end.lastBatch.next)
    }

    /// A segment whose end its successor fixed: every batch up to there must be good.
    mutating func runToFixedEnd(_ facts: PredecessorFacts, _ overlay: Overlay) throws(StorageError) -> LogEnd {
        while end.offset < facts.endOffset {
            switch try step() {
            case .batch(let header, let crc): try accept(header, crc: crc, overlay)
            case .limit: return end
            case .nothing(let reason):
                throw .acknowledgedDataDamaged(
                    at: spot,
                    because: reason,
                    proof: "segment \(header.number.next) says that the log reached offset \(facts.endOffset) here"
                )
            }
        }
        guard end.predecessorFacts == facts || isMutant(.noPredecessorCheck) else {
            throw .lostOrMisdirectedWrite(at: spot, "segment \(header.number.next) names another end of this one")
        }
        if let found = try OtherWriter.firstBatch(behind: end, in: &window, codec) {
            throw .twoWriters(found, behind: end, path: path)
        }
        return end
    }

    /// The newest segment: the end is where good batches stop, if nothing proves that more was acknowledged.
    mutating func runToTail(_ overlay: Overlay) throws(StorageError) -> End {
        if try startsBehindTheLast() { return try finish(.r4) }
        while true {
            switch try step() {
            case .batch(let header, let crc):
                try accept(header, crc: crc, overlay)
                if header.flags.contains(.lastInSegment) { return try finish(.r4) }
            case .limit:
                return try finish(.r4)
            case .nothing(let reason):
                return try finish(try judgeTail(because: reason))
            }
        }
    }

    /// The snapshot may end with the batch that says it is the segment's last: a store that was opened without room for another
    /// segment took that checkpoint. Nothing follows, and the unused rest of the file may have been given back.
    private mutating func startsBehindTheLast() throws(StorageError) -> Bool {
        guard end.offset > LogLimits.firstBatchOffset, !limit.stops(at: end) else { return false }
        let block = try window.bytes(at: end.batchOffset, LogLimits.blockBytes)
        let position = BatchHeader.Position(segment: header.number, offset: end.batchOffset)
        guard case .valid(let found, let crc) = BatchHeader.read(block, at: position), found.number == end.lastBatch,
            crc == end.chain, found.flags.contains(.lastInSegment)
        else { return false }
        isClean = found.flags.contains(.cleanShutdown)
        return true
    }

    private mutating func finish(_ row: RecoveryRow) throws(StorageError) -> End {
        // What is behind the end of a finished segment proves nothing, but is kept all the same.
        if row == .r4 { try forEachBlock(from: end.offset) { _, _ throws(StorageError) in } }
        return End(
            log: end,
            row: isClean ? .r3 : row,
            isClean: isClean,
            isFinished: isClean || row == .r4,
            usedBytes: max(usedBytes, end.offset)
        )
    }

    /// What stands at the expected place (R4, R5, R8, R9).
    private mutating func step() throws(StorageError) -> Step {
        if isStopped || limit.stops(at: end) {
            isStopped = true
            return .limit
        }
        let block = try window.bytes(at: end.offset, LogLimits.blockBytes)
        let position = BatchHeader.Position(segment: header.number, offset: end.offset)
        let found: BatchHeader
        let crc: UInt32
        switch BatchHeader.read(block, at: position) {
        case .invalid(let reason): return .nothing(block.isEmpty ? "the file ends" : reason)
        case .needsVersion(let what): throw .newerWriter(at: spot, what)
        case .valid(let header, let checksum): (found, crc) = (header, checksum)
        }
        guard found.epoch == header.epoch || isMutant(.noEpochCheck) else {
            return .nothing("left over from an earlier use of the file")
        }
        let continues = found.number == end.lastBatch.next && found.chain == end.chain && found.firstLSN == end.nextLSN
        guard continues || isMutant(.noChainCheck) else {
            throw .lostOrMisdirectedWrite(
                at: spot,
                "batch \(found.number) stands where batch \(end.lastBatch.next) after LSN \(end.nextLSN) belongs"
            )
        }
        guard found.paddedBytes <= LogLimits.maximumBatchBytes else {
            throw .unreadableThoughSound(at: spot, "a batch of \(found.storedBytes) bytes")
        }
        let whole = try window.bytes(at: end.offset, found.paddedBytes)
        guard whole.count == found.paddedBytes else { return .nothing("the file ends inside a batch") }
        let payload = whole.part(BatchHeader.encodedBytes, Int(found.storedBytes))
        guard crc32c(payload) == found.payloadCRC || isMutant(.noPayloadCheck) else {
            return .nothing("payload checksum does not match")
        }
        return .batch(found, crc: crc)
    }

    private mutating func accept(_ found: BatchHeader, crc: UInt32, _ overlay: Overlay) throws(StorageError) {
        let whole = try window.bytes(at: end.offset, found.paddedBytes)
        let taken = try replay(whole.part(BatchHeader.encodedBytes, Int(found.storedBytes)), found, overlay)
        isClean = found.flags.contains(.cleanShutdown)
        end = LogEnd(
            lastBatch: found.number,
            chain: crc,
            nextLSN: LSN(rawValue: end.nextLSN.rawValue + taken),
            segment: header.number,
            offset: end.offset + UInt64(found.paddedBytes),
            batchOffset: end.offset,
            epoch: header.epoch
        )
        bytes += UInt64(found.paddedBytes)
        batches += 1
        records += taken
    }

    /// Applies a batch's records, all or up to the last transaction within the limit. Returns how many.
    private mutating func replay(_ payload: UnsafeRawBufferPointer, _ batch: BatchHeader, _ overlay: Overlay)
        throws(StorageError) -> UInt64
    {
        let raw = try decode(payload, batch)
        let taken = try count(raw, batch)
        var reader = RecordReader(raw)
        var done: UInt64 = 0
        do {
            while done < taken, let record = try reader.next() {
                overlay.apply(record, lsn: LSN(rawValue: batch.firstLSN.rawValue + done))
                done += 1
            }
        } catch {
            throw refusal(error)
        }
        if taken < batch.recordCount { isStopped = true }
        return taken
    }

    private func decode(_ payload: UnsafeRawBufferPointer, _ batch: BatchHeader) throws(StorageError)
        -> UnsafeRawBufferPointer
    {
        do {
            return try codec.decode(payload, batch)
        } catch {
            switch error {
            case .senseless(let what): throw .unreadableThoughSound(at: spot, what)
            case .needsVersion(let what): throw .newerWriter(at: spot, what)
            }
        }
    }

    private func refusal(_ failure: RecordReader.Failure) -> StorageError {
        switch failure {
        case .malformed(let what): .unreadableThoughSound(at: spot, what)
        case .needsVersion(let what): .newerWriter(at: spot, what)
        }
    }

    /// Looks at all records before any is applied: how many are within the limit, whole transactions only.
    private func count(_ raw: UnsafeRawBufferPointer, _ batch: BatchHeader) throws(StorageError) -> UInt64 {
        var reader = RecordReader(raw)
        var count: UInt64 = 0
        var taken: UInt64 = 0
        do {
            while try reader.next() != nil {
                count += 1
                let lsn = LSN(rawValue: batch.firstLSN.rawValue + count - 1)
                if !reader.isInsideTransaction, limit.includes(lsn) { taken = count }
            }
        } catch {
            throw refusal(error)
        }
        guard count == batch.recordCount else {
            throw .unreadableThoughSound(at: spot, "\(count) records instead of \(batch.recordCount)")
        }
        return taken
    }

    /// Whether the missing batch had been acknowledged: a later batch's durable-through proves it (R5-R7).
    private mutating func judgeTail(because reason: String) throws(StorageError) -> RecoveryRow {
        let missing = end.lastBatch.next
        let start = end.offset
        let spot = spot
        let header = header
        let fileBytes = window.size
        var row = RecoveryRow.r5
        try forEachBlock(from: start) { block, offset throws(StorageError) in
            let position = BatchHeader.Position(segment: header.number, offset: offset)
            // The first one is known to be no batch of this place.
            let reading = offset == start ? .invalid("") : BatchHeader.read(block, at: position)
            switch reading {
            case .invalid:
                // It may be the missing one, or have hit it (R9).
                let stray = BatchHeader.misdirected(block, at: position, epoch: header.epoch, fileBytes: fileBytes)
                if let stray, !isMutant(.noStrayCheck) { throw .lostOrMisdirectedWrite(at: spot, stray) }
            case .needsVersion(let what): throw .newerWriter(at: spot, what)
            case .valid(let later, _):
                guard later.epoch == header.epoch else { return }
                guard later.number > missing else {
                    throw .lostOrMisdirectedWrite(at: spot, "batch \(later.number) stands at offset \(offset)")
                }
                guard later.durableThrough < missing || isMutant(.noDurableThroughCheck) else {
                    throw .acknowledgedDataDamaged(
                        at: spot,
                        because: reason,
                        proof:
                            "batch \(later.number) at offset \(offset) was written after batch \(later.durableThrough) was durable"
                    )
                }
                row = .r6
            }
        }
        return row
    }

    /// Looks at all blocks from here to the end of the file, once, and notes where what was written for this segment ends.
    ///
    /// A fresh file is zero behind that. A recycled one holds what it held before: there only blocks count that begin
    /// like a batch of this epoch, with the length that they claim.
    private mutating func forEachBlock(
        from start: UInt64,
        _ visit: (UnsafeRawBufferPointer, UInt64) throws(StorageError) -> Void
    ) throws(StorageError) {
        let isRecycled = header.ignorableFeatures & SegmentHeader.recycledFeature != 0
        var offset = start
        while offset < window.size {
            let block = try window.bytes(at: offset, LogLimits.blockBytes)
            // Nearly all of a tail is zeros, which nothing begins with.
            if !block.isAllZero {
                if !isRecycled, let last = block.lastIndex(where: { $0 != 0 }) {
                    usedBytes = offset + UInt64(last) + 1
                } else if let claimed = BatchHeader.claimedBytes(block, epoch: header.epoch) {
                    usedBytes = max(usedBytes, min(window.size, offset + claimed))
                }
                try visit(block, offset)
            }
            offset += UInt64(LogLimits.blockBytes)
        }
    }
}

extension EncryptionKeys {
    /// What opens a segment's batches; nil: it is not encrypted.
    func cipher(for header: SegmentHeader, path: String) throws(StorageError) -> BatchCipher? {
        guard header.isEncrypted else { return nil }
        let key = try key(KeyID(rawValue: header.keyID), neededFor: path)
        return BatchCipher(key: key, of: header)
    }
}
