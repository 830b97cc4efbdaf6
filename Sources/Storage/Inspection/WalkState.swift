/// Why a walk leaves a segment before its end.
enum WalkStop: Error {
    /// R16.
    case unreadable(StorageError)
    /// A running engine retired the segment while it was read.
    case retired
    /// The caller's own error.
    case visitor(any Error)
}

extension StorageError {
    var isAboutTheCaller: Bool { systemCall?.isAboutTheCaller ?? false }
}

/// What a walk carries from batch to batch and from segment to segment, and what it found.
struct WalkState {
    /// The raw payload is that of a `.batch` whose records are certain, empty otherwise; valid during the call.
    typealias Visit = (LogEvent, _ payload: UnsafeRawBufferPointer) throws(WalkStop) -> Void

    /// nil: not known.
    var expected: ExpectedBatch?
    /// What the next segment's header must say; nil: not known.
    var facts: PredecessorFacts?
    /// A gap whose end is not known yet.
    private(set) var openGap: LogGap?
    private(set) var report = LogReport(verdict: LogVerdict(condition: .unclean, row: .r5))
    /// The last batch says that its writer closed the store.
    var isClean = false
    private let visit: Visit

    init(_ visit: @escaping Visit) {
        self.visit = visit
    }

    func emit(_ event: LogEvent, payload: UnsafeRawBufferPointer = .init(start: nil, count: 0)) throws(WalkStop) {
        try visit(event, payload)
    }

    mutating func problem(_ error: StorageError) {
        guard report.problems.count < InspectionLimits.listedProblems else {
            report.omittedProblems += 1
            return
        }
        report.problems.append(error)
    }

    /// Something from `expected` on is missing or not certain. An open gap goes on.
    mutating func beginGap(_ cause: LogGap.Cause, segment: SegmentNumber, offset: UInt64? = nil, found: String) {
        guard openGap == nil else { return }
        openGap = LogGap(
            cause: cause,
            segment: segment.rawValue,
            offset: offset,
            found: found,
            firstBatch: expected?.number.rawValue,
            firstLSN: expected?.lsn
        )
    }

    mutating func mention(_ keys: [KeyMention]) {
        guard let count = openGap?.mentions.count else { return }
        openGap?.mentions += keys.prefix(InspectionLimits.mentionedKeys - count)
    }

    /// The log is known again from this batch number and LSN on.
    mutating func closeGap(before number: BatchNumber, _ lsn: LSN, endOffset: UInt64?) throws(WalkStop) {
        guard var gap = openGap else { return }
        gap.endOffset = endOffset
        gap.lastBatch = number.rawValue - min(number.rawValue, 1)
        gap.lastLSN = LSN(rawValue: lsn.rawValue - min(lsn.rawValue, 1))
        try add(gap)
    }

    /// The walk is over: what is missing has no known end.
    mutating func leaveGapOpen() throws(WalkStop) {
        if let gap = openGap { try add(gap) }
    }

    private mutating func add(_ gap: LogGap) throws(WalkStop) {
        openGap = nil
        if report.gaps.count < InspectionLimits.listedGaps {
            report.gaps.append(gap)
        } else {
            report.omittedGaps += 1
        }
        try emit(.gap(gap))
    }

    mutating func count(_ batch: BatchFacts) {
        // Nothing said where the log begins: where its first batch does.
        if expected == nil { begin(at: batch.firstLSN) }
        report.content.add(batch)
    }

    /// Its checksum is right; nobody has looked at its records.
    mutating func countUnopened() {
        report.unopenedBatches += 1
    }

    /// The log holds everything from here on.
    mutating func begin(at lsn: LSN) {
        report.retainedFrom = lsn
    }

    mutating func count(_ segment: SegmentFacts) {
        report.segments += 1
        report.bytes += segment.bytes
        guard let id = segment.header?.keyID, !report.keyIDs.contains(id) else { return }
        report.keyIDs.append(id)
    }

    /// The log counts from the next segment on.
    mutating func passOver(_ segment: LogSurvey.Segment) {
        report.passedOver.append(segment.facts.number)
        expected = nil
        facts = nil
    }

    /// Nothing before the next batch counts any more.
    mutating func sawRetirement() {
        report.sawRetirement = true
        expected = nil
        facts = nil
        openGap = nil
    }

    mutating func end(_ tail: LogTail) throws(WalkStop) {
        report.tail = tail
        try emit(.tail(tail))
    }

    mutating func judge(isNew: Bool, setAside: Bool, isInUse: Bool) -> LogReport {
        report.verdict = LogJudge.verdict(
            problem: report.problems.first,
            tail: report.tail,
            isNew: isNew,
            setAside: setAside,
            isClean: isClean,
            isInUse: isInUse
        )
        return report
    }
}
