/// When a round's process is killed.
enum KillMoment: Equatable, CustomStringConvertible {
    /// Microseconds after it was started: also before it does anything.
    case afterStart(UInt64)
    /// Microseconds after it began to open the store.
    case whileOpening(UInt64)
    /// Microseconds after the store was open.
    case whileRunning(UInt64)
    /// At the n-th acknowledgement: while the next batch is written.
    case atAcknowledgement(Int)
    /// Microseconds after it began to close the store.
    case whileClosing(UInt64)
    /// It kills itself.
    case atFailpoint(String)

    var description: String {
        switch self {
        case .afterStart(let microseconds): "\(microseconds) us after its start"
        case .whileOpening(let microseconds): "\(microseconds) us into opening"
        case .whileRunning(let microseconds): "after \(microseconds) us of commits"
        case .atAcknowledgement(let count): "at acknowledgement \(count)"
        case .whileClosing(let microseconds): "\(microseconds) us into closing"
        case .atFailpoint(let name): "at failpoint \(name)"
        }
    }
}

/// One round: how the store is opened, how much is done, when it ends. A function of seed and number.
struct KillPlan {
    var moment: KillMoment
    var shape = StoreShape()
    var committers: Int
    /// 0: until killed.
    var transactions: UInt64 = 0
    /// An encrypted store gets a new key.
    var rotatesKey: Bool

    init(seed: UInt64, round: Int, committers: Int, failpoints: [String]) {
        var random = SeededGenerator(seed: seed, UInt64(round))
        rotatesKey = SeededGenerator(seed: seed ^ 0x6B65_79, UInt64(round)).isOneIn(4)
        self.committers = Int.random(in: 1...max(1, committers), using: &random)
        shape.usesDirectIO = random.chance(1, in: 2)
        if random.chance(1, in: 3) {
            // Rotates every few transactions.
            shape.initialSegmentBytes = 64 << 10
            shape.maximumSegmentBytes = 64 << 10
            shape.checkpointLogBytes = 256 << 10
        }
        if !failpoints.isEmpty, random.chance(1, in: 2) {
            moment = .atFailpoint(failpoints[Int.random(in: 0..<failpoints.count, using: &random)])
            // Also those that are reached only by closing or opening.
            transactions = UInt64.random(in: 20...400, using: &random)
            return
        }
        switch Int.random(in: 0..<10, using: &random) {
        case 0: moment = .afterStart(.random(in: 0...25_000, using: &random))
        case 1, 2: moment = .whileOpening(.random(in: 0...20_000, using: &random))
        case 3: moment = .atAcknowledgement(.random(in: 1...200, using: &random))
        case 4, 5:
            moment = .whileClosing(.random(in: 0...10_000, using: &random))
            transactions = .random(in: 0...100, using: &random) + 1
        default: moment = .whileRunning(.random(in: 0...80_000, using: &random))
        }
    }
}
