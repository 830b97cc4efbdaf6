/// Where no good batch stands: the end of the log, or damage (R5 to R8).
extension SegmentWalk {
    private enum Decision {
        case end(RecoveryRow)
        case damage(StorageError)
        /// Numbers are not known here; batches go on behind.
        case goesOn
    }

    mutating func judgeHole(_ reason: String, _ found: FoundBatch?, _ state: inout WalkState) throws(WalkStop)
        -> Progress
    {
        switch try decide(reason, state) {
        case .end(let row):
            try finish(row, found: reason, &state)
            return .ends
        case .damage(let error):
            state.problem(error)
        case .goesOn:
            break
        }
        if let found { return try passOver(found, .damaged(reason), &state) }
        state.beginGap(.damagedBytes, segment: number, offset: offset, found: reason)
        return try resynchronise(state)
    }

    private mutating func decide(_ reason: String, _ state: WalkState) throws(WalkStop) -> Decision {
        if let fixedEnd {
            return .damage(
                .acknowledgedDataDamaged(
                    at: spot(state),
                    because: reason,
                    proof: "segment \(number.next) says that the log reached offset \(fixedEnd.endOffset) here"
                )
            )
        }
        if let error = try misdirected(at: offset, state) { return .damage(error) }
        var row = RecoveryRow.r5
        var edgeOffset = offset + UInt64(LogLimits.blockBytes)
        while edgeOffset < window.size {
            switch try edge(at: edgeOffset) {
            case .nothing:
                if let error = try misdirected(at: edgeOffset, state) { return .damage(error) }
            case .newer(let what): return .damage(.newerWriter(at: spot(state), what))
            case .batch(let later):
                guard let missing = state.expected?.number else { return .goesOn }
                if let error = refusal(for: later, missing: missing, reason, state) { return .damage(error) }
                row = .r6
            }
            edgeOffset += UInt64(LogLimits.blockBytes)
        }
        return .end(row)
    }

    private mutating func misdirected(at place: UInt64, _ state: WalkState) throws(WalkStop) -> StorageError? {
        guard let epoch else { return nil }
        let here = BatchHeader.Position(segment: number, offset: place)
        let block = try bytes(at: place, LogLimits.blockBytes)
        let stray = BatchHeader.misdirected(block, at: here, epoch: epoch, fileBytes: window.size)
        return stray.map { .lostOrMisdirectedWrite(at: spot(state), $0) }
    }

    /// What a later batch proves about the missing one.
    private func refusal(for later: FoundBatch, missing: BatchNumber, _ reason: String, _ state: WalkState)
        -> StorageError?
    {
        let batch = later.header
        guard batch.number > missing else {
            return .lostOrMisdirectedWrite(
                at: spot(state),
                "batch \(batch.number) stands at offset \(later.offset)"
            )
        }
        guard batch.durableThrough >= missing else { return nil }
        let known = "after batch \(batch.durableThrough) was durable"
        return .acknowledgedDataDamaged(
            at: spot(state),
            because: reason,
            proof: "batch \(batch.number) at offset \(later.offset) was written \(known)"
        )
    }

    /// Goes to the next block edge with a batch that can follow; to the end of the segment if there is none.
    mutating func resynchronise(_ state: WalkState) throws(WalkStop) -> Progress {
        offset += UInt64(LogLimits.blockBytes)
        while offset < min(limit, window.size) {
            if case .batch(let found) = try edge(at: offset), found.header.number >= state.expected?.number ?? .none {
                return .goesOn
            }
            offset += UInt64(LogLimits.blockBytes)
        }
        offset = limit
        return fixedEnd == nil ? .ends : .goesOn
    }
}
