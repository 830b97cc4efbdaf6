/// The end of the log, and what stands beyond it.
extension SegmentWalk {
    mutating func finish(_ row: RecoveryRow, found: String, _ state: inout WalkState) throws(WalkStop) {
        guard isNewest else { return }
        requireWhole(&state)
        let used = try usedBytes()
        let tail = LogTail(
            segment: number.rawValue,
            offset: offset,
            row: state.isClean ? .r3 : row,
            content: try content(upTo: used, row: row, state),
            usedBytes: used,
            found: found
        )
        try state.end(tail)
        if row == .r6 { try emitUnsynced(state) }
    }

    /// A segment has its full length on disk before its name exists, and gives the unused rest back only behind a batch
    /// that says it is the last: a shorter file without one was cut by somebody.
    private func requireWhole(_ state: inout WalkState) {
        guard let header, window.size < header.preparedBytes, !isFinished, !state.isClean else { return }
        let spot = StorageError.Spot(path: path, segment: number, offset: window.size)
        state.problem(
            .acknowledgedDataDamaged(
                at: spot,
                because: "the file ends after \(window.size) bytes",
                proof: "it was prepared with \(header.preparedBytes) bytes before use"
            )
        )
        state.beginGap(.damagedBytes, segment: number, offset: window.size, found: "the file ends")
    }

    private mutating func usedBytes() throws(WalkStop) -> UInt64 {
        do {
            return try window.usedBytes(from: offset)
        } catch {
            throw .unreadable(error)
        }
    }

    private mutating func content(upTo used: UInt64, row: RecoveryRow, _ state: WalkState) throws(WalkStop)
        -> LogTail.Content
    {
        guard used > offset else { return .empty }
        // A whole header of this use of the file: a write that was cut short, whatever stands around it.
        var isOwn = row == .r6
        if case .batch = try edge(at: offset) { isOwn = true }
        let isRecycled = try isOwn ? false : holdsLeftovers(upTo: used, state)
        if isRecycled { return .leftovers }
        return isInUse() ? .inProgress : .torn
    }

    /// A recycled file still has the batches of its earlier use: their headers name another epoch and a lower number.
    /// Their checksums can't be verified, since the earlier segment's number is not known; nothing rests on it either.
    private mutating func holdsLeftovers(upTo used: UInt64, _ state: WalkState) throws(WalkStop) -> Bool {
        var edgeOffset = offset
        while edgeOffset < used {
            let block = try bytes(at: edgeOffset, LogLimits.blockBytes)
            if BatchHeader.looksLikeLeftover(block, epoch: epoch, before: state.expected?.number) { return true }
            edgeOffset += UInt64(LogLimits.blockBytes)
        }
        return false
    }

    /// R6: batches that were written under a sync which never ended.
    private mutating func emitUnsynced(_ state: WalkState) throws(WalkStop) {
        var edgeOffset = offset + UInt64(LogLimits.blockBytes)
        while edgeOffset < window.size {
            if case .batch(let found) = try edge(at: edgeOffset) {
                try state.emit(.batch(describe(found, .unsynced)))
            }
            edgeOffset += UInt64(LogLimits.blockBytes)
        }
    }
}

extension BatchHeader {
    /// Has the form of a header, of another epoch and an earlier batch; says nothing about its checksum.
    static func looksLikeLeftover(_ block: UnsafeRawBufferPointer, epoch: UInt64?, before number: BatchNumber?) -> Bool
    {
        guard block.count >= encodedBytes, block.prefix(magic.count).elementsEqual(magic) else { return false }
        let earlier = BatchNumber(rawValue: block.loadLittle(UInt64.self, at: 16))
        return block.loadLittle(UInt64.self, at: 8) != epoch && number.map { earlier < $0 } ?? true
    }
}
