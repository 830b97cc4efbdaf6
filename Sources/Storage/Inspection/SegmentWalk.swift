/// Walks one segment from batch to batch; never stops at damage (storage.md §5.10, rows R4 to R9 and R14 to R16).
struct SegmentWalk<IO: StorageIO>: ~Copyable {
    /// What a step left to do.
    enum Progress {
        case goesOn
        case ends
    }

    let io: IO
    let path: String
    let number: SegmentNumber
    /// nil: damaged.
    let header: SegmentHeader?
    /// What the next segment says of this one's end. nil: the end is where good batches stop.
    let fixedEnd: PredecessorFacts?
    /// No other segment of the log follows.
    let isNewest: Bool
    /// An engine has the store open: what looks wrong is read a second time.
    let isInUse: () -> Bool

    /// nil: no key was given, and the caller wants only what can be told without it.
    let codec: BatchCodec?
    var window: SegmentWindow<IO>
    /// Of this use of the file; nil until the first batch of a segment with a damaged header.
    var epoch: UInt64?
    /// Where the next batch is expected.
    var offset = LogLimits.firstBatchOffset
    /// The last batch says that no other follows here.
    var isFinished = false
    var facts: SegmentFacts

    init(
        io: IO,
        segment: LogSurvey.Segment,
        fixedEnd: PredecessorFacts?,
        isNewest: Bool,
        keys: EncryptionKeys,
        needsKeys: Bool,
        isInUse: @escaping () -> Bool
    ) throws(WalkStop) {
        let codec = try Self.codec(segment, keys, needsKeys: needsKeys)
        let window = try Self.open(io, segment.facts.path, isInUse)
        self.codec = codec
        self.window = window
        self.io = io
        path = segment.facts.path
        number = segment.number
        header = segment.header
        self.fixedEnd = fixedEnd
        self.isNewest = isNewest
        self.isInUse = isInUse
        epoch = segment.header?.epoch
        facts = segment.facts
    }

    /// A key that was given must be the right one: nothing is passed over that the caller believes to have checked.
    private static func codec(_ segment: LogSurvey.Segment, _ keys: EncryptionKeys, needsKeys: Bool)
        throws(WalkStop) -> BatchCodec?
    {
        guard let header = segment.header else { return BatchCodec(nil) }
        if header.isEncrypted, keys.isEmpty, !needsKeys { return nil }
        do {
            return BatchCodec(try keys.cipher(for: header, path: segment.facts.path))
        } catch {
            throw .visitor(error)
        }
    }

    /// First byte that is no part of the log.
    var limit: UInt64 { fixedEnd?.endOffset ?? window.size }

    func spot(_ state: WalkState) -> StorageError.Spot {
        StorageError.Spot(path: path, segment: number, offset: offset, batch: state.expected?.number)
    }

    mutating func run(_ state: inout WalkState) throws(WalkStop) {
        while fixedEnd == nil || offset < limit {
            let place = try confirmedPlace(state)
            if case .ends = try act(on: place, &state) { return }
        }
        checkFixedEnd(&state)
        try checkOtherWriter(&state)
    }

    private mutating func act(on place: Place, _ state: inout WalkState) throws(WalkStop) -> Progress {
        switch place {
        case .batch(let found, nil, .success(let payload)):
            return try accept(found, .sound, payload, &state)
        case .batch(let found, nil, .failure(.damaged(let reason))):
            return try judgeHole(reason, found, &state)
        case .batch(let found, nil, .failure(let flaw)):
            state.problem(flaw.refusal(at: spot(state)))
            return try passOver(found, flaw, &state)
        case .batch(let found, let mismatch?, let payload):
            return try reportMismatch(found, mismatch, payload, &state)
        case .nothing(let reason):
            return try judgeHole(reason, nil, &state)
        case .newer(let what):
            state.problem(.newerWriter(at: spot(state), what))
            state.beginGap(.notUnderstood, segment: number, offset: offset, found: what)
            return try resynchronise(state)
        }
    }

    /// A batch whose records count. Nothing may be read before `payload` was handed on.
    private mutating func accept(
        _ found: FoundBatch,
        _ verdict: BatchVerdict,
        _ payload: UnsafeRawBufferPointer,
        _ state: inout WalkState
    ) throws(WalkStop) -> Progress {
        try state.closeGap(before: found.header.number, found.header.firstLSN, endOffset: offset)
        let batch = describe(found, verdict)
        state.count(batch)
        if codec == nil, batch.recordCount > 0 { state.countUnopened() }
        facts.content.add(batch)
        try state.emit(.batch(batch), payload: payload)
        state.expected = ExpectedBatch(after: found)
        state.isClean = found.header.flags.contains(.cleanShutdown)
        epoch = epoch ?? found.header.epoch
        offset += UInt64(found.header.paddedBytes)
        guard fixedEnd == nil, found.header.flags.contains(.lastInSegment) else { return .goesOn }
        isFinished = true
        try finish(.r4, found: "the last batch says that it is the last", &state)
        return .ends
    }

    /// R9: sound checksums, but not what belongs here.
    private mutating func reportMismatch(
        _ found: FoundBatch,
        _ mismatch: BatchVerdict,
        _ payload: Result<UnsafeRawBufferPointer, BatchFlaw>,
        _ state: inout WalkState
    ) throws(WalkStop) -> Progress {
        guard let expected = state.expected else { return .ends }
        state.problem(
            .lostOrMisdirectedWrite(
                at: spot(state),
                "batch \(found.header.number) stands where batch \(expected.number) after LSN \(expected.lsn) belongs"
            )
        )
        if mismatch == .misplaced {
            try state.emit(.batch(describe(found, .misplaced)))
            state.beginGap(.lostWrite, segment: number, offset: offset, found: "batch \(found.header.number)")
            return try resynchronise(state)
        }
        if found.header.firstLSN > expected.lsn || found.header.number > expected.number {
            state.beginGap(.lostWrite, segment: number, offset: offset, found: "batch \(found.header.number)")
        }
        switch payload {
        case .success(let payload): return try accept(found, mismatch, payload, &state)
        case .failure(let flaw): return try passOver(found, flaw, &state)
        }
    }

    /// A batch of which only the header is of use.
    mutating func passOver(_ found: FoundBatch, _ flaw: BatchFlaw, _ state: inout WalkState) throws(WalkStop)
        -> Progress
    {
        try state.emit(.batch(describe(found, flaw.verdict)))
        state.beginGap(flaw.cause, segment: number, offset: offset, found: flaw.reason)
        state.mention(try keys(of: found))
        state.expected = ExpectedBatch(after: found)
        return try resynchronise(state)
    }

    func describe(_ found: FoundBatch, _ verdict: BatchVerdict) -> BatchFacts {
        BatchFacts(found, segment: number, isEncrypted: header?.isEncrypted ?? false, verdict)
    }

    /// A segment whose end its successor fixed must end exactly there.
    private func checkFixedEnd(_ state: inout WalkState) {
        guard let fixedEnd, state.openGap == nil, let expected = state.expected, let chain = expected.chain else {
            return
        }
        state.facts = fixedEnd
        let end = PredecessorFacts(
            segment: number,
            lastBatch: BatchNumber(rawValue: expected.number.rawValue - 1),
            endOffset: offset,
            lastBatchCRC: chain
        )
        guard end != fixedEnd else { return }
        state.problem(
            .lostOrMisdirectedWrite(at: spot(state), "segment \(number.next) names another end of this one")
        )
    }

    /// R9: a second engine went on here after the next segment had begun.
    private mutating func checkOtherWriter(_ state: inout WalkState) throws(WalkStop) {
        guard let facts = state.facts, facts == fixedEnd, let expected = state.expected, let epoch else { return }
        let end = LogEnd(
            lastBatch: facts.lastBatch,
            chain: facts.lastBatchCRC,
            nextLSN: expected.lsn,
            segment: number,
            offset: facts.endOffset,
            batchOffset: 0,
            epoch: epoch
        )
        do {
            guard let found = try OtherWriter.firstBatch(behind: end, in: &window, codec) else { return }
            state.problem(.twoWriters(found, behind: end, path: path))
        } catch {
            throw .unreadable(error)
        }
    }
}
