/// Whether there is room for more writes (storage.md §5.8). Pure.
///
/// Writes are refused while what is left is needed for taking what was accepted into the snapshot, and for deletes: so a
/// full disk can always be emptied again.
struct SpaceJudgement: Sendable {
    /// Kept for a segment and for the pages that deletes copy.
    static let reserveBytes = 6 * LogLimits.mebibyte

    struct Facts: Equatable, Sendable {
        /// On the disk, for us.
        var diskBytes: Int
        /// Of the snapshot's file, for what waits.
        var reusableBytes: Int
        /// What a checkpoint of everything accepted may write.
        var writtenBytes: Int
        /// The next segment, unless it is prepared already.
        var segmentBytes: Int
        /// The smallest one that will do.
        var leastSegmentBytes: Int
    }

    private(set) var isLow = false

    /// Room that isn't spoken for; less than nothing if it isn't enough.
    static func roomBytes(_ facts: Facts) -> Int {
        facts.diskBytes + facts.reusableBytes - facts.writtenBytes - facts.segmentBytes
    }

    /// Hysteresis: half as much again must be free to leave the state.
    mutating func judge(_ facts: Facts) -> Bool {
        let room = Self.roomBytes(facts)
        let needed = isLow ? Self.reserveBytes * 3 / 2 : Self.reserveBytes
        isLow = room < needed || facts.diskBytes < 2 * facts.leastSegmentBytes
        return isLow
    }

    /// A write found the disk full, whatever the figures said.
    mutating func foundFull() {
        isLow = true
    }
}
