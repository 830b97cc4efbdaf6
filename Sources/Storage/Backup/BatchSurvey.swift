/// Walks over the headers of a log's batches: which positions and times it holds. Reads no payload and needs no key.
struct BatchSurvey<IO: StorageIO> {
    let io: IO
    let directory: LogDirectory
    let store: StoreID
    let checkpoint: CheckpointRow?

    private var found = BatchSurveyFound()
    private var last: (number: BatchNumber, chain: UInt32)?
    private var moment: UInt64?
    private var isPastMoment = false
    private var meetsCheckpoint = false

    typealias Found = BatchSurveyFound

    init(io: IO, directory: LogDirectory, store: StoreID, checkpoint: CheckpointRow?) {
        self.io = io
        self.directory = directory
        self.store = store
        self.checkpoint = checkpoint
    }

    /// - Parameter moment: the position that was reached then is looked for.
    mutating func run(upTo moment: UInt64?) throws(StorageError) -> Found {
        self.moment = moment
        let numbers = try segments()
        if numbers.first == .first {
            try walk(numbers, from: LogLimits.firstBatchOffset, asBeginning: true)
            if meetsCheckpoint || checkpoint == nil {
                found.reachesBeginning = found.firstTime != nil
                return found
            }
        }
        guard let end = checkpoint?.position.end else { return found }
        reset()
        // The checkpoint's own batch first, for its time. The segment may have been begun behind it.
        let isThere = numbers.contains(end.segment)
        let later = numbers.filter { $0 >= end.segment }
        let hasBatch = isThere && end.offset > LogLimits.firstBatchOffset
        try walk(later, from: hasBatch ? end.batchOffset : LogLimits.firstBatchOffset, asBeginning: false)
        return found
    }

    private mutating func reset() {
        (found, last, isPastMoment) = (Found(), nil, false)
    }

    private func segments() throws(StorageError) -> [SegmentNumber] {
        do {
            return try io.list(directory.wal).compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
        } catch {
            throw .deviceFailed(error)
        }
    }

    /// Ends where the log can't be followed any more: recovery is the judge of that.
    private mutating func walk(_ numbers: [SegmentNumber], from start: UInt64, asBeginning: Bool) throws(StorageError) {
        var expected = numbers.first ?? .first
        if asBeginning { last = (.none, 0) }
        for (index, number) in numbers.enumerated() {
            guard number == expected, let header = try header(number) else { return }
            if index > 0 || asBeginning, let last {
                guard header.predecessor.lastBatch == last.number, header.predecessor.lastBatchCRC == last.chain else {
                    return
                }
            }
            let next = index + 1 < numbers.count ? try self.header(numbers[index + 1])?.predecessor : nil
            found.segments.append((number, header.firstLSN))
            try walk(header, from: index == 0 ? start : LogLimits.firstBatchOffset, upTo: next?.endOffset)
            expected = number.next
        }
    }

    private func header(_ number: SegmentNumber) throws(StorageError) -> SegmentHeader? {
        var window = try SegmentWindow(io: io, path: directory.segment(number), pieceBytes: LogLimits.blockBytes)
        guard case .valid(let header) = SegmentHeader.read(try window.bytes(at: 0, LogLimits.blockBytes)),
            header.number == number, header.store == store
        else { return nil }
        return header
    }

    private mutating func walk(_ segment: SegmentHeader, from start: UInt64, upTo end: UInt64?) throws(StorageError) {
        // Batches of one block are the common case: reading ahead costs less than a read for each.
        var window = try SegmentWindow(io: io, path: directory.segment(segment.number), readsAhead: true)
        var offset = start
        while offset < end ?? .max {
            let position = BatchHeader.Position(segment: segment.number, offset: offset)
            let block = try window.bytes(at: offset, LogLimits.blockBytes)
            guard case .valid(let batch, let crc) = BatchHeader.read(block, at: position), batch.epoch == segment.epoch,
                last.map({ batch.number == $0.number.next && batch.chain == $0.chain }) ?? true,
                offset + UInt64(batch.paddedBytes) <= window.size
            else { return }
            last = (batch.number, crc)
            take(batch, crc)
            offset += UInt64(batch.paddedBytes)
        }
    }

    private mutating func take(_ batch: BatchHeader, _ crc: UInt32) {
        let lastLSN = LSN(rawValue: batch.firstLSN.rawValue + UInt64(batch.recordCount) - 1)
        if batch.number == checkpoint?.position.end.lastBatch, crc == checkpoint?.position.end.chain {
            meetsCheckpoint = true
            found.checkpointTime = max(found.lastTime ?? 0, batch.committedAt)
        }
        if batch.recordCount > 0, found.firstTime == nil { found.firstTime = batch.committedAt }
        if let moment, batch.committedAt > moment { isPastMoment = true }
        if !isPastMoment { found.lsnAtMoment = lastLSN }
        found.lastLSN = lastLSN
        found.lastTime = max(found.lastTime ?? 0, batch.committedAt)
    }
}

/// What the headers of a log say.
struct BatchSurveyFound {
    /// Those that could be followed, and the first position in each.
    var segments: [(number: SegmentNumber, firstLSN: LSN)] = []
    /// Every batch from the first one on is there.
    var reachesBeginning = false
    /// The first batch with records among those read.
    var firstTime: UInt64?
    /// Latest time up to the checkpoint's last batch; nil: that batch isn't there.
    var checkpointTime: UInt64?
    /// Latest time of any batch.
    var lastTime: UInt64?
    var lastLSN = LSN.zero
    /// The last record before the first batch that was committed after the moment.
    var lsnAtMoment = LSN.zero
}
