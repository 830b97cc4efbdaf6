/// Recovery steps 4 to 9: which segments count, what they hold, where the log ends.
extension LogOpening {
    private struct Segment {
        var number: SegmentNumber
        var header: SegmentHeader
    }

    mutating func recover(_ numbers: [SegmentNumber], store: StoreID) throws(StorageError) -> RecoveredLog {
        try requireContiguous(numbers)
        try syncNewest(numbers)
        let segments = try readHeaders(numbers, store: store)
        var recovered = RecoveredLog(row: .r5, condition: .unclean)
        for index in segments.indices {
            let segment = segments[index]
            try requireContinuation(segment, after: recovered.end)
            let path = directory.segment(segment.number)
            var scan = try SegmentScan(io: io, path: path, header: segment.header, after: recovered.end)
            if index + 1 < segments.count {
                recovered.end = try scan.runToFixedEnd(segments[index + 1].header.predecessor, &recovered.tables)
            } else {
                let end = try scan.runToTail(&recovered.tables)
                try requireWhole(segment, end, path: path)
                try settle(end, &scan, &recovered)
            }
            recovered.batches += scan.batches
            recovered.records += scan.records
            recovered.segments += 1
            recovered.bytes += try fileBytes(path)
        }
        return recovered
    }

    /// R11. Until checkpoints exist the log begins with segment 1.
    private func requireContiguous(_ numbers: [SegmentNumber]) throws(StorageError) {
        var expected = SegmentNumber.first
        for number in numbers {
            guard number == expected else {
                throw .segmentMissing(expected, path: directory.segment(expected), "segment \(number) follows")
            }
            expected = expected.next
        }
    }

    /// Step 5: what was read must be on the device before it is believed.
    private func syncNewest(_ numbers: [SegmentNumber]) throws(StorageError) {
        guard let newest = numbers.last else { return }
        try orOpenFailed { () throws(SystemCallError) in
            let file = try io.open(directory.segment(newest), .update)
            defer { io.close(file) }
            try io.fdatasync(file)
            try io.syncDirectory(directory.wal)
        }
    }

    private mutating func readHeaders(_ numbers: [SegmentNumber], store: StoreID) throws(StorageError) -> [Segment] {
        var segments: [Segment] = []
        for number in numbers {
            let path = directory.segment(number)
            let spot = StorageError.Spot(path: path, segment: number, offset: 0)
            switch try readHeader(number) {
            case .valid(let header):
                guard header.number == number else {
                    throw .foreign(at: spot, "it says that it is segment \(header.number)")
                }
                guard header.store == store else { throw .foreign(at: spot, "it is part of another store") }
                segments.append(Segment(number: number, header: header))
            case .needsVersion(let what):
                throw .newerWriter(at: spot, what)
            case .invalid(let reason):
                guard number == numbers.last, number != .first, try !holdsBatches(number) else {
                    throw .acknowledgedDataDamaged(
                        at: spot,
                        because: "segment header: \(reason)",
                        proof: "the segment is in use"
                    )
                }
                try setAside(number)
            }
        }
        return segments
    }

    /// A segment has its full length on disk before its name exists, and gives the unused rest back only behind a batch
    /// that says it is the last: a shorter file without one was cut by somebody.
    private func requireWhole(_ segment: Segment, _ end: SegmentScan<IO>.End, path: String) throws(StorageError) {
        let bytes = try fileBytes(path)
        guard bytes < segment.header.preparedBytes, !end.isFinished else { return }
        throw .acknowledgedDataDamaged(
            at: StorageError.Spot(path: path, segment: segment.number, offset: bytes),
            because: "the file ends after \(bytes) bytes",
            proof: "it was prepared with \(segment.header.preparedBytes) bytes before use"
        )
    }

    private func readHeader(_ number: SegmentNumber) throws(StorageError) -> SegmentHeaderReading {
        var window = try SegmentWindow(io: io, path: directory.segment(number))
        return SegmentHeader.read(try window.bytes(at: 0, LogLimits.blockBytes))
    }

    /// Whether any batch that was written for this segment's number stands anywhere in the file.
    private func holdsBatches(_ number: SegmentNumber) throws(StorageError) -> Bool {
        var window = try SegmentWindow(io: io, path: directory.segment(number))
        var offset = LogLimits.firstBatchOffset
        while offset < window.size {
            let block = try window.bytes(at: offset, LogLimits.blockBytes)
            if case .invalid = BatchHeader.read(block, at: .init(segment: number, offset: offset)) {
                offset += UInt64(LogLimits.blockBytes)
            } else {
                return true
            }
        }
        return false
    }

    /// The segment must say of its predecessor what was found there.
    private func requireContinuation(_ segment: Segment, after end: LogEnd) throws(StorageError) {
        let header = segment.header
        let spot = StorageError.Spot(path: directory.segment(segment.number), segment: segment.number, offset: 0)
        let facts = end.segment == .none ? PredecessorFacts.none : end.predecessorFacts
        guard header.predecessor == facts, header.firstBatch == end.lastBatch.next, header.firstLSN == end.nextLSN
        else {
            throw .lostOrMisdirectedWrite(
                at: spot,
                "it begins with batch \(header.firstBatch) at LSN \(header.firstLSN), the log before it ends before batch \(end.lastBatch.next) at LSN \(end.nextLSN)"
            )
        }
    }

    /// Step 8's verdict and step 9: what lies beyond the end is copied, never truncated.
    private mutating func settle(
        _ end: SegmentScan<IO>.End,
        _ scan: inout SegmentScan<IO>,
        _ recovered: inout RecoveredLog
    ) throws(StorageError) {
        recovered.end = end.log
        let setAsideSegment = !quarantinedFiles.isEmpty
        if end.usedBytes > end.log.offset { try copyTail(end, &scan) }
        recovered.row = setAsideSegment ? .r12 : end.row
        let isCut = end.usedBytes > end.log.offset || setAsideSegment
        recovered.condition = isCut ? .tornTail : end.isClean ? .clean : .unclean
    }

    private func fileBytes(_ path: String) throws(StorageError) -> UInt64 {
        try SegmentWindow(io: io, path: path).size
    }
}
