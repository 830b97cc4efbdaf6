import Storage

/// Progress of one pass over the log, in bytes of its files.
struct ReadingProgress {
    private let total: UInt64
    private let console: Console
    /// Bytes of the segments before the one that is read.
    private var before: UInt64 = 0

    init(_ facts: StoreFacts, _ console: Console) {
        total = facts.logBytes
        self.console = console
    }

    mutating func pass(_ event: LogEvent) {
        switch event {
        case .batch(let batch): show(before + batch.offset)
        case .segmentEnd(let segment): pass(segment)
        case .segment, .gap, .tail: break
        }
    }

    mutating func pass(_ segment: SegmentFacts) {
        before += segment.bytes
        show(before)
    }

    private func show(_ done: UInt64) {
        console.showProgress("reading the log", done: done, of: total)
    }
}
