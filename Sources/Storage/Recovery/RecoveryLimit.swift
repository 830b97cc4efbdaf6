/// How far the log is read.
enum RecoveryLimit: Equatable, Sendable {
    case none
    /// Whole transactions up to this position.
    case through(LSN)
    /// Up to a place in the log, as an operator decided who accepts the loss of what stands behind it.
    case place(SegmentNumber, offset: UInt64)

    /// The next batch must not be looked at.
    func stops(at end: LogEnd) -> Bool {
        switch self {
        case .none: false
        case .through(let lsn): end.nextLSN > lsn
        case .place(let segment, let offset): (end.segment, end.offset) >= (segment, offset)
        }
    }

    func includes(_ lsn: LSN) -> Bool {
        if case .through(let last) = self { return lsn <= last }
        return true
    }
}
