/// Who uses the snapshot's environment: when its map may move, and when it may go (storage.md §5.9). Pure.
///
/// LMDB allows neither while a transaction of this process is open. The store's own reads and writes end before, because
/// `growMap` and `close` hold the core's lock and come from the thread that writes. Copies run beside all that and are
/// counted here: the map doesn't grow under them, and the last one of a closed snapshot takes the environment along.
struct SnapshotLife: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case open
        /// Closed, but for the copies that still read.
        case closing
        case closed
    }

    enum Admission: Hashable, Sendable {
        case granted
        /// The map must grow first, or a row of copies would keep it from that for ever.
        case mapMustGrow
        case closed
    }

    private(set) var phase = Phase.open
    private(set) var copies = 0
    private(set) var waitsForGrowth = false

    mutating func beginCopy() -> Admission {
        guard phase == .open else { return .closed }
        guard !waitsForGrowth else { return .mapMustGrow }
        copies += 1
        return .granted
    }

    /// True: the caller closes the environment now.
    mutating func endCopy() -> Bool {
        precondition(copies > 0 && phase != .closed, "a copy ended twice")
        copies -= 1
        guard phase == .closing, copies == 0 else { return false }
        phase = .closed
        return true
    }

    /// True: the caller moves the map now, before anything else happens here.
    mutating func mayGrow() -> Bool {
        precondition(phase == .open, "a closed snapshot grows")
        waitsForGrowth = copies > 0
        return !waitsForGrowth
    }

    /// True: the caller closes the environment now.
    mutating func close() -> Bool {
        guard phase == .open else { return false }
        phase = copies > 0 ? .closing : .closed
        return phase == .closed
    }
}
