/// Recovery steps 4 to 9: which segments count, what they hold, where the log ends.
extension LogOpening {
    private struct Segment {
        var number: SegmentNumber
        var header: SegmentHeader
    }

    /// Only looks: what follows from it is done when all of it was found sound.
    func recover(_ numbers: [SegmentNumber], store: StoreID, snapshot: any SnapshotStore, head: LogHead?)
        throws(StorageError) -> RecoveredLog
    {
        let row = snapshot.row
        try requireSomething(numbers, row)
        if let row, row.store != store {
            let spot = StorageError.Spot(path: directory.snapshotData, segment: .none, offset: 0)
            throw .foreign(at: spot, "the snapshot is part of another store")
        }
        let needed = numbers.filter { $0 >= row?.position.end.segment ?? .first && isWithinLimit($0) }
        try requireContiguous(needed, row)
        try requireHead(head, in: numbers)
        let segments = try readHeaders(needed, store: store, head: head)
        var recovered = RecoveredLog(row: .r5, condition: .unclean)
        recovered.trust = try trust(row, segments)
        if needed.count > segments.count { recovered.unused = needed.last }
        recovered.files = try files(numbers, settingAside: recovered.unused != nil, segments)
        recovered.end = row?.position.end ?? .empty
        try requireStart(segments, row)
        try requireNoOtherWriter(before: segments.first, numbers)
        // Not before the new segment's number; a replay may write the snapshot.
        snapshot.beginsLog(at: (numbers.last ?? .none).next)
        try replay(segments, &recovered, snapshot)
        return recovered
    }

    /// With a key in force: whoever wrote this had a key, or the store is being encrypted (docs/encryption.md).
    private func trust(_ row: CheckpointRow?, _ segments: [Segment]) throws(StorageError) -> ContentTrust.Verdict {
        let trust = ContentTrust(
            keys: options.encryption,
            encryptsExisting: options.encryptsExistingStore,
            snapshotPath: directory.snapshotData
        )
        return try trust.judge(
            row,
            segments.map { .init(header: $0.header, path: directory.segment($0.number)) }
        )
    }

    /// Segments behind a place where the log is cut are not looked at.
    private func isWithinLimit(_ number: SegmentNumber) -> Bool {
        if case .place(let segment, _) = limit { return number <= segment }
        return true
    }

    private func replay(
        _ segments: [Segment],
        _ recovered: inout RecoveredLog,
        _ snapshot: any SnapshotStore
    ) throws(StorageError) {
        let start = recovered.end
        for index in segments.indices {
            let segment = segments[index]
            let path = directory.segment(segment.number)
            if segment.number != start.segment { try requireContinuation(segment, after: recovered.end) }
            var scan = try SegmentScan(
                io: io,
                path: path,
                header: segment.header,
                after: recovered.end,
                keys: options.encryption,
                limit: limit
            )
            if index + 1 < segments.count {
                recovered.end = try scan.runToFixedEnd(segments[index + 1].header.predecessor, recovered.overlay)
            } else {
                let end = try scan.runToTail(recovered.overlay)
                if !scan.isStopped { try requireWhole(segment, end, path: path) }
                settle(end, &recovered)
            }
            recovered.batches += scan.batches
            recovered.records += scan.records
            recovered.replayedBytes += Int(scan.bytes)
            recovered.segments += 1
            if scan.isStopped {
                recovered.isStopped = true
                return
            }
            if recovered.overlay.bytes > overlayBytesLimit { try takeIn(&recovered, snapshot) }
        }
    }

    /// R2, and R10 in its plainest form.
    private func requireSomething(_ numbers: [SegmentNumber], _ row: CheckpointRow?) throws(StorageError) {
        guard numbers.isEmpty else { return }
        if let row {
            throw .logLost(directory.wal, "the snapshot reaches LSN \(row.position.lsn), but there is no log")
        }
        throw .filesRemoved(directory.root, "the store has a FORMAT file but no log segments")
    }

    /// Segments on disk; when the next one begins is when one ended. Those that only history needs may be damaged.
    private func files(_ numbers: [SegmentNumber], settingAside: Bool, _ segments: [Segment]) throws(StorageError)
        -> [LogFile]
    {
        var files: [LogFile] = []
        for number in settingAside ? numbers.dropLast() : numbers[...] {
            let known = segments.first { $0.number == number }?.header
            let header = if let known { known } else { try readValidHeader(number) }
            if let header, let last = files.indices.last { files[last].closedAt = header.createdAt }
            files.append(LogFile(number: number, bytes: try fileBytes(directory.segment(number))))
        }
        if let last = files.indices.last { files[last].closedAt = options.clock.wallNanoseconds() }
        return files
    }

    private func readValidHeader(_ number: SegmentNumber) throws(StorageError) -> SegmentHeader? {
        do throws(StorageError) {
            guard case .valid(let header) = try readHeader(number) else { return nil }
            return header
        } catch {
            // A forged header says nothing.
            guard error.row == .r15 else { throw error }
            return nil
        }
    }

    /// R11. Without a snapshot the log begins with segment 1.
    private func requireContiguous(_ numbers: [SegmentNumber], _ row: CheckpointRow?) throws(StorageError) {
        var expected = row == nil ? .first : numbers.first ?? .first
        for number in numbers {
            guard number == expected else {
                throw .segmentMissing(expected, path: directory.segment(expected), "segment \(number) follows")
            }
            expected = expected.next
        }
    }

    /// The log must go on where the snapshot ends (R10).
    private func requireStart(_ segments: [Segment], _ row: CheckpointRow?) throws(StorageError) {
        let first = row?.position.end.segment ?? .first
        if let row, segments.first?.number != first {
            guard let next = segments.first, next.number == first.next,
                next.header.predecessor == row.position.end.predecessorFacts
            else {
                throw .logLost(
                    directory.segment(first),
                    "the snapshot reaches batch \(row.position.end.lastBatch) in segment \(first), which is not there"
                )
            }
        }
        if let row, let segment = segments.first, segment.number == first { try requireBatch(of: row, in: segment) }
    }

    /// R10: the batch that the snapshot ends with must still stand where it stood.
    private func requireBatch(of row: CheckpointRow, in segment: Segment) throws(StorageError) {
        let end = row.position.end
        let path = directory.segment(segment.number)
        // Nothing was written to this segment before the checkpoint: its header accounts for the batch before it.
        guard end.offset > LogLimits.firstBatchOffset else { return try requirePredecessor(of: row, in: segment) }
        var window = try SegmentWindow(io: io, path: path, pieceBytes: LogLimits.blockBytes)
        let block = try window.bytes(at: end.batchOffset, LogLimits.blockBytes)
        let position = BatchHeader.Position(segment: segment.number, offset: end.batchOffset)
        if isMutant(.noCheckpointInLogCheck) { return }
        guard segment.header.epoch == end.epoch,
            case .valid(let header, let crc) = BatchHeader.read(block, at: position),
            header.number == end.lastBatch, crc == end.chain
        else {
            throw .logLost(
                path,
                "the snapshot reaches batch \(end.lastBatch) at offset \(end.batchOffset), where something else stands"
            )
        }
    }

    private func requirePredecessor(of row: CheckpointRow, in segment: Segment) throws(StorageError) {
        let end = row.position.end
        let facts = segment.header.predecessor
        guard facts.lastBatch == end.lastBatch, facts.lastBatchCRC == end.chain,
            segment.header.firstLSN == end.nextLSN
        else {
            throw .logLost(
                directory.segment(segment.number),
                "the snapshot reaches batch \(end.lastBatch), but the segment follows batch \(facts.lastBatch)"
            )
        }
    }

    /// Without the newest one if that never began (R12).
    private func readHeaders(_ numbers: [SegmentNumber], store: StoreID, head: LogHead?) throws(StorageError)
        -> [Segment]
    {
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
                try requireHead(head, is: header)
                segments.append(Segment(number: number, header: header))
            case .needsVersion(let what):
                throw .newerWriter(at: spot, what)
            case .invalid(let reason):
                guard number == numbers.last, number != .first, head?.segment ?? .none < number,
                    try neverBegan(number)
                else {
                    throw .headerDamaged(at: spot, reason)
                }
            }
        }
        return segments
    }

    /// A segment has its full length on disk before its name exists, and gives the unused rest back only behind a batch
    /// that says it is the last: a shorter file without one was cut by somebody.
    private func requireWhole(_ segment: Segment, _ end: SegmentScan<IO>.End, path: String) throws(StorageError) {
        let bytes = try fileBytes(path)
        guard bytes < segment.header.preparedBytes, !end.isFinished, !isMutant(.noWholeFileCheck) else { return }
        throw .acknowledgedDataDamaged(
            at: StorageError.Spot(path: path, segment: segment.number, offset: bytes),
            because: "the file ends after \(bytes) bytes",
            proof: "it was prepared with \(segment.header.preparedBytes) bytes before use"
        )
    }

    private func readHeader(_ number: SegmentNumber) throws(StorageError) -> SegmentHeaderReading {
        var window = try SegmentWindow(io: io, path: directory.segment(number), pieceBytes: LogLimits.blockBytes)
        let block = try window.bytes(at: 0, LogLimits.blockBytes)
        let reading = SegmentHeader.read(block)
        if case .valid(let header) = reading {
            try options.encryption.requireGenuine(header, block, path: directory.segment(number))
        }
        return reading
    }

    /// A header of zeros, and no batch that was written for this segment's number anywhere in the file. Any other header was
    /// once whole: it was synced before its segment got a name.
    private func neverBegan(_ number: SegmentNumber) throws(StorageError) -> Bool {
        var window = try SegmentWindow(io: io, path: directory.segment(number))
        guard SegmentHeader.isBlank(try window.bytes(at: 0, LogLimits.blockBytes)) else { return false }
        var offset = LogLimits.firstBatchOffset
        while offset < window.size {
            let block = try window.bytes(at: offset, LogLimits.blockBytes)
            guard case .invalid = BatchHeader.read(block, at: .init(segment: number, offset: offset)) else {
                return false
            }
            offset += UInt64(LogLimits.blockBytes)
        }
        return true
    }

    /// The last segment that only history needs, if it is still there: a second engine may have gone on in it when the first
    /// one had begun the next and taken a checkpoint there. What of it can't be read proves nothing.
    private func requireNoOtherWriter(before segment: Segment?, _ numbers: [SegmentNumber]) throws(StorageError) {
        guard let segment, let before = numbers.last(where: { $0 < segment.number }), before.next == segment.number,
            let header = try? readValidHeader(before), header.number == before, header.store == segment.header.store,
            var window = try? SegmentWindow(io: io, path: directory.segment(before))
        else { return }
        let facts = segment.header.predecessor
        let end = LogEnd(
            lastBatch: facts.lastBatch,
            chain: facts.lastBatchCRC,
            nextLSN: segment.header.firstLSN,
            segment: before,
            offset: facts.endOffset,
            batchOffset: 0,
            epoch: header.epoch
        )
        let cipher = try? options.encryption.cipher(for: header, path: directory.segment(before))
        let codec = header.isEncrypted && cipher == nil ? nil : BatchCodec(cipher)
        let found = try? OtherWriter.firstBatch(behind: end, in: &window, codec)
        if let found { throw .twoWriters(found, behind: end, path: directory.segment(before)) }
    }

    /// The segment must say of its predecessor what was found there.
    private func requireContinuation(_ segment: Segment, after end: LogEnd) throws(StorageError) {
        let header = segment.header
        let spot = StorageError.Spot(path: directory.segment(segment.number), segment: segment.number, offset: 0)
        let facts = end.segment == .none ? PredecessorFacts.none : end.predecessorFacts
        let continues =
            header.predecessor == facts && header.firstBatch == end.lastBatch.next && header.firstLSN == end.nextLSN
        guard continues || isMutant(.noPredecessorCheck) else {
            throw .lostOrMisdirectedWrite(
                at: spot,
                "it begins with batch \(header.firstBatch) at LSN \(header.firstLSN), the log before it ends before batch \(end.lastBatch.next) at LSN \(end.nextLSN)"
            )
        }
    }

    /// Step 8's verdict: what lies beyond the end will be copied, never truncated.
    private func settle(_ end: SegmentScan<IO>.End, _ recovered: inout RecoveredLog) {
        recovered.end = end.log
        if end.usedBytes > end.log.offset {
            recovered.tail = LogRemainder(segment: end.log.segment, offset: end.log.offset, end: end.usedBytes)
        }
        recovered.row = recovered.unused != nil ? .r12 : end.row
        let isCut = recovered.tail != nil || recovered.unused != nil
        recovered.condition = isCut ? .tornTail : end.isClean ? .clean : .unclean
    }
}
