import Glibc

/// What came of the images so far. A process writes it down after each, so that its end by a signal loses nothing.
struct SnapshotTally: Equatable, Sendable {
    /// The image that is being tried, or the end.
    var next = 0
    /// States that the disk may leave, all sound.
    var sound = 0
    /// States that it can't leave: right all the same, earlier ones, refused at open or commit, found by the audit.
    var right = 0
    var earlier = 0
    var refused = 0
    var detected = 0
    /// The image is being read as tools read it, before an engine opens it.
    var isInTool = false
    /// Impossible states that tools showed as sound, and those that they refused or found damaged.
    var shown = 0
    var reported = 0

    private static let count = 9

    private var numbers: [Int] {
        [next, sound, right, earlier, refused, detected, isInTool ? 1 : 0, shown, reported]
    }

    var images: Int { sound + right + earlier + refused + detected }

    static func + (left: SnapshotTally, right: SnapshotTally) -> SnapshotTally {
        var sum = SnapshotTally()
        sum.sound = left.sound + right.sound
        sum.right = left.right + right.right
        sum.earlier = left.earlier + right.earlier
        sum.refused = left.refused + right.refused
        sum.detected = left.detected + right.detected
        sum.shown = left.shown + right.shown
        sum.reported = left.reported + right.reported
        return sum
    }

    func save(_ file: borrowing OpenFile) throws(DrillError) {
        var problem: DrillError?
        numbers.withUnsafeBytes { bytes in
            do throws(DrillError) { try file.write(bytes, at: 0) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    init() {}

    init(path: String) throws(DrillError) {
        let file = try OpenFile(path, O_RDONLY)
        var numbers = [Int](repeating: 0, count: Self.count)
        var problem: DrillError?
        numbers.withUnsafeMutableBytes { bytes in
            do throws(DrillError) { _ = try file.read(into: bytes, at: 0) } catch { problem = error }
        }
        if let problem { throw problem }
        (next, sound, right, earlier, refused, detected) =
            (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])
        (isInTool, shown, reported) = (numbers[6] == 1, numbers[7], numbers[8])
    }
}
