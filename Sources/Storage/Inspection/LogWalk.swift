/// One pass over a whole log, front to back, in bounded memory: reads everything, refuses nothing.
struct LogWalk<IO: StorageIO> {
    let io: IO
    let directory: LogDirectory
    let start: LogStart
    let keys: EncryptionKeys
    /// Otherwise encrypted segments are walked without any key too: checksums and headers, no records.
    var needsKeys = true
    /// Segments before this one are wholly in the snapshot: those whose key was not given are passed over.
    var coveredBefore = SegmentNumber.none
    /// An engine has the store open.
    let isInUse: () -> Bool

    /// Throws what `visit` throws, and a `StorageError` only if the store can't be read at all.
    func run(_ visit: (LogEvent, UnsafeRawBufferPointer) throws -> Void) throws -> LogReport {
        let survey = try confirmedSurvey()
        return try withoutActuallyEscaping(visit) { visit in
            var state = WalkState { (event, payload) throws(WalkStop) in
                do {
                    try visit(event, payload)
                } catch {
                    throw .visitor(error)
                }
            }
            return try Self.unwrappingStop { () throws(WalkStop) in try walk(survey, &state) }
        }
    }

    /// A running engine renames segments while they are listed: only what is still strange at a second look is strange.
    private func confirmedSurvey() throws(StorageError) -> LogSurvey {
        let surveyor = LogSurveyor(io: io, directory: directory, start: start, keys: keys)
        let first = try surveyor.survey()
        guard !first.problems.isEmpty, isInUse() else { return first }
        return try surveyor.survey()
    }

    private static func unwrappingStop<R>(_ body: () throws(WalkStop) -> R) throws -> R {
        do throws(WalkStop) {
            return try body()
        } catch {
            switch error {
            case .unreadable(let error):
                guard let call = error.systemCall, call.isAboutTheCaller else { throw error }
                throw StorageError.inspectionFailed(call, root: "")
            case .visitor(let own): throw own
            case .retired: preconditionFailure("a retired segment is handled where it is met")
            }
        }
    }

    private func walk(_ survey: LogSurvey, _ state: inout WalkState) throws(WalkStop) -> LogReport {
        for problem in survey.problems { state.problem(problem) }
        let used = survey.setAside ? survey.segments.dropLast() : survey.segments[...]
        if start == .beginning || used.first?.number == .first { state.beginWithFirstSegment() }
        for index in survey.segments.indices {
            let segment = survey.segments[index]
            state.count(segment.facts)
            try state.emit(.segment(segment.facts))
            let content = try read(segment, in: used, &state)
            try state.emit(.segmentEnd(content))
        }
        try state.leaveGapOpen()
        var report = state.judge(isNew: survey.isNew, setAside: survey.setAside, isInUse: isInUse())
        report.warnings = survey.warnings
        return report
    }

    /// Returns the segment's facts with its content.
    private func read(_ segment: LogSurvey.Segment, in log: ArraySlice<LogSurvey.Segment>, _ state: inout WalkState)
        throws(WalkStop) -> SegmentFacts
    {
        noteMissing(before: segment, in: log, &state)
        if isPassedOver(segment) {
            state.passOver(segment)
            return segment.facts
        }
        switch segment.facts.standing {
        case .unused:
            return segment.facts
        case .foreign(let reason), .needsVersion(let reason):
            state.beginGap(.notUnderstood, segment: segment.number, found: reason)
            return segment.facts
        case .unreadable(let reason):
            state.beginGap(.unreadable, segment: segment.number, found: reason)
            return segment.facts
        case .log, .damagedHeader:
            try enter(segment, &state)
            return try walk(segment, in: log, &state)
        }
    }

    /// After a key rotation the old key may be gone, and the log may still hold what it sealed: the engine needs neither.
    private func isPassedOver(_ segment: LogSurvey.Segment) -> Bool {
        guard let header = segment.header, header.isEncrypted, !keys.isEmpty else { return false }
        return segment.number < coveredBefore && keys.key(KeyID(rawValue: header.keyID)) == nil
    }

    private func noteMissing(
        before segment: LogSurvey.Segment,
        in log: ArraySlice<LogSurvey.Segment>,
        _ state: inout WalkState
    ) {
        let before = log.last { $0.number < segment.number }?.number ?? .none
        guard before.next < segment.number, before != .none || start == .beginning else { return }
        let last = segment.number.rawValue - 1
        let found = before.next.rawValue == last ? "no such file" : "no files up to segment \(last)"
        state.beginGap(.missingSegments, segment: before.next, found: found)
    }

    /// A sound header says what comes next; it must agree with what was read before.
    private func enter(_ segment: LogSurvey.Segment, _ state: inout WalkState) throws(WalkStop) {
        guard let header = segment.header else { return }
        if state.openGap == nil, let expected = state.expected, let facts = state.facts {
            checkContinuation(header, segment.facts.path, expected, facts, &state)
        }
        try state.closeGap(before: header.firstBatch, header.firstLSN, endOffset: nil)
        if state.expected == nil { state.begin(at: header.firstLSN) }
        state.expected = ExpectedBatch(first: header)
    }

    private func checkContinuation(
        _ header: SegmentHeader,
        _ path: String,
        _ expected: ExpectedBatch,
        _ facts: PredecessorFacts,
        _ state: inout WalkState
    ) {
        guard
            header.predecessor != facts || header.firstBatch != expected.number || header.firstLSN != expected.lsn
        else { return }
        let spot = StorageError.Spot(path: path, segment: header.number, offset: 0)
        let begin = "it begins with batch \(header.firstBatch) at LSN \(header.firstLSN)"
        let what = "\(begin), the log before it ends before batch \(expected.number) at LSN \(expected.lsn)"
        state.problem(.lostOrMisdirectedWrite(at: spot, what))
        guard header.firstLSN > expected.lsn else { return }
        state.beginGap(.lostWrite, segment: header.number, offset: 0, found: what)
    }

    private func walk(_ segment: LogSurvey.Segment, in log: ArraySlice<LogSurvey.Segment>, _ state: inout WalkState)
        throws(WalkStop) -> SegmentFacts
    {
        state.isClean = false
        state.facts = nil
        let next = log.first { $0.number > segment.number }
        let fixedEnd = next?.number == segment.number.next ? next?.header?.predecessor : nil
        do throws(WalkStop) {
            var walk = try SegmentWalk(
                io: io,
                segment: segment,
                fixedEnd: fixedEnd,
                isNewest: next == nil,
                keys: keys,
                needsKeys: needsKeys,
                isInUse: isInUse
            )
            return try walk.runToEnd(&state)
        } catch {
            return try leave(segment.facts, error, &state)
        }
    }

    private func leave(_ facts: SegmentFacts, _ stop: WalkStop, _ state: inout WalkState) throws(WalkStop)
        -> SegmentFacts
    {
        switch stop {
        case .visitor: throw stop
        case .unreadable(let error) where error.isAboutTheCaller: throw stop
        case .retired: state.sawRetirement()
        case .unreadable(let error):
            state.problem(error)
            let reason = error.systemCall?.reason ?? error.message
            state.beginGap(.unreadable, segment: SegmentNumber(rawValue: facts.number), found: reason)
        }
        return facts
    }
}

extension SegmentWalk {
    /// Runs and returns the segment's facts with what was read, up to where reading failed.
    mutating func runToEnd(_ state: inout WalkState) throws(WalkStop) -> SegmentFacts {
        do throws(WalkStop) {
            try run(&state)
        } catch {
            guard case .unreadable(let error) = error, !error.isAboutTheCaller else { throw error }
            state.problem(error)
            let reason = error.systemCall?.reason ?? error.message
            state.beginGap(.unreadable, segment: number, offset: offset, found: reason)
        }
        return facts
    }
}

extension WalkState {
    /// A log without a snapshot begins with segment 1, batch 1, LSN 1.
    mutating func beginWithFirstSegment() {
        expected = .first
        facts = PredecessorFacts.none
    }
}
